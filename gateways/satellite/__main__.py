"""`python -m gateways.satellite`: links of a tier over satellites: to the node above, or where kits come in."""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import structlog

from fusioncmd import codes, satellite, subjects
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Unavailable
from fusioncmd.machine_clock import machine_clock
from fusioncmd.programs import run_program
from fusioncmd.satellite import FACTS_EVERY_S, HubFacts
from fusioncmd.trust import joining, link_keys
from fusioncmd.trust.told_ends import ToldEnds
from gateways.satellite.bridge import LinkBridge
from gateways.satellite.carrying import Pipe
from gateways.satellite.dialler import KitDialer
from gateways.satellite.facts import Facts
from gateways.satellite.hub_port import HubPort
from gateways.satellite.identity import Identity, believes_of, load
from gateways.satellite.ways import Way

log = structlog.get_logger("satellite")
BUS_WAIT_S = 30.0
TICKET = "ticket"  # by which a kit comes back without a handshake; beside its key


class Program:
    def __init__(self, given: argparse.Namespace, serves: codes.Path) -> None:
        self._given, self._serves = given, serves
        clock = machine_clock()
        self._began_ms = int(clock() * 1000)
        ends = ToldEnds(given.data)
        believes = believes_of(given.data, lambda: int(clock() * 1000))
        self._believes = believes._replace(ended_since_ms=ends.since_ms)
        self._identity: Identity = load(given.data, serves.code)
        self._folder = users.folder_of(given.data)
        self._tasks: asyncio.TaskGroup

    async def run(self) -> None:
        """Until a signal comes, or a mistake of ours, which is raised."""
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        running = asyncio.create_task(self._run())
        running.add_done_callback(lambda _: stop.set())
        await stop.wait()
        failed = running.done()
        running.cancel()
        await asyncio.gather(running, return_exceptions=not failed)

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as self._tasks:
            await (self._hub() if self._given.listen else self._kit())
            log.info("satellite.ready", serves=self._serves.code)

    async def _bus(self, name: str) -> Bus:
        given = self._given
        return await open_bus(given.nats, name, BUS_WAIT_S, key=given.bus_key, ca=given.tls_ca, echo=False)

    async def _kit(self) -> None:
        given = self._given
        ways = [way_of(text) for text in given.way] or [Way("link", "", satellite.RATE_BPS)]
        pipe = KitDialer(
            address_of(given.hub), ways, self._identity, self._believes, given.above,
            given.data / link_keys.FOLDER / TICKET,
        )  # fmt: skip
        bridge = LinkBridge(pipe, "kit", self._serves, self._serves, pipe.facts, self._began_ms)
        self._tasks.create_task(bridge.run(await self._bus("satellite")))
        await pipe.open()

    async def _hub(self) -> None:
        given = self._given
        host, port = address_of(given.listen)
        hub = HubPort(
            host, port, self._identity, self._believes, self._admits,
            lambda code, pipe: self._came(hub, code, pipe), given.rate,
        )  # fmt: skip
        await hub.open()
        self._tasks.create_task(self._tell(hub))

    def _admits(self, code: str) -> bool:
        return admits(self._folder, code)

    def _came(self, hub: HubPort, code: str, pipe: Pipe) -> None:
        def facts() -> Facts:
            end = hub.ends.ends.get(code)
            return Facts(peer=code, up=pipe.up, since_s=0.0) if end is None else end.facts()

        log.info("satellite.kit", kit=code)
        bridge = LinkBridge(pipe, "hub", self._serves, codes.parse(code), facts, self._began_ms)
        self._tasks.create_task(self._carry(bridge, code))

    async def _carry(self, bridge: LinkBridge, code: str) -> None:
        await bridge.run(await self._bus(f"satellite {code}"))

    async def _tell(self, hub: HubPort) -> None:
        """The node, of whom the port refuses; and whoever was revoked meanwhile is refused from now on."""
        bus = await self._bus("satellite hub")
        while True:
            hub.judge_again()
            refusal = hub.refusal
            said = HubFacts() if refusal is None else HubFacts(refusal.en, refusal.zh)
            try:
                await bus.say(subjects.satellite(self._serves.code), satellite.pack(said))
            except Unavailable as problem:
                log.warning("satellite.bus_is_down", problem=problem.en)
            await asyncio.sleep(FACTS_EVERY_S)


def admits(folder: Path, code: str) -> bool:
    """Whom `nodes approve` let in, and `nodes revoke` has not put out since. One file is read: it is asked of each kit
    each 2 s, and a file of another that cannot be read is no reason to let this one go."""
    user = users.find(folder, joining.link_name(code))
    return user is not None and (user.role, user.serves) == ("link", code)


def address_of(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def way_of(text: str) -> Way:
    """`name=address@bits per second`, as `up` writes it."""
    name, _, rest = text.partition("=")
    address, _, rate = rest.rpartition("@")
    return Way(name, address, int(rate))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateways.satellite", description=__doc__)
    parser.add_argument("--serve", required=True, help="the place of this node, such as 44.01.06.001")
    parser.add_argument("--nats", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--listen", default="", metavar="HOST:PORT", help="take kits in there (UDP)")
    parser.add_argument("--rate", type=int, default=satellite.RATE_BPS, help="with --listen: bits/s to each kit")
    parser.add_argument("--hub", default="", metavar="HOST:PORT", help="the node above")
    parser.add_argument("--above", default="", help="with --hub: its code")
    parser.add_argument("--way", action="append", default=[], metavar="NAME=ADDRESS@RATE", help="best first")
    parser.add_argument("--bus-key", type=Path, help="satellite.nk: this process's key of the bus")
    parser.add_argument("--tls-ca", type=Path, help="who vouches for the NATS server")
    given = parser.parse_args()
    if bool(given.listen) == bool(given.hub):
        parser.error("--listen or --hub")
    run_program(Program(given, codes.parse(given.serve)).run())


if __name__ == "__main__":
    main()
