"""Positions between the bus and who comes from outside: drones by MAVLink, TAK clients by Cursor on Target.

What comes in is judged here (`track/judging.py`) and goes on the bus; what the bus says of units goes to TAK clients,
encoded once for all of them, and each new client is told what is known. Nobody proves who they are: networks say who
may come, and a unit that a client said is that client's as long as it is connected.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from functools import partial

import structlog
from msgspec import structs

from fusioncmd.bus.port import Bus
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.networks import Network, is_in
from fusioncmd.track import counts
from fusioncmd.track.counts import Counts
from fusioncmd.track.judging import OldPosition
from fusioncmd.track.known import Units
from fusioncmd.track.position import Track, all_below, encode
from gateways.track import cot
from gateways.track.bounds import (
    CLIENT_UNITS_MAX,
    CLIENTS_MAX,
    DATAGRAM_BYTES_MAX,
    DATAGRAMS_BURST,
    DATAGRAMS_PER_S,
    SENDERS_MAX,
    SILENT_S,
)
from gateways.track.client import Client
from gateways.track.drones import Drones
from gateways.track.events import DELETED, OWN, Event, event_of, track_of, unit_of
from gateways.track.mavlink import Datagrams
from gateways.track.paces import Paces

log = structlog.get_logger("track")
TICK_S = 1.0


class Gateway:
    """`bus` is that of what passes between tiers; `node` the place that what comes in is of; `networks` may come."""

    def __init__(self, bus: Bus, node: Path, networks: Iterable[Network]) -> None:
        self._bus, self._node, self._networks = bus, node, tuple(networks)
        self._saying, self._units, self._drones = Saying(bus), Units(), Drones(node.code)
        self._datagrams, self._paces = Datagrams(), Paces(DATAGRAMS_PER_S, DATAGRAMS_BURST, SENDERS_MAX)
        self._clients: dict[Client, None] = {}
        self._owner: dict[str, Client] = {}  # of units that TAK clients say
        self._told, self._counts = Counts(), dict.fromkeys(("strangers", "unread", "refused", "flooded", "full"), 0)
        self._why = ("", "")
        self._servers: list[asyncio.Server | asyncio.DatagramTransport] = []

    async def listen(self, host: str, mavlink: int, cot_port: int) -> None:
        """`OSError` where a port is taken."""
        loop = asyncio.get_running_loop()
        for port, take in ((mavlink, self._take_mavlink), (cot_port, self._take_cot)):
            if port:
                transport, _ = await loop.create_datagram_endpoint(partial(_Udp, take), (host, port))
                self._servers.append(transport)
        if cot_port:
            self._servers.append(await loop.create_server(self._client, host, cot_port))
        await self._bus.hear(all_below(self._node), self._hear)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._saying.run())
            tasks.create_task(self._tend())

    def stop(self) -> None:
        for each in self._servers:
            each.close()
        for client in [*self._clients]:
            client.end()

    def _count(self, what: str) -> None:
        self._counts[what] += 1

    def _refuse(self, problem: BadInput) -> None:
        self._count("refused")
        self._why = problem.en[:200], problem.zh[:200]

    def _is_let(self, host: str) -> bool:
        let = is_in(host, self._networks)
        if not let:
            self._count("strangers")
        return let

    # Datagrams.

    def _may(self, data: bytes, host: str) -> bool:
        if not self._is_let(host):
            return False
        if len(data) > DATAGRAM_BYTES_MAX:
            self._count("unread")
            return False
        if not self._paces.lets(host, time.monotonic()):
            self._count("flooded")
            return False
        return True

    def _take_mavlink(self, data: bytes, peer: tuple[str, int]) -> None:
        if not self._may(data, peer[0]):
            return
        before = self._datagrams.bad
        for said in self._datagrams.read(data):
            self._put(partial(self._drones.take, f"{peer[0]}:{peer[1]}", said, _now_ms()))
        self._counts["unread"] += self._datagrams.bad - before

    def _take_cot(self, data: bytes, peer: tuple[str, int]) -> None:
        """A datagram of TAK's mesh: one event."""
        if not self._may(data, peer[0]):
            return
        try:
            event = cot.read_proto(data[len(cot.MESH) :]) if data.startswith(cot.MESH) else cot.read_xml(data)
        except BadMessage:
            self._count("unread")
            return
        if unit_of(event.uid) in self._owner:
            self._count("refused")  # it is a client's, which is connected
            return
        self._put(lambda: track_of(event, self._node.code, _now_ms()))

    # TAK clients.

    def _client(self) -> Client:
        return Client(self._begun, self._said, self._over, self._count, time.time)

    def _begun(self, client: Client) -> bool:
        if not self._is_let(client.at):
            return False
        if len(self._clients) >= CLIENTS_MAX:
            self._count("full")
            return False
        self._clients[client] = None
        now_ms = _now_ms()
        client.write(cot.offer_version(f"{OWN}gateway", now_ms))
        for one in self._units.within(self._node.code, now_ms):
            client.write(cot.write_xml(event_of(one.track, now_ms)))
        return True

    def _over(self, client: Client) -> None:
        """Its units stay where they were last, and age."""
        self._clients.pop(client, None)
        for unit in client.units:
            self._owner.pop(unit, None)

    def _said(self, client: Client, event: Event) -> None:
        unit = unit_of(event.of if event.type == DELETED else event.uid)
        if self._owner.get(unit, client) is not client or (
            unit not in client.units and len(client.units) >= CLIENT_UNITS_MAX
        ):
            self._refuse(
                BadInput(
                    "Another client says where that unit is, or it says too many.",
                    "该单位由其他客户端上报，或其上报单位过多。",
                )
            )
            return
        if event.type == DELETED:
            known = self._units.find(f"{self._node.dotted}.{unit}")
            if known is not None and unit in client.units:
                ended = structs.replace(known.track, at_ms=max(_now_ms(), known.track.at_ms), over=True)
                self._put(lambda: ended)
            return
        if self._put(lambda: track_of(event, self._node.code, _now_ms())):
            client.units.add(unit)
            self._owner[unit] = client

    # Both.

    def _put(self, make: Callable[[], Track | None]) -> bool:
        """A position that came in; whether it was one."""
        try:
            track = make()
            if track is None:
                return False
            track = self._units.put(track, _now_ms())
        except OldPosition:
            return True
        except BadInput as problem:
            self._refuse(problem)
            return False
        self._saying.say(f"fc.track.{track.address}", encode(track))
        self._write(track)
        return True

    def _hear(self, subject: str, data: bytes) -> None:
        """What others say; what was said here comes back, and is not newer."""
        track = self._units.take(subject, data, _now_ms())
        if track is not None:
            self._write(track)

    def _write(self, track: Track) -> None:
        if not self._clients:
            return
        event = event_of(track, _now_ms())
        forms = {False: b"", True: b""}
        owner = self._owner.get(track.unit)
        for client in [*self._clients]:
            if client is owner:
                continue
            forms[client.is_proto] = forms[client.is_proto] or (cot.write_proto if client.is_proto else cot.write_xml)(
                event
            )
            client.write(forms[client.is_proto])

    async def _tend(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            silent_s = time.time() - SILENT_S
            for client in [one for one in self._clients if one.heard_s < silent_s]:
                client.end()
            told = Counts(**self._counts, why_en=self._why[0], why_zh=self._why[1])
            if told != self._told:
                self._told = told
                log.warning("track.not_taken", **self._counts, why=self._why[0])
                self._saying.say(counts.subject(self._node), counts.encode(told))


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._take(data, addr)


def _now_ms() -> int:
    return int(time.time() * 1_000)
