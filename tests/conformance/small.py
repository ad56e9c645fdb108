"""The small conformance list: what every dialect does, ours or another's; a class with a URL is all it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tdm_seed.dialects import resolve
from tdm_seed.engine import Progress, Seeder
from tdm_seed.engine.digest import TableDigest
from tdm_seed.environments import Environment, Project
from tdm_seed.errors import DatabaseError, Locked, SeedError, TdmSeedError, VerificationFailed
from tdm_seed.values import Changes, StepResult

TABLES = sa.MetaData()
COUNTRY = sa.Table(
    "country",
    TABLES,
    sa.Column("code", sa.String(2), primary_key=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
    sa.Column("area", sa.Numeric(12, 2)),
    sa.Column("warmth", sa.Double),
    sa.Column("island", sa.Boolean),
    sa.Column("since", sa.Date),
    sa.Column("seen", sa.DateTime),
    sa.Column("extra", sa.JSON),
)
CITY = sa.Table(
    "city",
    TABLES,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("country_code", sa.String(2), sa.ForeignKey("country.code"), nullable=False),
    sa.Column("name", sa.String(60), nullable=False),
    sa.Column("people", sa.Integer),
)

CSV = """\
code,name,area,warmth,island,since,seen,extra
DE,Deutschland,357022.1,9.3,false,1990-10-03,2026-01-05T10:00:00,"{""k"": [1, 2.5, null]}"
IE,"Éire, ""50%"" :ok",70273,9.1,true,1922-12-06,2026-01-05T23:59:59,
JP,日本,377975.24,,true,,,"[]"
"""

CITIES = """\
\"\"\"More cities than fit into one statement, which point to their countries by name.\"\"\"
depends_on = ["countries"]
NAMES = ["Deutschland", "日本"]

def upgrade(db):
    db.upsert(
        "city",
        [{"id": i, "country_code.name": NAMES[i % 2], "name": f"Stadt {i}", "people": i * 1000} for i in db.range("n")],
        key="id",
    )

def verify(db):
    db.expect("SELECT count(*) FROM city WHERE id > :least", equals=db.volume("n"), least=0)

def downgrade(db):
    db.delete("city", where="id > 0")
"""

CAPITAL = """\
-- A capital; ; % :none
-- depends_on: countries
INSERT INTO city (id, country_code, name, people)
SELECT 0, 'IE', 'Baile; "Átha" 50% :x -- Cliath', NULL WHERE NOT EXISTS (SELECT 1 FROM city WHERE id = 0);
UPDATE city SET people = 7 WHERE id = -1;

-- tdm-seed: verify
SELECT count(*) = 1 FROM city WHERE id = 0;

-- tdm-seed: downgrade
DELETE FROM city WHERE id = 0;
"""

SEEDS = {
    "reference/20260101_0000_countries.csv": CSV,
    "reference/20260101_0000_countries.toml": 'table = "country"\n',
    "reference/20260101_0100_cities.py": CITIES,
    "reference/20260101_0200_capital.sql": CAPITAL,
}


@dataclass(frozen=True)
class Shop:
    """A project of three seeds, and its database with two tables."""

    folder: Path
    url: str

    def write(self, files: Mapping[str, str]) -> None:
        """Write seeds by their path below ``seeds/``."""
        for name, content in files.items():
            path = self.folder / "seeds" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")

    def add(self, name: str, script: str) -> None:
        """Write one more seed, ``name`` being its own name with ``.py`` or ``.sql``."""
        self.write({f"reference/20260201_0000_{name}": script})

    def seeder(self, progress: Progress | None = None, lock_timeout: float = 10.0) -> Seeder:
        """Work on it as the command line does."""
        environment = Environment(
            "dev",
            Project(root=self.folder, seeds=self.folder / "seeds"),
            given_url=self.url,
            now=datetime(2026, 1, 5, tzinfo=UTC),
            volumes={"n": 200},
        )
        return Seeder(environment, lock_timeout=lock_timeout, progress=progress)

    def upgrade(self, **how: Any) -> list[StepResult]:
        """Run ``upgrade``."""
        with self.seeder() as seeder:
            return seeder.upgrade(**how)

    def changes(self, **how: Any) -> dict[str, str]:
        """Run ``upgrade`` and give what each seed did in its short form."""
        return {result.seed.name: str(result.changes) for result in self.upgrade(**how)}

    def history(self) -> list[tuple[str, str]]:
        """List what history says, oldest first."""
        with self.seeder() as seeder:
            return [(entry.seed.split("_", 2)[2], entry.state.value) for entry in seeder.history()]

    def digest(self) -> list[TableDigest]:
        """Digest the whole database."""
        with self.seeder() as seeder:
            return seeder.digest()

    def rows(self, query: sa.Executable) -> list[tuple[Any, ...]]:
        """Read through a connection that is none of the tool's."""
        dialect, url = resolve(self.url)
        engine = dialect.engine(url, "a reader")
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(query)]
        finally:
            engine.dispose()

    def insert(self, table: sa.Table, **values: Any) -> None:
        """Write a row through a connection that is none of the tool's."""
        dialect, url = resolve(self.url)
        engine = dialect.engine(url, "a migration")
        with engine.begin() as connection:
            connection.execute(sa.insert(table).values(**values))
        engine.dispose()

    def count(self, table: sa.Table) -> int:
        """Count the rows of a table."""
        return int(self.rows(sa.select(sa.func.count()).select_from(table))[0][0])


