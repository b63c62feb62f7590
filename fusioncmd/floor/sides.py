"""Which tier node arbitrates a talkgroup, among those that are heard. Pure.

The talkgroup's own node if it is heard, else the highest tier node that is, else by code: everybody who hears the same
nodes comes to the same one without a vote. A *side* is whoever hears the same node as the best.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd import limits
from fusioncmd.codes import parse
from fusioncmd.floor.timers import BEACON_MS, SERVER, SILENT_MS

LATE_MS = 3 * BEACON_MS  # how much later one may hear a beacon than another
DAY_MS = 86_400_000
Rank = tuple[bool, int, str]


def rank(node: str, home: str) -> Rank:
    """Lower goes first. `home` is the node that the talkgroup belongs to."""
    return node != home, parse(node).tier, node


@dataclass(slots=True)
class _Node:
    rank: Rank
    since_ms: int  # heard without a gap
    heard_ms: int


class Nodes:
    """The nodes that were heard lately, and those that were until lately."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._nodes: dict[str, _Node] = {}

    def hear(self, node: str, now_ms: int) -> None:
        known = self._nodes.get(node)
        if known is None:
            if len(self._nodes) >= limits.FLOOR_NODES_MAX:
                del self._nodes[min(self._nodes, key=lambda name: self._nodes[name].heard_ms)]
            self._nodes[node] = _Node(rank(node, self._home), now_ms, now_ms)
            return
        if now_ms - known.heard_ms > SILENT_MS:
            known.since_ms = now_ms
        known.heard_ms = now_ms

    def best(self, now_ms: int) -> str | None:
        """None: nobody is heard."""
        heard = [(node.rank, name) for name, node in self._nodes.items() if now_ms - node.heard_ms <= SILENT_MS]
        return min(heard)[1] if heard else None

    def better_than(self, node: str, now_ms: int) -> bool:
        """Somebody who goes before `node` is heard."""
        best = self.best(now_ms)
        return best is not None and self._nodes[best].rank < rank(node, self._home)

    def silent_ms(self, node: str, now_ms: int) -> int:
        """How long ago it was heard; a day, when it never was."""
        known = self._nodes.get(node)
        return DAY_MS if known is None else now_ms - known.heard_ms

    def as_near(self, node: str, silent_ms: int, now_ms: int) -> bool:
        """A gateway heard that node `silent_ms` ago. It was heard here as lately, and for so long without a gap before
        that whoever spoke by its word was heard here too.
        """
        known = self._nodes.get(node)
        return (
            known is not None
            and known.heard_ms - known.since_ms >= SERVER.t3_ms
            and now_ms - known.heard_ms <= silent_ms + LATE_MS
        )
