"""What is asked of ``reset``, ``check``, ``stamp`` and ``repair`` and cannot be done."""

from __future__ import annotations

from tests.mistakes.case import COUNTRIES, DEV, PEOPLE, PY, Case

GOOD = 'url = "sqlite:///dev.db"\nscenarios = ["people"]\n[volumes]\npeople = 3\n'
PROD = "seeds/environments/prod.toml"
UPGRADE = "def upgrade(db): ...\n"

CASES = (
    Case(
        "reset: a protected environment whose server does not answer",
        {PROD: 'url = "postgresql://127.0.0.1:1/shop"\nhosts = ["127.0.0.1"]\nprotected = true\n'},
        command=("reset", "--env", "prod", "--yes"),
        word="protected",
        says=("the environment 'prod' is protected, so it is never reset",),
        hint="A database that may be emptied belongs to an environment that is not.",
    ),
    Case(
        "reset: not confirmed",
        command=("reset",),
        word="protected",
        says=("a reset of the environment 'dev' must be confirmed, and was not",),
        hint='Say --yes, or reset = "allow" in its manifest.',
    ),
    Case(
        "reset: forbidden",
        {DEV: 'reset = "forbid"\n' + GOOD},
        command=("reset", "--yes"),
        word="protected",
        says=("the environment 'dev' forbids a reset",),
        hint='Its manifest says reset = "forbid".',
    ),
    Case(
        "reset: of another environment's database",
        {"seeds/environments/test.toml": GOOD},
        command=("reset", "--yes", "--env", "test"),
        word="protected",
        says=("this database was seeded as 'dev', so it is not reset as 'test'",),
        hint="Is the URL right? `--env dev` is what belongs to this database.",
    ),
    Case(
        "reset: it keeps a table that is not there",
        {DEV: 'keep = ["audit_log"]\n' + GOOD},
        command=("reset", "--yes"),
        says=("`keep` names the table 'audit_log', which does not exist",),
        hint="Are the migrations up to date? `tdm-seed upgrade --migrate` runs them first. Nothing was emptied. Correct `keep` in the environment's manifest.",
    ),
    Case(
        "reset: it keeps rows that point to what goes",
        {DEV: 'keep = ["people"]\n' + GOOD},
        command=("reset", "--yes"),
        word="protected",
        table="people",
        column="country",
        says=("rows of people, which is kept, point to countries, which would be emptied",),
        hint="Nothing was emptied. Keep countries, too: `keep` in the environment's manifest; or do not keep people.",
    ),
    Case(
        "reset: a seed that is wrong is found first",
        {PY: UPGRADE.replace("...", "...\n    )")},
        command=("reset", "--yes"),
        word="seed",
        at=f"{PY}:2",
        says=("is not valid Python: unexpected indent",),
        hint="It stumbles over `)`, or what stands before.",
    ),
    Case(
        "stamp: another environment that there is not",
        command=("stamp", "--environment", "qa", "--yes"),
        says=("there is no environment 'qa'",),
        hint="There are: dev, prod.",
    ),
    Case(
        "stamp: a seed together with an environment",
        command=("stamp", "people", "--environment", "dev", "--yes"),
        says=("stamp takes either seeds or --environment",),
        hint="Run it twice.",
    ),
    Case(
        "repair: a seed that is as it was",
        command=("repair", "people"),
        says=("people names nothing to repair",),
        hint="`tdm-seed repair` without names lists what there is to accept.",
    ),
    Case(
        "repair: a part that fits several",
        {COUNTRIES: None, PEOPLE: None, DEV: GOOD.replace('people"', '*"')},
        command=("repair", "2026"),
        says=("2026 fits 20260101_0900_countries, 20260102_0930_people",),
        hint="Give more of the name of the one that is meant.",
    ),
)