def shop_at(url: str, folder: Path) -> Shop:
    """Make the tables and write the seeds."""
    dialect, found = resolve(url)
    engine = dialect.engine(found, "a migration")
    with engine.begin() as connection:
        TABLES.create_all(connection)
    engine.dispose()
    shop = Shop(folder, url)
    shop.write(SEEDS)
    return shop


class SmallConformance:
    """Inherit it and give a fixture ``url``, the URL of an empty database."""

    @pytest.fixture
    def shop(self, url: str, tmp_path: Path) -> Shop:
        """The database at ``url`` with its tables, and the seeds for it."""
        return shop_at(url, tmp_path / "project")

    def test_seeds_of_all_kinds_are_applied_and_counted(self, shop: Shop) -> None:
        """Data, Python and SQL; few rows and more than fit into a statement; references by what people know."""
        assert {"countries": "+3", "cities": "+200", "capital": "+1"} == shop.changes()
        assert [("countries", "applied"), ("cities", "applied"), ("capital", "applied")] == shop.history()
        query = sa.select(CITY.c.country_code, CITY.c.name).where(CITY.c.id.in_([0, 1, 2])).order_by(CITY.c.id)
        assert [("IE", 'Baile; "Átha" 50% :x -- Cliath'), ("JP", "Stadt 1"), ("DE", "Stadt 2")] == shop.rows(query)

    def test_values_arrive_as_they_were_given(self, shop: Shop) -> None:
        """Decimals, booleans, dates, times and JSON, through the column's type."""
        shop.upgrade()
        query = sa.select(*(column for column in COUNTRY.c if column.name != "warmth")).order_by(COUNTRY.c.code)
        assert [
            ("DE", "Deutschland", Decimal("357022.10"), False, date(1990, 10, 3), datetime(2026, 1, 5, 10),
             {"k": [1, 2.5, None]}),
            ("IE", 'Éire, "50%" :ok', Decimal("70273.00"), True, date(1922, 12, 6),
             datetime(2026, 1, 5, 23, 59, 59), None),
            ("JP", "日本", Decimal("377975.24"), True, None, None, []),
        ] == shop.rows(query)  # fmt: skip

    def test_a_second_run_has_nothing_to_do(self, shop: Shop) -> None:
        """Nothing is pending, and every seed forced again finds its rows as they should be."""
        shop.upgrade()
        assert {} == shop.changes()
        again = shop.upgrade(again=["countries", "cities", "capital"])
        assert [False, False, False] == [bool(result.changes) for result in again]

    def test_changes_of_a_seed_are_told_exactly(self, shop: Shop) -> None:
        """One row is new, one is different by its case only, one loses a value, and only those are touched."""
        shop.upgrade(targets=["countries"])
        changed = CSV.replace("Deutschland", "DEUTSCHLAND").replace(",377975.24,,true", ",,,true") + "MT,Malta,,,,,,\n"
        shop.write({"reference/20260101_0000_countries.csv": changed})
        (result,) = shop.upgrade(targets=["countries"])
        assert {"country": Changes(inserted=1, updated=2, unchanged=1)} == result.tables

    def test_rows_that_are_given_no_more_can_be_removed(self, shop: Shop) -> None:
        """As far as ``where`` reaches."""
        shop.upgrade()
        shop.add(
            "prune.py",
            "def upgrade(db):\n    db.upsert('city', [{'id': 5, 'name': 'Stadt 5', 'country_code': 'JP'}], "
            "missing='delete', where='id BETWEEN 1 AND 9')\n",
        )
        assert {"prune": "=1 -8"} == shop.changes()

    def test_a_reference_to_no_row_is_named(self, shop: Shop) -> None:
        """With its row and its value, and nothing is kept."""
        rows = [
            {"id": 900, "name": "a", "country_code.name": "日本"},
            {"id": 901, "name": "b", "country_code.name": "Ys"},
        ]
        shop.add("lost.py", f"depends_on = ['countries']\ndef upgrade(db):\n    db.insert('city', {rows!r})\n")
        with pytest.raises(SeedError, match=r"row 2, column country_code\.name: no row of country has name = 'Ys'"):
            shop.upgrade(targets=["lost"])
        assert (0, 3) == (shop.count(CITY), shop.count(COUNTRY))

    def test_a_seed_that_fails_leaves_nothing_behind(self, shop: Shop) -> None:
        """Neither rows nor a history entry, while the seeds before it stay."""
        shop.add(
            "broken.py",
            "def upgrade(db):\n    db.insert('country', {'code': 'XX', 'name': 'Nowhere'})\n    1 / 0\n",
        )
        with pytest.raises(SeedError, match=r"20260201_0000_broken\.py:3: ZeroDivisionError") as failed:
            shop.upgrade()
        assert ["countries", "cities", "capital"] == [result.seed.name for result in failed.value.done]
        assert [("countries", "applied"), ("cities", "applied"), ("capital", "applied")] == shop.history()
        assert 3 == shop.count(COUNTRY)

    def test_a_seed_that_breaks_its_word_leaves_nothing_behind(self, shop: Shop) -> None:
        """``verify`` runs inside the promise."""
        shop.add(
            "liar.py",
            "def upgrade(db):\n    db.insert('country', {'code': 'XX', 'name': 'Nowhere'})\n"
            "def verify(db):\n    assert db.scalar('SELECT count(*) FROM country') == 99\n",
        )
        with pytest.raises(VerificationFailed, match="99"):
            shop.upgrade()
        assert 3 == shop.count(COUNTRY)

    def test_no_orphan_survives(self, shop: Shop) -> None:
        """Whatever the database checks by itself."""
        shop.add(
            "orphan.sql",
            "-- depends_on: countries\nINSERT INTO city (id, country_code, name) VALUES (1, 'QQ', 'x');\n",
        )
        with pytest.raises(DatabaseError):
            shop.upgrade(targets=["orphan"])
        assert (0, [("countries", "applied")]) == (shop.count(CITY), shop.history())

    def test_a_duplicate_key_is_refused_in_words(self, shop: Shop) -> None:
        """Which name the table and the seed."""
        shop.add("twice.py", "def upgrade(db):\n    db.insert('country', {'code': 'DE', 'name': 'Twice'})\n")
        with pytest.raises(DatabaseError) as failed:
            shop.upgrade()
        assert ("country", "20260201_0000_twice") == (failed.value.place.table, failed.value.place.seed)

    def test_a_seed_may_not_end_its_transaction(self, shop: Shop) -> None:
        """Neither in SQL nor in Python; both are refused, and nothing is kept."""
        shop.add("ends.sql", "INSERT INTO country (code, name) VALUES ('XX', 'x');\nCOMMIT;\n")
        with pytest.raises(SeedError, match=r"20260201_0000_ends\.sql:2: COMMIT would end"):
            shop.upgrade()
        (shop.folder / "seeds/reference/20260201_0000_ends.sql").unlink()
        insert = "db.insert('country', {'code': 'XX', 'name': 'Nowhere'})"
        shop.add("ends.py", f"def upgrade(db):\n    {insert}\n    db.connection.commit()\n")
        with pytest.raises(SeedError, match=r"20260201_0000_ends\.py:3: .* runs inside a transaction"):
            shop.upgrade(targets=["ends"])
        assert (0, []) == (shop.count(COUNTRY), shop.history())

    def test_a_dry_run_tells_the_changes_and_keeps_none(self, shop: Shop) -> None:
        """It may be done for real right afterwards, on the same connection."""
        with shop.seeder() as seeder:
            dry = seeder.upgrade(dry_run=True)
            assert [] == seeder.history()
            wet = seeder.upgrade()
        for results in (dry, wet):
            assert {"countries": "+3", "cities": "+200", "capital": "+1"} == {
                result.seed.name: str(result.changes) for result in results
            }
        assert (3, 201) == (shop.count(COUNTRY), shop.count(CITY))

    def test_seeds_are_verified_later(self, shop: Shop) -> None:
        """The rows may have been changed by others."""
        shop.upgrade()
        shop.add("careless.py", "def upgrade(db):\n    db.delete('city', where='id = 0')\n")
        shop.upgrade()
        with shop.seeder() as seeder:
            found = {each.seed.name: each.error is None for each in seeder.verify()}
        assert {"cities": True, "capital": False} == found

    def test_a_reset_brings_back_what_was_there_first_and_seeds_again(self, shop: Shop) -> None:
        """The same rows as before; children go before their parents."""
        shop.insert(
            COUNTRY, code="AT", name="Österreich", area=Decimal("83871.00"), warmth=6.35, seen=datetime(2026, 1, 5)
        )
        shop.upgrade()
        first = shop.digest()
        with shop.seeder() as seeder:
            done = seeder.reset(confirmed=True)
        assert {"city": (201, 0), "country": (4, 1)} == {
            each.table: (each.rows, each.restored) for each in done.emptying.tables
        }
        assert first == shop.digest()

    def test_downgrade_takes_a_seed_and_what_needs_it_back(self, shop: Shop) -> None:
        """To the same content as before."""
        shop.upgrade(targets=["countries"])
        before = [(table.table, table.digest) for table in shop.digest()]
        shop.upgrade()
        with shop.seeder() as seeder:
            assert ["-1"] == [str(result.changes) for result in seeder.downgrade("capital")]
            assert ["-200"] == [str(result.changes) for result in seeder.downgrade("cities")]
        assert before == [(table.table, table.digest) for table in shop.digest()]
        assert [("capital", "reverted"), ("cities", "reverted")] == shop.history()[-2:]
        assert {"cities": "+200", "capital": "+1"} == shop.changes()

    def test_an_orm_session_writes_into_the_seed_s_transaction(self, shop: Shop) -> None:
        """It is committed with the seed, and taken back with it."""
        script = (
            "import sqlalchemy as sa\ndef upgrade(db):\n    with db.session() as session:\n"
            "        session.execute(sa.insert(db.table('country')).values(code='XX', name='x'))\n"
        )
        shop.add("session.py", script + "    raise ValueError('as it happens')\n")
        with pytest.raises(SeedError, match="ValueError: as it happens"):
            shop.upgrade()
        assert 3 == shop.count(COUNTRY)
        shop.add("session.py", script)
        shop.upgrade()
        assert 4 == shop.count(COUNTRY)

    def test_a_seed_without_a_transaction_commits_each_statement(self, shop: Shop) -> None:
        """History says so before it begins, and again when it is done or has failed."""
        script = "transaction = 'none'\ndef upgrade(db):\n    db.upsert('country', [{'code': 'XX', 'name': 'x'}])\n"
        shop.add("open.py", script + "    1 / 0\n")
        with pytest.raises(SeedError, match="ZeroDivisionError"):
            shop.upgrade()
        assert 4 == shop.count(COUNTRY)
        shop.add("open.py", script)
        assert {"open": "=1"} == shop.changes()
        assert ["running", "running", "running", "applied"] == [
            state for name, state in shop.history() if name == "open"
        ]

    def test_one_runner_at_a_time(self, shop: Shop) -> None:
        """Whoever comes second is told who holds the lock."""
        met: list[TdmSeedError] = []

        class Intruder(Progress):
            def reached(self, point: str) -> None:
                if point == "before commit" and not met:
                    with shop.seeder(lock_timeout=0) as second, pytest.raises(Locked) as refused:
                        second.upgrade()
                    met.append(refused.value)

        with shop.seeder(Intruder()) as seeder:
            seeder.upgrade()
        assert ["another runner holds the lock"] == [str(error).partition(":")[0] for error in met]
        assert " pid " in str(met[0])

    def test_the_digest_is_that_of_sqlite(self, shop: Shop, tmp_path: Path) -> None:
        """The same seeds give the same content, whatever the database."""
        sqlite = shop_at(f"sqlite:///{tmp_path / 'same.db'}", tmp_path / "same")
        sqlite.upgrade()
        shop.upgrade()
        assert sqlite.digest() == shop.digest()
        assert [201, 3] == [table.rows for table in shop.digest()]
