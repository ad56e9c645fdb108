"""Chance and clock belong to the environment and the seed, not to the machine."""

from __future__ import annotations

import calendar
import json
import random
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from faker import Faker

from tdm_seed import faking
from tests.engine.playground import Playground

NOW = datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)

#: Writes what chance and Faker give, in a process whose surroundings the test chooses.
SHOW = """
def upgrade(db):
    values = [db.random.random(), db.random.choice(range(1000)), db.random.sample(range(99), 5), db.fake.name(),
              db.fake.date_time_between("-90d", "now").isoformat(), db.fake.date_of_birth().isoformat(),
              db.fake.passport_full(), db.fake.profile(["job", "mail"]), db.fake.random_elements("abcdef"),
              db.fake.date_between_dates("-90y", "-50y").isoformat(), db.now.isoformat()]
    db.load("item", [{"id": ID, "label": __import__("hashlib").sha256(repr(values).encode()).hexdigest()}])
"""


def label(play: Playground, number: int = 1) -> str:
    """Give what the seed saw."""
    ((found,),) = play.rows(f"SELECT label FROM item WHERE id = {number}")
    return str(found)


def test_values_do_not_depend_on_other_seeds(sqlite_play: Playground) -> None:
    """Before or after others, alone or among them."""
    shown = sqlite_play.seed("shown", SHOW.replace("ID", "1"))
    sqlite_play.seed("greedy", SHOW.replace("ID", "2"))
    sqlite_play.ran("shown")
    alone = label(sqlite_play)
    sqlite_play.sql("DELETE FROM item", "DELETE FROM seed_history")
    sqlite_play.path(shown).rename(sqlite_play.path(shown).with_name(f"{shown}.py"))
    sqlite_play.ran("greedy")
    sqlite_play.ran()
    assert alone == label(sqlite_play)
    assert alone != label(sqlite_play, 2)


def test_values_follow_the_random_seed_and_the_clock(sqlite_play: Playground) -> None:
    """Another seed or another day, other values; the same ones, the same."""
    sqlite_play.seed("shown", SHOW.replace("ID", "1"))
    found = []
    for given in ({}, {"random_seed": 8}, {"now": "2020-01-01"}, {}):
        sqlite_play.sql("DELETE FROM item")
        sqlite_play.ran(again=("shown",) if found else (), **given)
        found.append(label(sqlite_play))
    assert found[0] == found[3]
    assert 3 == len(set(found))


def test_values_do_not_depend_on_the_machine(sqlite_play: Playground) -> None:
    """Nor on its time zone, locale or the seed of its hashes."""
    sqlite_play.seed("shown", SHOW.replace("ID", "1"))
    found = set()
    for number, (zone, locale) in enumerate((("UTC", "C"), ("Asia/Kathmandu", "C.UTF-8"), ("PST8PDT", "tr_TR.UTF-8"))):
        ran = sqlite_play.command("upgrade", environ={"TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": str(number)})
        assert 0 == ran.returncode, ran.stderr
        found.add(label(sqlite_play))
        sqlite_play.sql("DELETE FROM item", "DELETE FROM seed_history")
    assert 1 == len(found)


@pytest.mark.parametrize(
    ("call", "earliest", "latest"),
    [
        ('date_time_between("-90d", "now")', NOW - timedelta(days=90), NOW),
        ("date_time_this_year()", NOW.replace(month=1, day=1, hour=0), NOW),
        ("past_datetime()", NOW - timedelta(days=30), NOW),
        ("future_datetime()", NOW, NOW + timedelta(days=31)),
        ("past_date()", NOW - timedelta(days=31), NOW),
        ("future_date()", NOW, NOW + timedelta(days=31)),
        ('date_between("-1y", "today")', NOW - timedelta(days=366), NOW),
        ("date_of_birth(maximum_age=10)", NOW.replace(year=1990), NOW),
        ("date_time()", datetime(1970, 1, 1, tzinfo=UTC), NOW),
        ("date_this_month()", NOW.replace(day=1), NOW),
        ("passport_dob()", NOW.replace(year=1880), NOW),
    ],
)
def test_faker_takes_now_from_the_environment(call: str, earliest: datetime, latest: datetime) -> None:
    """Each of its methods that reads a clock reads ours, and gives plain values."""
    fake = faking.faker("en_US", 5, NOW)
    for _ in range(50):
        value: Any = eval(f"fake.{call}", {"fake": fake})
        assert type(value) in (date, datetime)
        days = (value.date() if isinstance(value, datetime) else value) - NOW.date()
        assert (earliest - NOW).days <= days.days <= (latest - NOW).days + 1


def test_faker_knows_no_day_of_the_machine() -> None:
    """Passports issued, birthdays in social security numbers: none of them lies behind the environment's day."""
    fake = faking.faker("en_US", 5, NOW)
    for _ in range(20):
        born, issued, _expires = (datetime.strptime(each, "%d %b %Y") for each in fake.passport_dates())
        assert NOW.date() == born.date()
        assert issued.date() <= NOW.date() + timedelta(days=1)
    swede = faking.faker("sv_SE", 5, NOW)
    assert {True} == {int(swede.ssn(long=True)[:4]) <= 2001 for _ in range(50)}


@pytest.mark.parametrize("locale", ["en_US", "uk_UA", "es_MX", "el_GR", "th_TH"])
def test_chance_comes_from_the_seed_alone(locale: str) -> None:
    """Some of Faker's providers draw from Python's shared ``random``; here they do not, nor do they move it."""

    def drawn() -> list[str]:
        fake = faking.faker(locale, 5, NOW)
        return [str(fake.ssn()) for _ in range(20)] + [str(fake.passport_number()), fake.license_plate()]

    random.seed(1)
    first = drawn()
    untouched = random.random()
    random.seed(1)
    assert untouched == random.random()
    assert first == drawn()


def test_one_seeds_faker_leaves_the_others_alone() -> None:
    """The clock of the process goes on, and two clocks stand side by side."""
    early, late = faking.faker("en_US", 5, NOW), faking.faker("en_US", 5, NOW.replace(year=2041))
    assert (2001, 2041) == (early.date_time_this_year().year, late.date_time_this_year().year)
    assert datetime.now().year - 1 <= Faker().date_time_this_year().year <= datetime.now().year


def test_a_method_that_a_locale_overrides_stays_its_own() -> None:
    """Copying a class of Faker's must not bring back what a subclass replaced."""
    for locale in ("pl_PL", "fi_FI", "th_TH", "ru_RU", "de_DE"):
        plain, ours = Faker(locale, use_weighting=True), faking.faker(locale, 5, NOW)
        plain.seed_instance(3)
        ours.seed_instance(3)
        for method in ("name", "address", "phone_number", "company"):
            assert [getattr(plain, method)() for _ in range(5)] == [getattr(ours, method)() for _ in range(5)], method
    polish = faking.faker("pl_PL", 5, NOW)
    assert set() == {polish.month_name() for _ in range(50)} & set(calendar.month_name)


def test_the_words_of_italy_do_not_follow_pythonhashseed(sqlite_play: Playground) -> None:
    """Faker makes its list of Italian towns from a set."""
    show = (
        "import json; from datetime import datetime, UTC; from tdm_seed import faking; "
        "print(json.dumps([faking.faker('it_IT', 5, datetime(2001, 2, 3, tzinfo=UTC)).city() for _ in range(3)]))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", show],
            env=sqlite_play.environ(PYTHONHASHSEED=number),
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for number in ("1", "2")
    }
    assert 1 == len(found)
    assert 3 == len(json.loads(found.pop()))
