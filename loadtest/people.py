"""The people of a roster, person by person, for counts that do not trust bitmaps. Pure but for `read`."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from pyroaring import BitMap

from fusioncmd.bus.port import Bus
from fusioncmd.divisions import Divisions
from fusioncmd.messages import Selector
from fusioncmd.roster.holders import Holder, holders_at, mint


@dataclass(slots=True)
class People:
    """In the order of their numbers' towns; one column each."""

    numbers: array[int] = field(default_factory=lambda: array("I"))
    ids: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    roles: list[tuple[str, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.numbers)

    def meant_by(self, selector: Selector) -> BitMap:
        """Who a selector means, asked of each person in turn."""
        nodes, not_nodes = selector.nodes, selector.not_nodes
        roles, not_roles = frozenset(selector.roles), frozenset(selector.not_roles)
        return BitMap(
            number
            for number, place, mine in zip(self.numbers, self.places, self.roles, strict=True)
            if place.startswith(nodes)
            and not (not_nodes and place.startswith(not_nodes))
            and (not roles or not roles.isdisjoint(mine))
            and not_roles.isdisjoint(mine)
        )

    def tickets(self, wanted: int, key: bytes, expires_s: int) -> list[tuple[int, bytes]]:
        """Tickets for `wanted` people spread evenly over the whole roster."""
        total = len(self)
        chosen = (k * total // wanted for k in range(wanted)) if wanted < total else range(total)
        return [
            (self.numbers[i], mint(Holder(self.numbers[i], self.ids[i], self.places[i], self.roles[i]), key, expires_s))
            for i in chosen
        ]


async def read(bus: Bus, places: Divisions) -> People:
    """Everyone, from the slices in the stream."""
    people = People()
    shared: dict[object, object] = {}
    async for holder in holders_at(bus, places, places.root):
        people.numbers.append(holder.number)
        people.ids.append(holder.id)
        people.places.append(shared.setdefault(holder.place, holder.place))  # type: ignore[arg-type]
        people.roles.append(shared.setdefault(holder.roles, holder.roles))  # type: ignore[arg-type]
    return people
