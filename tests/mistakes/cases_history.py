"""What the history says, and files or people that disagree with it."""

from __future__ import annotations

from tests.mistakes.case import COUNTRIES, NEW, PEOPLE, PY, Case, Prepare
from tests.mistakes.project import sql

UPGRADE = "def upgrade(db): ...\n"
MARK = "UPDATE seed_history SET "


def history(script: str) -> Prepare:
    """Run a script on the history."""
    return lambda root: sql(root, script)


def replaced(columns: str) -> Prepare:
    """Put another tool's table in the place of the history."""
    return lambda root: sql(root, f"DROP TABLE seed_history; CREATE TABLE seed_history ({columns});")


CASES = (
    Case(
        "history: an entry that a newer version has written",
        prepare=history(MARK + "state = 'frozen', tool_version = '99.0' WHERE id = 2"),
        command=("status",),
        word="database",
        says=("entry 2 of the history, about 20260102_0930_people, is not understood: 'frozen' is not a valid State",),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: another tool's table",
        prepare=replaced("version INTEGER PRIMARY KEY, description TEXT"),
        word="database",
        table="seed_history",
        says=("the table seed_history is not ours: it has no column id",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "history: another tool's table that looks alike",
        prepare=replaced("id INTEGER PRIMARY KEY, seed TEXT, checksum TEXT, applied_at TEXT"),
        word="database",
        table="seed_history",
        says=("the table seed_history is not ours: it has no column layer",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "history: another tool's table, to be read",
        prepare=replaced("version INTEGER"),
        command=("status",),
        word="database",
        table="seed_history",
        says=("the table seed_history is not ours: it has no column id",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "history: a view in its place",
        prepare=history("ALTER TABLE seed_history RENAME TO h; CREATE VIEW seed_history AS SELECT id, seed FROM h"),
        word="database",
        table="seed_history",
        says=("the table seed_history is not ours: it has no column layer",),
        hint='Another tool uses this name. Set history_table = "…" in the configuration of tdm-seed.',
    ),
    Case(
        "history: a state of a newer version",
        prepare=history(MARK + "state = 'frozen' WHERE id = 2"),
        word="database",
        says=("entry 2 of the history, about 20260102_0930_people, is not understood: 'frozen' is not a valid State",),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: a layer of a newer version",
        prepare=history(MARK + "layer = 'masked' WHERE id = 2"),
        word="database",
        says=("entry 2 of the history, about 20260102_0930_people, is not understood: 'masked' is not a valid Layer",),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: a clock that is none",
        prepare=history(MARK + "clock = 'noon' WHERE id = 2"),
        word="database",
        says=(
            "entry 2 of the history, about 20260102_0930_people, is not understood: Invalid isoformat string: 'noon'",
        ),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: volumes that are no JSON",
        prepare=history(MARK + "volumes = 'people=3' WHERE id = 2"),
        command=("status",),
        word="database",
        says=(
            "entry 2 of the history, about 20260102_0930_people, is not understood: Expecting value: line 1 column 1 (char 0)",
        ),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: a note that is no JSON",
        prepare=history(MARK + "note = 'x' WHERE id = 2"),
        command=("history",),
        word="database",
        says=(
            "entry 2 of the history, about 20260102_0930_people, is not understood: Expecting value: line 1 column 1 (char 0)",
        ),
        hint="of tdm-seed wrote it: use that one, if this is older. Otherwise somebody has changed the entry by hand.",
    ),
    Case(
        "history: an environment of another name",
        prepare=history(MARK + "environment = 'prod'"),
        files={
            "seeds/scenario/20260103_1000_new.py": UPGRADE,
            "seeds/environments/dev.toml": 'url = "sqlite:///dev.db"\nscenarios = ["*"]\n',
        },
        word="protected",
        seed=NEW,
        says=("this database was seeded as 'prod', so no scenario of 'dev' is run in it",),
        hint="Is the URL right? `--env prod` is what belongs to this database.",
    ),
    Case(
        "history: a seed is reverted that another needs, which has no downgrade",
        command=("downgrade", "countries"),
        word="seed",
        at=PEOPLE,
        seed="20260102_0930_people",
        says=("has no downgrade, so nothing was reverted",),
        hint="Write one: `def downgrade(db):`, or `-- tdm-seed: downgrade` in SQL.",
    ),
    Case(
        "history: a seed without downgrade is reverted",
        command=("downgrade", "people"),
        word="seed",
        at=PEOPLE,
        seed="20260102_0930_people",
        says=("has no downgrade, so nothing was reverted",),
        hint="Write one: `def downgrade(db):`, or `-- tdm-seed: downgrade` in SQL.",
    ),
    Case(
        "history: a data seed is reverted",
        {"seeds/reference/20260103_1000_city.csv": "id,name\n"},
        prepare=history("UPDATE seed_history SET seed = '20260103_1000_city' WHERE id = 2"),
        command=("downgrade", "city"),
        word="seed",
        at="seeds/reference/20260103_1000_city.csv",
        seed="20260103_1000_city",
        says=("has no downgrade, so nothing was reverted",),
        hint="Write a script 20260103_1000_city.py beside it: its upgrade reads them with db.csv(), and it may have a",
    ),
    Case(
        "history: all are reverted, and one has no downgrade",
        command=("downgrade", "base"),
        word="seed",
        at=PEOPLE,
        seed="20260102_0930_people",
        says=("has no downgrade, so nothing was reverted",),
        hint="Write one: `def downgrade(db):`, or `-- tdm-seed: downgrade` in SQL.",
    ),
    Case(
        "history: more are reverted than there are",
        command=("downgrade", "-7"),
        says=("only 2 seeds are applied",),
        hint="`downgrade base` reverts all of them.",
    ),
    Case(
        "history: a seed whose file is gone is reverted",
        files={PEOPLE: None},
        command=("downgrade", "people"),
        word="seed",
        seed="20260102_0930_people",
        says=("is applied, but its file is gone, so nobody knows how to revert it",),
        hint="Bring the file back; or `tdm-seed repair 20260102_0930_people` accepts that it is gone, and its rows stay.",
    ),
    Case(
        "history: the last seed's file is gone",
        files={PEOPLE: None},
        command=("downgrade", "-1"),
        word="seed",
        seed="20260102_0930_people",
        says=("is applied, but its file is gone, so nobody knows how to revert it",),
        hint="Bring the file back; or `tdm-seed repair 20260102_0930_people` accepts that it is gone, and its rows stay.",
    ),
    Case(
        "history: a seed that was never applied is reverted",
        files={PY: UPGRADE},
        command=("downgrade", "new"),
        says=("20260103_1000_new is not applied",),
        hint="`tdm-seed status` lists what is.",
    ),
    Case(
        "history: a downgrade that raises",
        files={PEOPLE: "def upgrade(db): ...\n\ndef downgrade(db):\n    raise ValueError('too late')\n"},
        command=("downgrade", "people"),
        word="seed",
        at=f"{PEOPLE}:4",
        seed="20260102_0930_people",
        says=("ValueError: too late",),
        hint="Correct the seed; `-v` shows the whole stack.",
    ),
    Case(
        "history: a downgrade that leaves rows that others point to",
        files={
            COUNTRIES: None,
            COUNTRIES.replace(".csv", ".sql"): "SELECT 1;\n-- tdm-seed: downgrade\nDELETE FROM countries;\n",
            PEOPLE: "def upgrade(db): ...\n\ndef downgrade(db): ...\n",
        },
        command=("downgrade", "countries"),
        word="database",
        at="seeds/reference/20260101_0900_countries.sql:3",
        seed="20260101_0900_countries",
        table="countries",
        says=("rows of people still point here, with (country) = (IE)",),
        hint="Remove the rows that point to it first.",
    ),
    Case(
        "history: of a seed that there is not",
        command=("history", "citys"),
        says=("there is no seed citys",),
        hint="`tdm-seed status` lists the seeds.",
    ),
)
