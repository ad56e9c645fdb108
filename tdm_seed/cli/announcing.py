"""What a person is told before a database is emptied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tdm_seed.cli.live import Live
from tdm_seed.cli.output import say, say_table
from tdm_seed.cli.render import count

if TYPE_CHECKING:
    from tdm_seed.cli.options import Options
    from tdm_seed.dialects.rewinding import Touched
    from tdm_seed.engine import Seeder
    from tdm_seed.engine.emptying import Emptying


class Announcing(Live):
    """Says what would go, where, and what stays; on stderr, since it is no result, and once."""

    seeder: Seeder

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._shown = False

    def emptying(self, emptying: Emptying) -> None:
        """Announce what is about to be emptied, unless somebody was asked."""
        if not (self._silent or self._shown):
            with self.paused():
                self.show(emptying)

    def show(self, found: Emptying) -> None:
        """List what goes and what stays."""
        self._shown = True
        if found.tables:
            rows = [
                (each.table, f"{each.rows:,}", f"{each.restored:,}" if each.restored else "") for each in found.tables
            ]
            heading = ("Table", "Rows to go", "To come back")
            say_table(heading, rows, right=heading[1:], err=True)
        held = sum(1 for each in found.tables if each.rows)
        what = f"{count(found.rows, 'row')} in {count(held, 'table')}" if held else "Nothing"
        say(f"{what} to empty on {self.place()}.", err=True)
        for kept in found.kept:
            say(f"Kept: {kept.table}: {kept.reason}", err=True)
        for note in found.notes:
            say(f"Note: {note}", err=True)

    def show_touched(self, found: Touched | None) -> None:
        """List what was written and would be put back; None where nobody knows."""
        if found is None:
            say("Whether anybody has written is not known here.", err=True)
        elif not found:
            say("Nothing was written since it was seeded.", err=True)
        else:
            rows = [(name, "rows") for name in found.tables] + [(name, "numbers") for name in found.sequences]
            say_table(("Written since it was seeded", ""), rows, err=True)

    def place(self) -> str:
        """Name the database, the environment and the host."""
        return f"{self.seeder.database} (environment {self.seeder.environment.name}, host {self.seeder.host})"
