"""The order of a directed graph's nodes, the same whatever order they were given in; or a cycle by name."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, TypeVar

Node = TypeVar("Node", bound=Hashable)


class CycleError(ValueError):
    """Nodes that wait for one another; ``cycle`` names them in order, the first one again at the end."""

    def __init__(self, cycle: list[Any]) -> None:
        super().__init__(" -> ".join(str(node) for node in cycle))
        self.cycle = cycle


def order(needs: Mapping[Node, Iterable[Node]], key: Callable[[Node], Any]) -> list[Node]:
    """Sort nodes so that each stands after all it needs; among those that are free, the smallest ``key`` goes first.

    ``graphlib.TopologicalSorter`` gives free nodes in insertion order only, hence Kahn's algorithm with a heap.
    Needed nodes that are no key of ``needs`` are ignored.

    Raises:
        CycleError: with one cycle by name.
    """
    waits = {node: {need for need in wanted if need in needs} for node, wanted in needs.items()}
    wanted_by: dict[Node, list[Node]] = {node: [] for node in needs}
    for node, wanted in waits.items():
        for need in wanted:
            wanted_by[need].append(node)
    left = {node: len(wanted) for node, wanted in waits.items()}
    free = [(key(node), place, node) for place, node in enumerate(needs) if not left[node]]
    heapq.heapify(free)
    place = len(left)
    result: list[Node] = []
    while free:
        node = heapq.heappop(free)[2]
        result.append(node)
        for waiting in wanted_by[node]:
            left[waiting] -= 1
            if not left[waiting]:
                place += 1
                heapq.heappush(free, (key(waiting), place, waiting))
    if len(result) < len(left):
        done = set(result)
        raise CycleError(_cycle({n: [w for w in waits[n] if w not in done] for n in left if n not in done}, key))
    return result


def _cycle(stuck: Mapping[Node, list[Node]], key: Callable[[Node], Any]) -> list[Node]:
    """Walk along needs until a node comes again; every stuck node has at least one."""
    node = min(stuck, key=key)
    path: list[Node] = []
    while node not in path:
        path.append(node)
        node = min(stuck[node], key=key)
    return [*path[path.index(node) :], node]
