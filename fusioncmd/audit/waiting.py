"""Entries that wait to be written: bounded, in order, and what is shed is counted by kind and told in an entry. Pure.

Notes come from whoever knocks at the door, so they have an allowance: nobody can fill the disk that orders need by
being refused. Entries that somebody waits for are not shed.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from fusioncmd import limits
from fusioncmd.audit.entries import Entry, fitted

T = TypeVar("T")
KINDS_TOLD_MAX = limits.AUDIT_DETAILS_MAX - 2
_encoder = msgspec.msgpack.Encoder()


@dataclass(slots=True)
class Item(Generic[T]):
    """`told`: who waits until the entry is on disk; None for a note. `stays`: also when nobody waits any more."""

    entry: Entry
    size_bytes: int
    told: T | None
    stays: bool = False


class Waiting(Generic[T]):
    """`node` is who tells of what was shed; times are in seconds."""

    def __init__(self, node: str, now_s: float) -> None:
        self._node = node
        self._items: deque[Item[T]] = deque()
        self._notes = 0
        self._allowance, self._allowed_s = float(limits.AUDIT_WAITING_MAX), now_s
        self._shed: Counter[str] = Counter()
        self.shed = 0

    def __len__(self) -> int:
        """How many are to be written, with the one that tells of those that were shed."""
        return len(self._items) + bool(self._shed)

    @property
    def urgent(self) -> bool:
        """Somebody waits, or a page is full."""
        return len(self._items) > self._notes or len(self._items) >= limits.AUDIT_PAGE_ENTRIES_MAX

    def note(self, entry: Entry, now_s: float) -> None:
        gained = max(0.0, now_s - self._allowed_s) * limits.AUDIT_NOTES_PER_S
        self._allowance, self._allowed_s = min(limits.AUDIT_WAITING_MAX, self._allowance + gained), now_s
        if self._notes < limits.AUDIT_WAITING_MAX and self._allowance >= 1:
            self._allowance -= 1
            self._notes += 1
            self._items.append(_item(entry, None))
        else:
            self._shed[f"{entry.deed} {entry.refused}".strip()] += 1
            self.shed += 1

    def put(self, entry: Entry, told: T, stays: bool = False) -> None:
        item = _item(entry, told)
        item.stays = stays
        self._items.append(item)

    def page(self, now_ms: int) -> list[Item[T]]:
        """As many as go into the next page, in order; what was shed first, because it was before those that came."""
        if self._shed:
            self._items.appendleft(_item(self._of_shed(now_ms), None))
            self._notes += 1
        taken: list[Item[T]] = []
        size_bytes = 0
        while self._items and len(taken) < limits.AUDIT_PAGE_ENTRIES_MAX:
            size_bytes += self._items[0].size_bytes
            if taken and size_bytes > limits.AUDIT_PAGE_BYTES_MAX - limits.AUDIT_ENTRY_BYTES_MAX:
                break
            taken.append(self._items.popleft())
            self._notes -= taken[-1].told is None
        return taken

    def back(self, items: list[Item[T]]) -> None:
        """To the front again: their page was not stored."""
        self._items.extendleft(reversed(items))
        self._notes += sum(item.told is None for item in items)

    def give_up(self) -> list[T]:
        """Say who waits. Their entries are forgotten, but for those that stay: these are notes now, and not shed."""
        told = [item.told for item in self._items if item.told is not None]
        self._items = deque(item for item in self._items if item.told is None or item.stays)
        for item in self._items:
            item.told = None
        self._notes = len(self._items)
        return told

    def _of_shed(self, now_ms: int) -> Entry:
        told = dict(self._shed.most_common(KINDS_TOLD_MAX))
        rest = self._shed.total() - sum(told.values())
        details = {"shed": str(self._shed.total()), **{kind: str(count) for kind, count in told.items()}}
        self._shed.clear()
        return Entry(now_ms, self._node, "node", "audit", "shed", details | ({"other": str(rest)} if rest else {}))


def _item(entry: Entry, told: T | None) -> Item[T]:
    kept = fitted(entry)
    return Item(kept, len(_encoder.encode(kept)), told)
