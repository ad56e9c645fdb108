"""The order in which tables are filled: parents first, cycles kept together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tdm_seed import graph

Name = tuple[str | None, str]


def load_order(references: Mapping[Name, Sequence[Name]]) -> list[list[Name]]:
    """Group tables into strongly connected components, each after all that it refers to.

    SQLAlchemy's ``sorted_tables`` drops edges around a cycle that are needed (a and b refer to one another, a to z:
    it gives a, b, z), hence components. A group of more than one table is a cycle.
    """
    return graph.components(references, key=lambda name: (name[0] or "", name[1]))
