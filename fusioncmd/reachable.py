"""Who has a live channel, from what gateways say each second. Pure; time is an argument.

A gateway that falls silent takes its people with it: a killed process makes them unreachable within seconds. A clock
that is set, either way, makes everybody unreachable until the gateways speak again, which is a second.
"""

from __future__ import annotations

from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.messages import Presence
from fusioncmd.tally import bitmap_from

BELOW = "below "  # no gateway's name has a space


class Here(NamedTuple):
    """Who is connected, as it was said and as it is reckoned with, and when it was heard last."""

    packed: bytes
    numbers: BitMap
    heard_s: float


class Reachable:
    def __init__(self) -> None:
        self._gateways: dict[str, Here] = {}
        self._failing: set[str] = set()
        self._refused: dict[str, int] = {}
        self._distrusted: dict[str, int] = {}
        self._union: BitMap | None = None

    def hear(self, presence: Presence, now_s: float) -> None:
        (self._failing.add if presence.failing else self._failing.discard)(presence.gateway)
        self._refused[presence.gateway] = presence.refused
        self._distrusted[presence.gateway] = presence.distrusted
        known = self._gateways.get(presence.gateway)
        if known is not None and known.packed == presence.numbers:  # as nearly always
            self._gateways[presence.gateway] = known._replace(heard_s=now_s)
        else:
            self._union = None
            self._gateways[presence.gateway] = Here(presence.numbers, bitmap_from(presence.numbers), now_s)

    def hear_below(self, node: str, numbers: BitMap, now_s: float) -> None:
        """Who has a live channel through the node `node` below."""
        name, known = f"{BELOW}{node}", self._gateways.get(f"{BELOW}{node}")
        if known is None or known.numbers != numbers:
            self._union = None
        self._gateways[name] = Here(b"", numbers, now_s)

    def here(self, now_s: float) -> BitMap:
        """Everyone with a live channel through this node's own gateways."""
        self._drop_lost(now_s)
        own = (here.numbers for name, here in self._gateways.items() if not name.startswith(BELOW))
        return BitMap().union(*own, BitMap())

    def gateways(self, now_s: float) -> list[str]:
        self._drop_lost(now_s)
        return sorted(name for name in self._gateways if not name.startswith(BELOW))

    def failing(self, now_s: float) -> list[str]:
        """The gateways where receipts wait, because the bus does not store them."""
        return [name for name in self.gateways(now_s) if name in self._failing]

    def refused(self, now_s: float) -> dict[str, int]:
        """The gateways that refused orders, and how many."""
        return {name: self._refused[name] for name in self.gateways(now_s) if self._refused[name]}

    def distrusted(self, now_s: float) -> dict[str, int]:
        """The gateways with terminals that did not believe an order, and how many."""
        return {name: self._distrusted[name] for name in self.gateways(now_s) if self._distrusted[name]}

    def numbers(self, now_s: float) -> BitMap:
        """Everyone with a live channel through any gateway; not to be changed by the caller."""
        self._drop_lost(now_s)
        if self._union is None:
            self._union = BitMap().union(*(here.numbers for here in self._gateways.values()), BitMap())
        return self._union

    def _drop_lost(self, now_s: float) -> None:
        lost = [name for name, here in self._gateways.items() if abs(now_s - here.heard_s) > limits.PRESENCE_LOST_S]
        for name in lost:
            del self._gateways[name]
            self._union = None
