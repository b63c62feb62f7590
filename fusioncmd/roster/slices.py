"""One town's people, changed into the next edition of itself. Pure.

A slot belongs to an id for ever: who leaves keeps it, and who returns has it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgpack

from fusioncmd import limits
from fusioncmd.errors import BadMessage, BadRoster
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
    """The next edition, or None where nothing changed; how many people it added and changed, and who left."""

    slice: RosterSlice | None
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    left: list[str] = field(default_factory=list)


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
            change.left.append(ident)
    if change.added or change.changed or change.left:
        change.slice = draft.finished((before.edition if before is not None else 0) + 1)
    return change


def roles_of(part: RosterSlice, slot: int) -> tuple[str, ...]:
    mask = part.role_masks[slot]
    return tuple(name for bit, name in enumerate(part.role_names) if mask >> bit & 1)


def check(part: RosterSlice, town: str) -> RosterSlice:
    """`part` when it is a slice of `town` whose columns fit each other; `BadMessage` otherwise."""
    people = len(part.ids)
    columns = (part.names, part.phones, part.villages, part.role_masks)
    fits = (
        part.town == town
        and people <= limits.SLOTS_PER_TOWN_MAX
        and len(part.role_names) <= limits.ROLES_PER_TOWN_MAX
        and all(len(column) == people for column in columns)
        and _within(part.villages, 1000)
        and _within(part.role_masks, 1 << len(part.role_names))
        and _within(part.left, people)
    )
    if not fits:
        raise BadMessage(f"Not a slice of town {town}.", f"不是乡镇 {town} 的名册分片。")
    return part


def _within(values: list[int], end: int) -> bool:
    return not values or (min(values) >= 0 and max(values) < end)


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
        self.mask_of: dict[tuple[str, ...], int] = {}
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
        known = self.mask_of.get(roles)
        if known is not None:
            return known
        new = [role for role in dict.fromkeys(roles) if role not in self.bit_of]
        if new and len(self.role_names) + len(new) > limits.ROLES_PER_TOWN_MAX:
            self._drop_unused_roles(roles)
        for role in new:
            if len(self.role_names) >= limits.ROLES_PER_TOWN_MAX:
                raise BadRoster(
                    f"Town {self.town} has more than {limits.ROLES_PER_TOWN_MAX} different roles.",
                    f"乡镇 {self.town} 的职责种类超过 {limits.ROLES_PER_TOWN_MAX}。",
                )
            self.bit_of[role] = len(self.role_names)
            self.role_names.append(role)
        mask = 0
        for role in roles:
            mask |= 1 << self.bit_of[role]
        self.mask_of[roles] = mask
        return mask

    def _drop_unused_roles(self, wanted: tuple[str, ...]) -> None:
        """Bits are scarce, unlike slots: a misspelt role that nobody has any more must not fill a town for ever."""
        used = 0
        for mask in self.masks:
            used |= mask
        kept = [(bit, name) for bit, name in enumerate(self.role_names) if used >> bit & 1 or name in wanted]
        moves = [(old, new) for new, (old, _) in enumerate(kept)]
        again = {mask: sum((mask >> old & 1) << new for old, new in moves) for mask in set(self.masks)}
        self.masks = [again[mask] for mask in self.masks]
        self.role_names = [name for _, name in kept]
        self.mask_of.clear()
        self.bit_of = {name: bit for bit, name in enumerate(self.role_names)}


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def packed_text(text: str) -> bytes:
    """`text` as an element of a slice: its length and then itself, so that few other texts contain it."""
    return bytes(msgpack.packb(text, unicode_errors="surrogatepass"))
