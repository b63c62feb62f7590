"""A whole tier for one scenario: started on free ports in a folder of its own, filled with people, and stopped."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from fusioncmd import api, divisions, keys
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.cli.alarm_way import Alarms
from fusioncmd.cli.bus_way import OWN, Way
from fusioncmd.cli.console_way import Console
from fusioncmd.cli.keys import make_keys
from fusioncmd.cli.radio_way import Radio
from fusioncmd.cli.up import Tier, run_tier
from fusioncmd.cli.video_way import Video
from fusioncmd.client import Commander, key_login
from fusioncmd.divisions import Divisions
from fusioncmd.messages import Order, Status, encode
from fusioncmd.roster.load import ImportReport, Progress, import_people
from fusioncmd.roster.sample import sample_csv
from fusioncmd.supervisor import Supervisor
from fusioncmd.trust import ring, seals
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from loadtest.deputies import make_deputy
from loadtest.people import People, read

TICKET_S = 24 * 3600
BUS_WAIT_S = 10.0


class OfficeCommander(Commander):
    """A commander with the tier's own keys, who are who asks: each order is signed by the key of its mode, and where a
    second person is needed, by a deputy."""

    def __init__(self, bus: Bus, data: Path) -> None:
        super().__init__(bus, log_in=self._by_key)
        self._keys = ring.folder_of(data)
        self._deputy = data / "deputy"
        if not self._deputy.exists() and ring.root_key_file(self._keys).exists():
            make_deputy(self._keys, self._deputy)
        self._anchors = ring.anchors(self._keys)
        self.judge = Judge(self._anchors, time.time)

    async def _by_key(self, _: Commander) -> bytes:
        return (await key_login(self, ring.login_keys(self._keys, self.judge.now_ms))).session

    async def call(self, draft: api.Draft, timeout_s: float) -> api.Issued:
        done = await self.issue_or_propose(draft, self._own(draft.status), timeout_s)
        if isinstance(done, api.Issued):
            return done
        second = ring.own_key(self._deputy, draft.status, self.judge.now_ms)
        return await self.approve(done.sealed, second, self._anchors, timeout_s)

    def sealed(self, order: Order) -> bytes:
        """As it was issued: the same key signs the same bytes alike (RFC 8032, 5.1.6)."""
        return seals.seal(encode(order), self._own(order.status))

    def _own(self, status: Status) -> Credential:
        return ring.own_key(self._keys, status, self.judge.now_ms)


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
    played: int = 0, nats: str | None = None, console: bool = False, radio: Radio | None = None,
    video: Video | None = None, alarms: Alarms | None = None,
) -> AsyncIterator[Running]:  # fmt: skip
    """A province's tier while the block runs; `env` is added to its processes' environment. So many gateways,
    `played-0` and on, are the scenario itself, on the bus alone. `nats`: servers that run, and know the users that
    `known` made."""
    nats_port, port, console_port = free_ports(3)
    places = divisions.guangdong()
    way = OWN if nats is None else Way(keys=users.folder_of(folder))
    tier = Tier(
        places.root.code, folder, None, nats, nats_port, None, "127.0.0.1", port, gateways, way=way, radio=radio,
        video=video, alarms=alarms,
    )  # fmt: skip
    if console:
        tier = replace(tier, console=Console("127.0.0.1", console_port, proxied=False))
    make_keys(folder, tier.node, places)
    names = known(folder, tier.node, played)
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
            commander = OfficeCommander(bus, folder)
            await commander.log_in()
            yield Running(tier, supervisor, bus, commander, places, played_on)
    finally:
        await supervisor.stop()


def known(folder: Path, node: str, played: int) -> list[str]:
    """The users of the bus that are gateways played by a scenario."""
    names = [f"played-{i}" for i in range(played)]
    for name in names:
        users.ensure(users.folder_of(folder), name, "gateway", node)
    return names


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
