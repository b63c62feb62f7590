"""What carries the sound of radios' calls: RTP on one side, talkgroups of the bus on the other (`calls.Media`).

The shell around `Talkgroup`: it owns sockets, subscriptions and the clock. A call hears the talkgroup that it dialled,
and the floor decides who is heard; a private call is a talkgroup of two, of this tier.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, Problem, Unavailable
from fusioncmd.floor.frames import Beacon
from fusioncmd.voice import joined, rtcp, rtp, subjects
from fusioncmd.voice.bounds import LEGS_MAX, PLAYING_MAX, TALKGROUPS_MAX
from gateways.radio.calls import CallChanged, CallDown, CallUp, LocalMedia, SrtpKeys
from gateways.radio.leg import Leg
from gateways.radio.nodes_heard import NodesHeard
from gateways.radio.places import talkgroup_of
from gateways.radio.player import Player
from gateways.radio.sockets import PORTS, Address, Sockets
from gateways.radio.srtp import Srtp, fresh_key
from gateways.radio.talkgroup import Talkgroup
from gateways.radio.tones import Tones

log = structlog.get_logger("radio")

TICK_S = 0.01
IDLE_TICKS = 20  # talkgroups in which nobody speaks are looked at so much more rarely
JOINED_S = 1.0


@dataclass(slots=True)
class _Joined:
    group: Talkgroup
    hearings: list[Hearing] = field(default_factory=list)


class TalkgroupMedia:
    """`gateway` is unique among all gateways of the tree, such as 440106-radio-1; it serves the place `serves`.
    `pressed` is told which other keys a caller pressed, and which order had been spoken there."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, host: str, ports: tuple[int, int] = PORTS,
    ) -> None:  # fmt: skip
        self._bus, self._gateway, self._serves, self._host = bus, gateway, serves, host
        self._saying, self._sockets = Saying(bus), Sockets(host, self._arrived, ports)
        self.say = self._saying.say
        self.pressed: Callable[[Leg, str, bytes], None] = lambda leg, key, order: None
        self._tones = Tones()
        self._groups: dict[str, _Joined] = {}
        self._legs: dict[int, tuple[Leg, Talkgroup]] = {}  # by descriptor of its pair
        self._calls: dict[str, Leg] = {}
        self._nodes = NodesHeard(bus, self._hear_node)
        self._ssrc = int.from_bytes(fresh_key()[:3], "big") << 8
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()  # calls come and go one after the other: the last one out ends the hearing
        self.refused = self._playing = 0  # packets and frames that are none; orders that are spoken

    async def start(self) -> None:
        await self._nodes.listen(self._serves)
        self._sockets.start()
        self._tasks = [asyncio.create_task(self._saying.run()), asyncio.create_task(self._run())]

    async def run(self) -> None:
        """Until `stop`; what goes wrong in its tasks is raised here."""
        await asyncio.gather(*self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sockets.stop()

    @property
    def lost(self) -> int:  # packets that the kernel or the bus did not take
        return self._sockets.unsent + self._saying.shed

    # --- calls.Media

    async def open(self, call: CallUp) -> LocalMedia:
        if len(self._calls) >= LEGS_MAX:
            raise Unavailable("This gateway carries no further call.", "本网关无法再承载呼叫。")
        keys = _answered(call.offer.keys)
        srtp = None if keys is None else Srtp(keys)
        async with self._changing:
            pair = self._sockets.open()
            try:
                group = await self._group(call.where)
            except Problem:
                self._sockets.close(pair)
                raise
            self._ssrc += 1
            leg = Leg(call, pair, self._ssrc & 0xFFFFFFFF, srtp)
            self._legs[pair.fd], self._calls[call.call] = (leg, group), leg
            group.join(leg)
        return self._local(leg, keys)

    async def change(self, call: CallChanged) -> LocalMedia:
        leg = self._calls.get(call.call)
        if leg is None:
            raise Unavailable("There is no such call.", "没有该呼叫。")
        keys = _answered(call.offer.keys)
        leg.change(call, None if keys is None else Srtp(keys))
        self._legs[leg.pair.fd][1].changed()
        return self._local(leg, keys)

    async def close(self, call: CallDown) -> None:
        leg = self._calls.pop(call.call, None)
        if leg is None:
            return
        self._legs.pop(leg.pair.fd)[1].leave(leg, _now_ms())
        self._sockets.close(leg.pair)
        await self._leave_empty()

    async def _leave_empty(self) -> None:
        """Nobody is in it any more, nor is spoken to: no link has to carry it for us."""
        async with self._changing:
            for key in [key for key, each in self._groups.items() if not each.group.legs]:
                for hearing in self._groups.pop(key).hearings:
                    await hearing.stop()

    def _local(self, leg: Leg, keys: SrtpKeys | None) -> LocalMedia:
        floor = leg.pair.port + 1 if leg.offer.floor is not None else None
        return LocalMedia(self._host, leg.pair.port, keys, floor)

    async def _group(self, where: str) -> Talkgroup:
        path, name = talkgroup_of(where, self._serves)
        key = f"{path.dotted}.{name}"
        if (known := self._groups.get(key)) is not None:
            return known.group
        if len(self._groups) >= TALKGROUPS_MAX:
            raise Unavailable("This gateway carries no further talkgroup.", "本网关无法再承载通话组。")
        group = Talkgroup(path, name, self._gateway, self._ssrc, int(time.time() * 1_000), self)
        self._ssrc += 1
        made = self._groups[key] = _Joined(group)
        for beacon, ms in self._nodes.beacons.again():
            group.beacon(beacon, ms)
        await self._nodes.listen(max(path, self._serves, key=lambda each: each.tier))
        made.hearings.append(await self._bus.hear(subjects.floor(path, name), partial(self._hear, Talkgroup.floor)))
        made.hearings.append(await self._bus.hear(subjects.voice(path, name), partial(self._hear, Talkgroup.voice)))
        self._say_joined()
        return group

    async def play(self, call: CallUp, packets: list[bytes], order: bytes) -> None:
        """Speak an order in a talkgroup, once it has the floor. `Unavailable` when too many are spoken."""
        if self._playing >= PLAYING_MAX:
            raise Unavailable("Too many orders are spoken at once.", "同时播报的指令过多。")
        async with self._changing:
            group = await self._group(call.where)
            self._ssrc += 1
            self._playing += 1
            group.join(Player(call, self._ssrc & 0xFFFFFFFF, packets, order, _now_ms(), self._played))

    def _played(self, player: Player) -> None:
        self._playing -= 1

    def listeners(self, where: str) -> list[Leg]:
        path, name = talkgroup_of(where, self._serves)
        found = self._groups.get(f"{path.dotted}.{name}")
        return [leg for leg in found.group.legs.values() if leg.listens] if found else []

    def beep(self, number: int, good: bool) -> None:
        """A tone to the calls of that person: their answer counts, or it does not."""
        for leg in self._calls.values():
            if leg.who.number == number:
                self._tones.begin(leg, good)

    # --- what comes

    def _hear_node(self, beacon: Beacon, now_ms: int) -> None:
        for each in self._groups.values():
            each.group.beacon(beacon, now_ms)

    def _hear(self, what: Callable[[Talkgroup, bytes, int], None], subject: str, data: bytes) -> None:
        found = self._groups.get(subject.split(".", 2)[2])
        try:
            if found is not None:
                what(found.group, data, _now_ms())
        except BadMessage:
            self.refused += 1

    def _arrived(self, fd: int, data: bytes, address: Address, by_rtcp: bool) -> None:
        found = self._legs.get(fd)
        if found is None:
            return
        leg, group = found
        if not leg.is_from(address, by_rtcp):
            leg.refused += 1
            return
        try:
            if by_rtcp or rtp.is_rtcp(data):
                messages = rtcp.floor_messages(leg.opened(data, rtcp=True))
                leg.comes_from(address, by_rtcp)
                for message in messages:
                    group.message(leg, message, _now_ms())
            else:
                packet = rtp.parse(leg.opened(data, rtcp=False))
                leg.comes_from(address, by_rtcp)
                group.packet(leg, packet, _now_ms())
        except BadMessage:
            leg.refused += 1

    # --- what goes (talkgroup.Wire)

    def rtp(self, leg: Leg, packet: bytearray) -> None:
        data = packet if leg.srtp is None else leg.sealed(bytes(packet), rtcp=False)
        self._sockets.send(leg.pair.rtp, data, leg.peer)

    def rtcp(self, leg: Leg, packet: bytes) -> None:
        if leg.floor_peer is not None:
            self._sockets.send(leg.pair.rtcp, leg.sealed(packet, rtcp=True), leg.floor_peer)

    async def _run(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(TICK_S)
            ticks += 1
            now_ms = _now_ms()
            for each in list(self._groups.values()):
                if ticks % IDLE_TICKS == 0 or each.group.busy:
                    each.group.tick(now_ms)
            for leg, packet in self._tones.due(now_ms):
                if leg.call in self._calls:
                    self.rtp(leg, packet)
            if ticks % int(JOINED_S / TICK_S) == 0:
                self._say_joined()
                await self._leave_empty()

    def _say_joined(self) -> None:
        said = joined.Joined(self._gateway, tuple(self._groups)[: joined.GROUPS_MAX])
        self.say(subjects.joined(self._gateway), joined.encode(said))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _answered(keys: SrtpKeys | None) -> SrtpKeys | None:
    """With a key of our own, where the peer leaves it to us."""
    return keys if keys is None or keys.outbound else SrtpKeys(keys.inbound, fresh_key())
