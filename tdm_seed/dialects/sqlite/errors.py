"""SQLite's messages as sentences."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from tdm_seed.dialects.sqlite.foreign_keys import noted
from tdm_seed.dialects.wording import OWN_WORDS
from tdm_seed.errors import DatabaseError, Locked, TdmSeedError

_CONSTRAINT = re.compile(r"(UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed:? ?(.*)")


def translate(error: sqlite3.Error, path: Path | None) -> TdmSeedError:
    """Say what an ``sqlite3`` exception means and what to do."""
    text = str(error)
    if orphan := noted(error):
        return orphan
    if found := _CONSTRAINT.search(text):
        return _constraint(found[1], found[2])
    if "locked" in text or "busy" in text:
        hint = "Let it finish, then try again; or wait longer with ?timeout=SECONDS behind the URL."
        return Locked("another program is writing to the SQLite file", hint=hint)
    if "unable to open database file" in text:
        return DatabaseError(
            "the database file cannot be opened",
            file=path,
            hint="Does its folder exist, and may you read and write there?",
        )
    if "readonly" in text or "read-only" in text:
        hint = "The file and its folder must be writable for whoever runs seeds."
        return DatabaseError("the database may only be read", file=path, hint=hint)
    if "not a database" in text:
        return DatabaseError("this file is no SQLite database", file=path, hint="Check the path in the URL.")
    if "disk is full" in text or "disk I/O" in text:
        return DatabaseError(f"the disk refused: {text}", file=path, hint="Make room, then run the command again.")
    if found := re.search(r"no such (table|column): (.*)", text):
        return DatabaseError(f"there is no {found[1]} {found[2]}", hint="Are the migrations up to date?")
    if "no such function" in text:
        hint = "Each database has its own: a section `-- tdm-seed: upgrade sqlite` is for this one alone."
        return DatabaseError(text.replace("no such function:", "there is no function"), hint=hint)
    if "because it is a view" in text:
        return DatabaseError(text, hint="Write to the tables behind it.")
    if "syntax error" in text or "incomplete input" in text or "unrecognized token" in text:
        return DatabaseError(f"the SQL is not understood: {text}", hint="Look at that word and what stands before it.")
    if "number of bindings" in text or "did not supply" in text:
        return DatabaseError(
            "the SQL names a parameter, and no value is given for it",
            hint="Give it one: db.execute(sql, name=value). An SQL seed takes none: write the value there.",
        )
    if "binding" in text:
        return DatabaseError(text, hint="Give db a value for each parameter: numbers, text, bytes, dates or None.")
    return DatabaseError(text, hint=OWN_WORDS)


def _constraint(kind: str, what: str) -> TdmSeedError:
    table, _, column = what.split(", ")[0].rpartition(".")
    match kind:
        case "UNIQUE":
            return DatabaseError(
                f"another row has the same value in ({what})",
                table=table or None,
                hint="A row with this key exists already; db.upsert changes it instead of adding a second one.",
            )
        case "NOT NULL":
            return DatabaseError(
                "NULL is not allowed here",
                table=table or None,
                column=column or None,
                hint="Give the column a value, or leave it out of the rows where it has a default.",
            )
        case "CHECK":
            return DatabaseError(
                f"the check constraint {what} refuses the row",
                hint="Correct the row, or the constraint in a migration.",
            )
        case _:
            return DatabaseError(
                "a foreign key points to no row, or a row that others point to was removed",
                hint="Load the parents first, or wrap the calls in `with db.deferred_constraints():`; "
                "a row that others point to is removed after them.",
            )
