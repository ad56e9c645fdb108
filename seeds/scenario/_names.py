"""Names of people and places, kept here so that a customer is called the same on every machine, for ever."""

import unicodedata

FIRST = [
    "Ada", "Agnes", "Amara", "Anton", "Ayşe", "Beatriz", "Bruno", "Camille", "Carlos", "Chloé", "Clara",
    "Daniel", "Dara", "David", "Elena", "Elif", "Emil", "Emma", "Farah", "Felix", "Finn", "Freya",
    "Gabriel", "Grace", "Hana", "Hugo", "Ida", "Inês", "Ivan", "Jakub", "Jana", "Joana", "Jonas", "José",
    "Kaia", "Karim", "Kofi", "Laura", "Leo", "Lina", "Luca", "Lucía", "Magda", "Marco", "Maria", "Mateo",
    "Maya", "Mia", "Mila", "Nadia", "Nils", "Noah", "Nora", "Olga", "Omar", "Oscar", "Petra", "Priya",
    "Rafael", "Renée", "Rosa", "Samir", "Sara", "Sofia", "Stefan", "Tara", "Theo", "Tomás", "Vera",
    "Yusuf", "Zoë",
]  # fmt: skip

LAST = [
    "Adeyemi", "Almeida", "Andersson", "Bakker", "Baptiste", "Bauer", "Becker", "Bennett", "Bergström",
    "Bianchi", "Carvalho", "Chen", "Costa", "Dubois", "Duarte", "Eriksson", "Evans", "Fernández",
    "Fischer", "Fontaine", "García", "Gomes", "Greco", "Haddad", "Hansen", "Hoffmann", "Horváth",
    "Hughes", "Ibrahim", "Jansen", "Johansson", "Kaya", "Keller", "Khan", "Kovács", "Kowalski", "Laurent",
    "Lefèvre", "Lindqvist", "López", "Maier", "Marino", "Martin", "Mensah", "Moreau", "Müller", "Nagy",
    "Nakamura", "Novák", "Okafor", "Olsen", "Patel", "Pereira", "Popescu", "Ricci", "Romano", "Santos",
    "Schmidt", "Schneider", "Silva", "Singh", "Taylor", "Torres", "Vermeulen", "Virtanen", "Wagner",
    "Walker", "Weber", "Wilson", "Zimmermann",
]  # fmt: skip

STREETS = [
    "Abbey Road", "Acacia Avenue", "Alder Close", "Ash Grove", "Bakery Lane", "Beech Street", "Bell Yard",
    "Birch Walk", "Bridge Street", "Brook Lane", "Canal Street", "Castle Hill", "Cedar Avenue",
    "Chapel Row", "Cherry Lane", "Chestnut Drive", "Church Street", "Cloth Market", "Coach Road",
    "Copper Alley", "Crescent Road", "Dock Street", "Elm Street", "Ferry Road", "Field Lane",
    "Fountain Square", "Garden Street", "Gate Street", "Green Lane", "Harbour Road", "Hazel Way",
    "High Street", "Hill Road", "Juniper Walk", "King Street", "Lake View", "Library Square",
    "Lime Avenue", "Linden Street", "Maple Road", "Market Square", "Meadow Lane", "Mill Lane",
    "Mint Street", "North Parade", "Oak Avenue", "Old Post Road", "Orchard Street", "Park Road",
    "Pine Street", "Poplar Row", "Quay Street", "River Walk", "Rose Lane", "Rowan Close", "School Lane",
    "South Terrace", "Spring Gardens", "Station Road", "Sycamore Drive", "Tanner Street", "Tower Hill",
    "Victoria Road", "Vine Street", "Walnut Way", "Water Lane", "Weaver Street", "West Gate",
    "Willow Walk", "Windmill Hill",
]  # fmt: skip

CITIES = [  # (country, city, postal code); the currency of each country has cents
    ("DE", "Berlin", "10115"),
    ("FR", "Lyon", "69002"),
    ("GB", "Bristol", "BS1 4DJ"),
    ("NL", "Utrecht", "3511 AB"),
    ("US", "Portland", "97205"),
    ("ES", "Valencia", "46001"),
    ("SE", "Gothenburg", "411 03"),
    ("PL", "Kraków", "31-042"),
    ("AT", "Graz", "8010"),
    ("BR", "Curitiba", "80010-000"),
    ("CH", "Zürich", "8001"),
    ("BE", "Ghent", "9000"),
    ("DE", "Leipzig", "04109"),
    ("PT", "Porto", "4000-008"),
    ("IT", "Bologna", "40121"),
    ("US", "Madison", "53703"),
    ("IE", "Cork", "T12 X8W6"),
    ("DK", "Aarhus", "8000"),
    ("FR", "Nantes", "44000"),
    ("CA", "Halifax", "B3H 1T5"),
    ("NO", "Bergen", "5003"),
    ("GB", "Leeds", "LS1 4AP"),
    ("FI", "Tampere", "33100"),
    ("CZ", "Brno", "602 00"),
    ("BG", "Plovdiv", "4000"),
]

LANGUAGES = {  # what most people speak in each of these countries, by ISO 639-1
    "AT": "de", "BE": "nl", "BG": "bg", "BR": "pt", "CA": "en", "CH": "de", "CZ": "cs", "DE": "de", "DK": "da",
    "ES": "es", "FI": "fi", "FR": "fr", "GB": "en", "IE": "en", "IT": "it", "NL": "nl", "NO": "nb", "PL": "pl",
    "PT": "pt", "SE": "sv", "US": "en",
}  # fmt: skip


def plain(name: str) -> str:
    """Return `name` as an email address spells it: lower case, and the bare letters of ASCII."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return letters.lower()
