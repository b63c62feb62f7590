"""A gateway in this process with a node's counter for devices behind it, on one bus in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fusioncmd import api, limits, subjects
from fusioncmd.api import devices as asked
from fusioncmd.bus.port import TRUST, Server
from fusioncmd.trust.grants import SignedGrant
from tests.phones import ENROLLED, Phone
from tests.terminals import KEY, Terminal, World, a_world
from tests.test_desk import TABLE, Office
from tests.worlds import CHIEF, OFFICES, Notebook
from tiers.devices import DeviceDesk
from tiers.serving import Serving

ONE, TWO = TABLE.towns.index("440106001") << 16 | 1, TABLE.towns.index("440106001") << 16 | 2


class Province:
    """A gateway and the counter of a node on one bus."""

    def __init__(self, world: World) -> None:
        self.world, office = world, Office(world.bus)
        self.desk = DeviceDesk(world.bus, office.roster, KEY, (OFFICES.root_grant,), Notebook(), lambda: world.now_s)
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def serve(self) -> None:
        serving = Serving(
            self.world.bus, lambda: True, lambda question, session: CHIEF, Notebook(), lambda: self.world.now_s
        )
        for kind, answer in ((asked.Enrol, self.desk.enrol), (asked.Renew, self.desk.renew)):
            server = self._counted(serving._server(kind, answer))
            await self.world.bus.serve(subjects.api(api.VERBS[kind][0]), server)
        await self.world.bus.tail(TRUST, self.world.gateway.relay.fold_lost, filters=(subjects.LOST_ALL,))

    def _counted(self, server: Server) -> Server:
        async def serve(data: bytes) -> bytes:
            self.asked += 1
            await self.gate.wait()
            return await server(data)

        return serve

    @property
    def now_ms(self) -> int:
        return int(self.world.now_s * 1000)

    async def code(self, number: int = ONE) -> bytes:
        return (await self.desk.codes(asked.MakeCodes(3600, number=number), CHIEF)).lines[0].code

    async def enrolled(self, phone: Phone, number: int = ONE) -> tuple[Terminal, bytes, bytes]:
        """A terminal that was enrolled and has not said hello, its device and its ticket."""
        terminal = await self.world.open()
        terminal.say(*phone.enrol(await self.code(number)))
        kind, device, who, ticket, after_s, roots = await terminal.hear()
        assert (kind, who) == (ENROLLED, number)
        first, last = limits.DEVICE_RENEW_AFTER_S
        assert first <= after_s < last
        assert [SignedGrant(*root) for root in roots] == [OFFICES.root_grant]
        return terminal, device, ticket


@contextlib.asynccontextmanager
async def a_province() -> AsyncIterator[Province]:
    async with a_world() as world:
        province = Province(world)
        await province.serve()
        yield province
