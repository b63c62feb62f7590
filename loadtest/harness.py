"""A whole tier for one scenario: started on free ports in a folder of its own, filled with people, and stopped."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fusioncmd import api, divisions, keys
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.cli.keys import make_keys
from fusioncmd.cli.up import Tier, run_tier
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.roster.load import ImportReport, Progress, import_people
from fusioncmd.roster.sample import sample_csv
from fusioncmd.supervisor import Supervisor
from fusioncmd.trust import ring
from fusioncmd.trust.judge import Judge
from loadtest.people import People, read

TICKET_S = 24 * 3600
BUS_WAIT_S = 10.0


class OfficeCommander(Commander):
    """A commander with the tier's own keys: each order is signed by the key of its mode."""

    def __init__(self, bus: Bus, data: Path) -> None:
        super().__init__(bus)
        self._keys = ring.folder_of(data)
        self.judge = Judge(ring.anchors(self._keys), time.time)

    async def call(self, draft: api.Draft, timeout_s: float) -> api.Issued:
        own = ring.own_key(self._keys, draft.status, self.judge.now_ms)
        return await self.issue(draft, own, timeout_s)


@dataclass(slots=True)
class Running:
    """A tier that is up, and a commander's way to it."""

    tier: Tier
    supervisor: Supervisor
    bus: Bus
    commander: OfficeCommander
    places: Divisions
    played: dict[str, Bus]  # the bus as each played gateway has it

    def pids(self) -> dict[str, int]:
        """The processes that run now, by name."""
        children = self.supervisor.children.items()
        return {
            name: child.process.pid for name, child in children if child.process and child.process.returncode is None
        }

    async def fill(self, people: int, seed: int, progress: Progress = lambda *_: None) -> ImportReport:
        """Import a sample roster of `people`."""
        data = "".join(sample_csv(self.places, people, seed)).encode()
        return await import_people(self.bus, self.places, data, progress=progress)

    async def people(self) -> People:
        return await read(self.bus, self.places)

    def tickets(self, people: People, wanted: int) -> list[tuple[int, bytes]]:
        return people.tickets(wanted, keys.read_ticket_key(self.tier.data), int(time.time()) + TICKET_S)


@contextlib.asynccontextmanager
async def running(
    folder: Path, gateways: int, say_line: Callable[[str], None] = lambda _: None, env: Mapping[str, str] | None = None,
    played: int = 0,
) -> AsyncIterator[Running]:  # fmt: skip
    """A province's tier while the block runs; `env` is added to its processes' environment. So many gateways,
    `played-0` and on, are the scenario itself, on the bus alone."""
    nats_port, port = free_ports(2)
    places = divisions.guangdong()
    tier = Tier(places.root.code, folder, None, None, nats_port, None, "127.0.0.1", port, gateways)
    make_keys(folder, tier.node, places)
    names = [f"played-{i}" for i in range(played)]
    for name in names:
        users.ensure(users.folder_of(folder), name, "gateway", tier.node)
    supervisor = await run_tier(tier, say_line, os.environ | dict(env or {}))
    try:
        async with contextlib.AsyncExitStack() as open_buses:

            async def opened(name: str) -> Bus:
                url, key, gateway = tier.nats_url, tier.bus_key(name), name in names
                bus = await open_bus(url, "loadtest", wait_s=BUS_WAIT_S, quiet=True, key=key, gateway=gateway)
                open_buses.push_async_callback(bus.close)
                return bus

            bus = await opened(users.NODE)
            played_on = {name: await opened(name) for name in names}
            yield Running(tier, supervisor, bus, OfficeCommander(bus, folder), places, played_on)
    finally:
        await supervisor.stop()


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fusioncmd-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
