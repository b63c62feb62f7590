"""The node's counter for places: the registry, what is near a point, and at which place an alarm is.

A place is one message in a stream of its own, the last of its id; the node holds them all. What is put is in the audit
before it holds.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import structlog

from fusioncmd.access import Actor, check_places
from fusioncmd.alarm import subjects
from fusioncmd.api import places as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import PLACE, Bus, Stored
from fusioncmd.errors import BadInput, Problem
from fusioncmd.places import registry
from fusioncmd.places.place import PLACES_MAX, Place, decode, encode
from fusioncmd.places.registry import Registry
from fusioncmd.places.sight import Box, Sight
from tiers.desk import Desk
from tiers.serving import Answer

log = structlog.get_logger("places")

DEED: Deed = "place"
LOOKED_AT_ONCE = 5_000  # then whatever else the node has to do
SIGHTS_MAX = 64  # that are kept for who asks the same, until a place changes; the oldest goes


class PlaceDesk:
    """`clock` gives seconds since 1970."""

    def __init__(self, bus: Bus, desk: Desk, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._bus, self._desk, self._recorder, self._clock = bus, desk, recorder, clock
        self.registry = Registry()
        self._sights: OrderedDict[tuple[asked.PlacesInSight, str], asked.SightReply] = OrderedDict()
        self._of_changes = 0
        self.bad = 0

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.PutPlaces: self.put, asked.Places: self.places, asked.NearPlaces: self.near,
                asked.PlacesInSight: self.in_sight}  # fmt: skip

    async def start(self) -> None:
        """Returns when all that is stored was read."""
        await (await self._bus.tail(PLACE, self._fold)).caught_up()

    def _fold(self, stored: Stored) -> None:
        try:
            place = decode(stored.data)
            if subjects.place(place.id) != stored.subject:
                raise BadInput("It lies on another place's subject.", "所在主题属于另一场所。")
        except Problem as problem:
            self.bad += 1
            log.error("places.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        self.registry.put(place)

    async def put(self, request: asked.PutPlaces, who: Actor) -> asked.PutPlacesReply:
        held = self.registry.places
        before = {place.id: held[place.id] for place in request.places if place.id in held}
        check_places(who, (place.node for place in (*request.places, *before.values())))
        own = self._desk.node.code
        for place in request.places:
            if not place.node.startswith(own):
                raise BadInput(
                    f"{place.id} is at {place.node}, which is not of this node ({own}).",
                    f"场所 {place.id} 位于 {place.node}，不属于本节点（{own}）。",
                )
        new = {place.id for place in request.places if not place.removed and place.id not in before}
        if len(held) + len(new) > PLACES_MAX:
            raise BadInput(f"A node has {PLACES_MAX} places at most.", f"每个节点至多 {PLACES_MAX} 处场所。")
        changed = [place for place in request.places if place != before.get(place.id)]
        changed = [place for place in changed if place.id in before or not place.removed]
        if changed:
            ended = sum(place.removed for place in changed)
            details = {"put": str(len(changed) - ended), "removed": str(ended), "first": changed[0].id,
                       "last": changed[-1].id}  # fmt: skip
            await self._recorder.record(Entry(int(self._clock() * 1000), who.name, DEED, "registry", details=details))
            # What is stored comes back by the tail, too; to put it twice is to put it once.
            stored = (self._bus.store(subjects.place(place.id), encode(place)) for place in changed)
            await asyncio.gather(*stored)
            for place in changed:
                self.registry.put(place)
        gone = sum(place.removed for place in changed)
        return asked.PutPlacesReply(len(new), len(changed) - len(new) - gone, gone)

    async def places(self, request: asked.Places, who: Actor) -> asked.PlacesReply:
        node = self._desk.place(request.node, who).code
        known = list(self.registry.places.values())
        found: list[Place] = []
        for i in range(0, len(known), LOOKED_AT_ONCE):
            part = iter(known[i : i + LOOKED_AT_ONCE])
            found += registry.matching(part, request.text, request.kind, node)
            await asyncio.sleep(0)
        rest = [place for place in found if place.id > request.after]
        page = heapq.nsmallest(request.limit, rest, key=lambda place: place.id)
        more = page[-1].id if len(rest) > len(page) else None
        return asked.PlacesReply(tuple(map(asked.PlaceLine, page)), len(found), more)

    async def near(self, request: asked.NearPlaces, who: Actor) -> asked.PlacesReply:
        node = self._desk.place(request.node, who).code
        found = self.registry.near(request.at, request.within_km * 1_000, node, request.kind)
        lines = tuple(asked.PlaceLine(place, round(away, 1)) for away, place in found[: request.limit])
        return asked.PlacesReply(lines, len(found))

    async def in_sight(self, request: asked.PlacesInSight, who: Actor) -> asked.SightReply:
        node = self._desk.place(request.node, who).code
        box = Box(request.south, request.west, request.north, request.east)
        if not (box.south <= box.north and box.west <= box.east):
            raise BadInput("A box is: south, west, north, east.", "范围应为：南、西、北、东。")
        registry, key = self.registry, (request, node)
        changes = registry.changes
        if changes != self._of_changes:
            self._sights.clear()
            self._of_changes = changes
        if key in self._sights:
            return self._sights[key]
        sight = Sight(box, request.limit, node, frozenset(request.kinds))
        for i, place in enumerate(registry.inside(box), 1):
            sight.add(place)
            if i % LOOKED_AT_ONCE == 0:
                await asyncio.sleep(0)
        reply = asked.SightReply(sight.each, sight.groups, sight.total, sight.kinds)
        if registry.changes == changes:
            self._sights[key] = reply
            if len(self._sights) > SIGHTS_MAX:
                self._sights.popitem(last=False)
        return reply
