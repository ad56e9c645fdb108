"""Files that are named, placed or saved wrongly."""

from __future__ import annotations

import os
from pathlib import Path

from tests.mistakes.case import COUNTRIES, DEV, NEW, PEOPLE, PY, SQL, Case

UPGRADE = "def upgrade(db): ...\n"
RAISES = "def upgrade(db):\n    raise ValueError('no such colour')\n"


def loop(root: Path) -> None:
    """Make a link that leads to itself."""
    (root / PY).symlink_to(root / PY)


def dangling(root: Path) -> None:
    """Make a link that leads nowhere."""
    (root / PY).symlink_to(root / "nowhere.py")


def folder(root: Path) -> None:
    """Make a folder that is named like a seed."""
    (root / PY).mkdir()


def renamed(root: Path) -> None:
    """Rename an applied seed."""
    (root / PEOPLE).rename(root / PEOPLE.replace("people", "persons"))


def moved(root: Path) -> None:
    """Move an applied seed to another time."""
    (root / COUNTRIES).rename(root / COUNTRIES.replace("20260101_0900", "20260101_0800"))


def locked(root: Path) -> None:
    """Make a folder where the lock file would be."""
    os.makedirs(root / "dev.db.tdm-seed.lock")
    (root / PY).write_text(UPGRADE)


