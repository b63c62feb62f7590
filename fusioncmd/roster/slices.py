"""One town's people, changed into the next edition of itself. Pure.

A slot belongs to an id for ever: who leaves keeps it, and who returns has it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from fusioncmd import limits
from fusioncmd.errors import BadRoster
from fusioncmd.messages import RosterSlice


class Entry(NamedTuple):
    """A person as the file has it; `village` is the last three digits of the village code, 0 for the town itself."""

    id: str
    name: str
    phone: str
    village: int
    roles: tuple[str, ...]


@dataclass(slots=True)
class Change:
    """The next edition, or None where nothing changed, and how many people it added, changed and let go."""

    slice: RosterSlice | None
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    left: int = 0


def merge(before: RosterSlice | None, town: str, entries: Iterable[Entry], leaving: Iterable[str] = ()) -> Change:
    """`before` with `entries` added or changed and the ids of `leaving` marked as left; an entry wins over leaving."""
    draft = _Draft(before, town)
    change = Change(None)
    for entry in entries:
        draft.put(entry, change)
    for ident in leaving:
        slot = draft.slot_of.get(ident)
        if slot is not None and slot not in draft.left and ident not in draft.seen:
            draft.left.add(slot)
            change.left += 1
    if change.added or change.changed or change.left:
        change.slice = draft.finished((before.edition if before is not None else 0) + 1)
    return change


def roles_of(part: RosterSlice, slot: int) -> tuple[str, ...]:
    mask = part.role_masks[slot]
    return tuple(name for bit, name in enumerate(part.role_names) if mask >> bit & 1)


class _Draft:
    def __init__(self, before: RosterSlice | None, town: str) -> None:
        self.town = town
        self.ids = list(before.ids) if before else []
        self.names = list(before.names) if before else []
        self.phones = list(before.phones) if before else []
        self.villages = list(before.villages) if before else []
        self.role_names = list(before.role_names) if before else []
        self.masks = list(before.role_masks) if before else []
        self.left = set(before.left) if before else set()
        self.slot_of = {ident: slot for slot, ident in enumerate(self.ids)}
        self.bit_of = {name: bit for bit, name in enumerate(self.role_names)}
        self.seen: set[str] = set()

    def put(self, entry: Entry, change: Change) -> None:
        mask = self._mask(entry.roles)
        self.seen.add(entry.id)
        slot = self.slot_of.get(entry.id)
        if slot is None:
            self._append(entry, mask)
            change.added += 1
            return
        row = (self.names[slot], self.phones[slot], self.villages[slot], self.masks[slot])
        if row == (entry.name, entry.phone, entry.village, mask) and slot not in self.left:
            change.unchanged += 1
            return
        self.names[slot], self.phones[slot], self.villages[slot] = entry.name, entry.phone, entry.village
        self.masks[slot] = mask
        if slot in self.left:
            self.left.discard(slot)
            change.added += 1
        else:
            change.changed += 1

    def finished(self, edition: int) -> RosterSlice:
        return RosterSlice(
            self.town, edition, self.ids, self.names, self.phones, self.villages, self.role_names, self.masks,
            sorted(self.left),
        )  # fmt: skip

    def _append(self, entry: Entry, mask: int) -> None:
        slot = len(self.ids)
        if slot >= limits.SLOTS_PER_TOWN_MAX:
            raise BadRoster(
                f"Town {self.town} has used all its {limits.SLOTS_PER_TOWN_MAX} numbers.",
                f"乡镇 {self.town} 的 {limits.SLOTS_PER_TOWN_MAX} 个编号已用完。",
            )
        self.slot_of[entry.id] = slot
        self.ids.append(entry.id)
        self.names.append(entry.name)
        self.phones.append(entry.phone)
        self.villages.append(entry.village)
        self.masks.append(mask)

    def _mask(self, roles: tuple[str, ...]) -> int:
        mask = 0
        for role in roles:
            bit = self.bit_of.get(role)
            if bit is None:
                bit = len(self.role_names)
                if bit >= limits.ROLES_PER_TOWN_MAX:
                    raise BadRoster(
                        f"Town {self.town} has more than {limits.ROLES_PER_TOWN_MAX} different roles.",
                        f"乡镇 {self.town} 的职责种类超过 {limits.ROLES_PER_TOWN_MAX}。",
                    )
                self.bit_of[role] = bit
                self.role_names.append(role)
            mask |= 1 << bit
        return mask
