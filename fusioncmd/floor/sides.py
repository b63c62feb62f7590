"""Which tier node arbitrates a talkgroup, among those that are heard. Pure.

The talkgroup's own node if it is heard, else the highest tier node that is, else by code: everybody who hears the same
nodes comes to the same one without a vote. A *side* is whoever hears the same node as the best.
"""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.codes import parse
from fusioncmd.floor.timers import SILENT_MS

Rank = tuple[bool, int, str]


def rank(node: str, home: str) -> Rank:
    """Lower goes first. `home` is the node that the talkgroup belongs to."""
    return node != home, parse(node).tier, node


class Nodes:
    """The nodes that were heard lately."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._heard_ms: dict[str, int] = {}
        self._ranks: dict[str, Rank] = {}

    def hear(self, node: str, now_ms: int) -> None:
        if node not in self._heard_ms:
            self._ranks[node] = rank(node, self._home)
            if len(self._heard_ms) >= limits.FLOOR_NODES_MAX:
                self._drop(min(self._heard_ms, key=self._heard_ms.__getitem__))
        self._heard_ms[node] = now_ms

    def best(self, now_ms: int) -> str | None:
        """None: nobody is heard."""
        for node in [node for node, heard_ms in self._heard_ms.items() if now_ms - heard_ms > SILENT_MS]:
            self._drop(node)
        return min(self._heard_ms, key=self._ranks.__getitem__, default=None)

    def better_than(self, node: str) -> bool:
        """Somebody who goes before `node` is in the table."""
        own = rank(node, self._home)
        return any(self._ranks[other] < own for other in self._heard_ms)

    def _drop(self, node: str) -> None:
        del self._heard_ms[node], self._ranks[node]
