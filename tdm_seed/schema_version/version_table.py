"""The table in which Alembic keeps the revisions that a database is at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tdm_seed.errors import SeedError, UsageError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

DEFAULT = "alembic_version"


@dataclass(frozen=True)
class VersionTable:
    """The table's name and, where it is not the default one, its schema."""

    name: str = DEFAULT
    schema: str | None = None

    def __str__(self) -> str:
        """Name it as SQL would, unquoted."""
        return f"{self.schema}.{self.name}" if self.schema else self.name

    def read(self, connection: Connection) -> tuple[str, ...]:
        """Give the revisions in the table, in order; none where there is no such table.

        Nothing is written, and a connection that was in no transaction is in none afterwards.

        Raises:
            DatabaseError: the table is there, but may not be read.
        """
        import sqlalchemy as sa

        from tdm_seed import dialects

        begun = connection.in_transaction()
        try:
            if not sa.inspect(connection).has_table(self.name, schema=self.schema):
                return ()
            revision = sa.column("version_num", sa.String)
            query = sa.select(revision).select_from(sa.table(self.name, revision, schema=self.schema))
            return tuple(sorted(connection.scalars(query)))
        except sa.exc.DBAPIError as error:
            dialect = dialects.load(connection.dialect.name)()
            raise dialect.translate_error(error).located(table=self.name) from error
        finally:
            if not begun:
                connection.rollback()


def declared(env_py: Path, argument: str) -> str | None:
    """Read, without running it, what an ``env.py`` passes for ``version_table`` or ``version_table_schema``.

    Raises:
        UsageError: that is chosen while it runs, so that only running it, or a word of the user, can tell.
    """
    from tdm_seed.revisions.imports import parse

    try:
        tree = parse(env_py.read_text(encoding="utf-8"), str(env_py))
    except (OSError, ValueError, SeedError):
        return None  # whoever runs it will say what is wrong with it
    values = set(_values(tree, argument, dict(_constants(tree))))
    if len(values) > 1 or ... in values:
        raise UsageError(
            f"{argument} is chosen while this runs, but reading the schema's position runs nothing",
            hint=f'Write version_table = "{DEFAULT}", or whatever it is, in the configuration of tdm-seed, '
            "and version_table_schema if it has one.",
            file=env_py,
        )
    value = next(iter(values), None)
    return str(value) if value else None


def _constants(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """Find ``NAME = "text"`` at the top level."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        value = getattr(node, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                yield target.id, value.value


def _values(tree: ast.Module, argument: str, constants: dict[str, object]) -> Iterator[object]:
    """Find what is passed as a keyword or stands under a key of that name; an Ellipsis is what cannot be read."""
    for node in ast.walk(tree):
        given: ast.expr | None = None
        if isinstance(node, ast.keyword) and node.arg == argument:
            given = node.value
        elif isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            given = node.values[keys.index(argument)] if argument in keys else None
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            given = node if isinstance(node.slice, ast.Constant) and node.slice.value == argument else None
        if isinstance(given, ast.Constant):
            yield given.value
        elif isinstance(given, ast.Name) and given.id in constants:
            yield constants[given.id]
        elif given is not None:
            yield ...
