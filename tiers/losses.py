"""Losses of devices between tiers: told when an administrator ends a person's devices, heeded when a link says so."""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd import subjects
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import Conflict, Unavailable
from fusioncmd.exchange import items
from fusioncmd.exchange.items import Family, Kind
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import town_of
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.losses import Missing, state
from fusioncmd.trust.notices import Notices
from fusioncmd.trust.refusals import Untrusted
from tiers.devices import DeviceDesk
from tiers.links import Links
from tiers.replica import Coming, NodeReplica


class Elsewhere:
    """`own` gives the node's key. Wires itself to who tells it of losses."""

    def __init__(
        self, bus: Bus, roster: Roster, replica: NodeReplica, devices: DeviceDesk, links: Links, notices: Notices,
        own: Callable[[], Credential],
    ) -> None:  # fmt: skip
        self._bus, self._roster, self._losses = bus, roster, replica.holdings.losses
        self._devices, self._own = devices, own
        devices.tell_tiers, links.heed = self.tell, self.heed
        notices.on("missing", self._fold)

    async def tell(self, number: int, at_ms: int, by: str) -> None:
        """On this node's disk, from which links take it; each tier above and below ends what it enrolled. Told each
        time: nobody here knows whether a stolen code enrolled elsewhere since it was told last."""
        self._losses.check_room()
        missing = Missing(number, self._roster.towns[town_of(number)], at_ms, by)
        data = state(missing, self._own())
        await self._bus.store(subjects.missing(Path(missing.town), number, items.name_of(data)), data)

    async def heed(self, coming: Coming) -> None:
        """Before it is stored, so that a crash in between has it come again. `Unavailable`: later."""
        if items.kind_of(coming.key) is not Kind.STATEMENT or items.statement_of(coming.key)[0] is not Family.LOST:
            return
        try:
            missing = self._losses.read(coming.value)
        except Untrusted:  # its key was revoked since it came; what is folded is refused as well
            return
        try:
            await self._devices.end_until(missing.number, missing.at_ms, missing.by)
        except Conflict as problem:
            raise Unavailable(problem.en, problem.zh) from None

    def _fold(self, stored: Stored) -> None:
        self._losses.add(stored.data)