CASES = (
    Case(
        "file: no time before its name",
        {"seeds/reference/cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/cities.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to YYYYMMDD_HHMM_cities.py, or to _cities.py if it is code that seeds share.",
    ),
    Case(
        "file: hyphens in its name",
        {"seeds/reference/2026-01-03-cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/2026-01-03-cities.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to YYYYMMDD_HHMM_cities.py.",
    ),
    Case(
        "file: a hyphen behind the time",
        {"seeds/reference/20260103_1000_big-cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_1000_big-cities.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to 20260103_1000_big_cities.py.",
    ),
    Case(
        "file: capitals in its name",
        {"seeds/reference/20260103_1000_Cities.sql": "SELECT 1;"},
        word="seed",
        at="seeds/reference/20260103_1000_Cities.sql",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to 20260103_1000_cities.sql.",
    ),
    Case(
        "file: a blank in its name",
        {"seeds/reference/20260103_1000_cities copy.sql": "SELECT 1;"},
        word="seed",
        at="seeds/reference/20260103_1000_cities copy.sql",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to 20260103_1000_cities_copy.sql.",
    ),
    Case(
        "file: letters beyond ASCII in its name",
        {"seeds/reference/20260103_1000_städte.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_1000_städte.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to 20260103_1000_st_dte.py.",
    ),
    Case(
        "file: no name behind the time",
        {"seeds/reference/20260103_1000_.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_1000_.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to 20260103_1000_name.py.",
    ),
    Case(
        "file: seconds in its time",
        {"seeds/reference/20260103_100000_cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_100000_cities.py",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint="Rename it to YYYYMMDD_HHMM_cities.py.",
    ),
    Case(
        "file: a month that does not exist",
        {"seeds/reference/20261303_1000_cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/20261303_1000_cities.py",
        says=("is named after a time that does not exist, 20261303_1000",),
        hint="Rename it to YYYYMMDD_HHMM_cities.py.",
    ),
    Case(
        "file: an hour that does not exist",
        {"seeds/reference/20260103_2400_cities.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_2400_cities.py",
        says=("is named after a time that does not exist, 20260103_2400",),
        hint="Rename it to YYYYMMDD_HHMM_cities.py.",
    ),
    Case(
        "file: a dot in its name",
        {"seeds/reference/20260103_1000_cities.v2.py": UPGRADE},
        word="seed",
        at="seeds/reference/20260103_1000_cities.v2.py",
        says=("has a dot in its name",),
        hint="Rename it to 20260103_1000_cities_v2.py.",
    ),
    Case(
        "file: data named after no time",
        {"seeds/reference/2026_cities.csv": "id\n"},
        word="seed",
        at="seeds/reference/2026_cities.csv",
        says=("is not named like a seed, YYYYMMDD_HHMM_name with small letters, digits and _ in the name",),
        hint='Rename it to YYYYMMDD_HHMM_cities.csv. Data that a script reads is declared in its header, data = ["2026_cities.csv"].',
    ),
    Case(
        "file: two of one name",
        {PY: UPGRADE, "seeds/scenario/20260103_1100_new.py": UPGRADE},
        word="seed",
        at="seeds/scenario/20260103_1100_new.py",
        says=("has the name new, which seeds/reference/20260103_1000_new.py has already",),
        hint="Rename one of them: a name is unique in the project, whatever its time and folder.",
    ),
    Case(
        "file: two of one revision",
        {PY: UPGRADE, "seeds/reference/20260103_1000_new.sql": "SELECT 1;"},
        word="seed",
        at=PY,
        says=("has the same revision as 20260103_1000_new.sql",),
        hint="Rename one of them.",
    ),
    Case(
        "file: in no layer",
        {"seeds/20260103_1000_new.py": UPGRADE},
        word="seed",
        at="seeds/20260103_1000_new.py",
        says=("is named like a seed and lies in no layer, so it would never run",),
        hint="Move it into reference or scenario.",
    ),
    Case(
        "file: in a misspelt layer",
        {"seeds/refrence/20260103_1000_new.py": UPGRADE},
        word="seed",
        at="seeds/refrence/20260103_1000_new.py",
        says=("is named like a seed and lies in no layer, so it would never run",),
        hint="Move it into reference or scenario.",
    ),
    Case(
        "file: in a folder of another word",
        {"seeds/scenarios/20260103_1000_new.py": UPGRADE},
        word="seed",
        at="seeds/scenarios/20260103_1000_new.py",
        says=("is named like a seed and lies in no layer, so it would never run",),
        hint="Move it into reference or scenario.",
    ),
    Case(
        "file: a link that leads to itself",
        prepare=loop,
        word="seed",
        at=PY,
        says=("cannot be read: Too many levels of symbolic links",),
        hint="Check what it is, and who may read it.",
    ),
    Case(
        "file: a link that leads nowhere",
        prepare=dangling,
        word="seed",
        at=PY,
        says=("cannot be read: No such file or directory",),
        hint="Check what it is, and who may read it.",
    ),
    Case(
        "file: renamed after it was applied",
        prepare=renamed,
        at=f"{DEV}:2",
        says=("the environment lists the scenario people, which fits none",),
        hint="Scenarios: persons.",
    ),
    Case(
        "file: moved to another time after it was applied",
        prepare=moved,
        word="drift",
        at="seeds/reference/20260101_0800_countries.csv",
        seed="20260101_0800_countries",
        says=(
            "has the very content of 20260101_0900_countries, whose rows are there and whose file is gone: it was renamed, and applied under another name it would write its rows a second time",
        ),
        hint="`tdm-seed repair 20260101_0800_countries` accepts the new name. If it is a seed of its own, change it, if only a comment.",
    ),
    Case(
        "file: with a byte order mark, and a line that raises",
        {PY: b"\xef\xbb\xbf" + RAISES.encode()},
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        says=("ValueError: no such colour",),
        hint="Correct the seed; `-v` shows the whole stack.",
    ),
    Case(
        "file: with CRLF, and a line that raises",
        {PY: RAISES.replace("\n", "\r\n")},
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        says=("ValueError: no such colour",),
        hint="Correct the seed; `-v` shows the whole stack.",
    ),
    Case(
        "file: with the newlines of an old Mac, and a line that raises",
        {PY: RAISES.replace("\n", "\r")},
        word="seed",
        at=f"{PY}:2",
        seed=NEW,
        says=("ValueError: no such colour",),
        hint="Correct the seed; `-v` shows the whole stack.",
    ),
    Case(
        "file: in a folder with a blank and letters beyond ASCII",
        {"seeds/reference/Städte im Süden/20260103_1000_new.py": RAISES},
        word="seed",
        at="seeds/reference/Städte im Süden/20260103_1000_new.py:2",
        seed=NEW,
        says=("ValueError: no such colour",),
        hint="Correct the seed; `-v` shows the whole stack.",
    ),
    Case(
        "file: SQL with a byte order mark",
        {"seeds/reference/20260103_1000_new.sql": b"\xef\xbb\xbf-- depends_on: x\nSELECT 1;"},
        word="seed",
        at=f"{SQL}:1",
        seed=NEW,
        says=("depends on x, and there is no such seed",),
        hint="depends_on names seeds by their name or revision.",
    ),
    Case(
        "file: a folder where the lock would be",
        prepare=locked,
        word="database",
        at="dev.db.tdm-seed.lock",
        says=("cannot open the lock file for writing: Is a directory",),
        hint="It and its folder must be writable for whoever runs seeds.",
    ),
)
