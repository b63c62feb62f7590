"""What terminals did and what they were told, as they themselves wrote it down. Pure.

The ledger is compared with this and with nothing else: bitmaps of responder numbers, one per order and deed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgpack
from pyroaring import BitMap

from fusioncmd import limits


def _eight() -> list[BitMap]:
    return [BitMap() for _ in range(limits.ANSWERS_MAX)]


def _eight_lists() -> list[list[int]]:
    return [[] for _ in range(limits.ANSWERS_MAX)]


def _move(new: list[int], whole: BitMap) -> None:
    if new:
        whole.update(new)
        new.clear()


@dataclass(slots=True)
class Deeds:
    """One order at many terminals. `order` is the message as it was shown, byte for byte."""

    order: bytes
    shown: BitMap = field(default_factory=BitMap)
    shown_again: BitMap = field(default_factory=BitMap)  # although the hello had said that it is held
    given: list[BitMap] = field(default_factory=_eight)  # the human touched this answer
    confirmed: list[BitMap] = field(default_factory=_eight)  # the gateway said that it counts
    # What is new, one by one as it happens: `settle` puts many of them into the bitmaps at once, which is cheaper.
    new_shown: list[int] = field(default_factory=list)
    new_given: list[list[int]] = field(default_factory=_eight_lists)
    new_confirmed: list[list[int]] = field(default_factory=_eight_lists)

    def settle(self) -> int:
        """After this the bitmaps say all; how many of the new confirmations nobody had asked for."""
        unasked = 0
        _move(self.new_shown, self.shown)
        for new, given in zip(self.new_given, self.given, strict=True):
            _move(new, given)
        for new, given, confirmed in zip(self.new_confirmed, self.given, self.confirmed, strict=True):
            if new:
                unasked += len(BitMap(new) - given)
                _move(new, confirmed)
        return unasked

    def bitmaps(self) -> list[BitMap]:
        return [self.shown, self.shown_again, *self.given, *self.confirmed]


@dataclass(slots=True)
class Written:
    """One report: who wrote it about which order, and whether they were told that it is stored."""

    order: bytes
    number: int
    stored: bool = False


@dataclass(slots=True)
class Record:
    deeds: dict[bytes, Deeds] = field(default_factory=dict)
    reports: dict[bytes, Written] = field(default_factory=dict)
    closes: Counter[str] = field(default_factory=Counter)  # close code, or why a connection ended
    refused: Counter[str] = field(default_factory=Counter)
    differing: Counter[str] = field(default_factory=Counter)  # orders whose bytes were not the same for everyone
    unasked: Counter[str] = field(default_factory=Counter)  # things told that nobody had asked for
    untrusted: Counter[str] = field(default_factory=Counter)  # deliveries that did not verify, and were not shown

    def settle(self) -> None:
        """After this the bitmaps of all deeds say all."""
        for deeds in self.deeds.values():
            if unasked := deeds.settle():
                self.unasked["counted"] += unasked

    def merge(self, other: Record) -> None:
        """Take in what another process wrote down."""
        for ident, theirs in other.deeds.items():
            mine = self.deeds.setdefault(ident, Deeds(theirs.order))
            if mine.order != theirs.order:
                self.differing[ident.hex()] += 1
            for one, another in zip(mine.bitmaps(), theirs.bitmaps(), strict=True):
                one |= another
        self.reports |= other.reports
        for name in ("closes", "refused", "differing", "unasked", "untrusted"):
            getattr(self, name).update(getattr(other, name))

    def pack(self) -> bytes:
        deeds = [[i, d.order, [b.serialize() for b in d.bitmaps()]] for i, d in self.deeds.items()]
        reports = [[i, w.order, w.number, w.stored] for i, w in self.reports.items()]
        counters = [dict(c) for c in (self.closes, self.refused, self.differing, self.unasked, self.untrusted)]
        return bytes(msgpack.packb([deeds, reports, counters]))


def unpack(data: bytes) -> Record:
    deeds, reports, counters = _unpacked(data)
    record = Record()
    for ident, order, bitmaps in deeds:
        mine = record.deeds[ident] = Deeds(order)
        for empty, filled in zip(mine.bitmaps(), bitmaps, strict=True):
            empty |= BitMap.deserialize(filled)
    record.reports = {ident: Written(order, number, stored) for ident, order, number, stored in reports}
    record.closes, record.refused, record.differing, record.unasked, record.untrusted = map(Counter, counters)
    return record


def _unpacked(data: bytes) -> Any:
    return msgpack.unpackb(data)
