"""What carries the sound of radios' calls: RTP on one side, talkgroups of the bus on the other (`calls.Media`).

The shell around `Talkgroup`: it owns sockets, subscriptions and the clock. A call hears the talkgroup that it dialled,
and the floor decides who is heard; a private call is a talkgroup of two, of this tier.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage, Problem, Unavailable
from fusioncmd.floor import frames as floor_frames
from fusioncmd.floor.frames import Beacon
from fusioncmd.floor.known import Beacons
from fusioncmd.voice import joined, rtcp, rtp
from fusioncmd.voice.bounds import LEGS_MAX, TALKGROUPS_MAX
from gateways.radio.calls import CallChanged, CallDown, CallUp, LocalMedia, SrtpKeys
from gateways.radio.leg import Leg
from gateways.radio.sockets import PORTS, Address, Sockets
from gateways.radio.srtp import Srtp, fresh_key
from gateways.radio.talkgroup import Talkgroup

log = structlog.get_logger("radio")

MAIN = "main"  # the talkgroup of a place that is dialled by its code alone
TICK_S = 0.01
IDLE_TICKS = 20  # talkgroups in which nobody speaks are looked at so much more rarely
JOINED_S = 1.0


@dataclass(slots=True)
class _Joined:
    group: Talkgroup
    hearings: list[Hearing] = field(default_factory=list)


class TalkgroupMedia:
    """`gateway` is unique among all gateways of the tree, such as 440106-radio-1; it serves the place `serves`.
    `pressed` is told which other keys a caller pressed."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, host: str, ports: tuple[int, int] = PORTS,
        pressed: Callable[[Leg, str], None] = lambda leg, key: None,
    ) -> None:  # fmt: skip
        self._bus, self._gateway, self._serves, self._host = bus, gateway, serves, host
        self._saying, self._sockets = Saying(bus), Sockets(host, self._arrived, ports)
        self.say, self.pressed = self._saying.say, pressed
        self._groups: dict[str, _Joined] = {}
        self._legs: dict[int, tuple[Leg, Talkgroup]] = {}  # by descriptor of its pair
        self._calls: dict[str, Leg] = {}
        self._beacons = Beacons()
        self._hears_beacons: dict[str, Hearing] = {}
        self._ssrc = int.from_bytes(fresh_key()[:3], "big") << 8
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()  # calls come and go one after the other: the last one out ends the hearing
        self.refused = 0  # packets and frames that are none

    async def start(self) -> None:
        for path in (*self._serves.ancestors(), self._serves):
            await self._hear_beacon(path)
        self._sockets.start()
        self._tasks = [asyncio.create_task(self._saying.run()), asyncio.create_task(self._run())]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._sockets.stop()

    @property
    def lost(self) -> int:
        """Packets that the kernel or the bus did not take."""
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
        leg.srtp = None if keys is None else Srtp(keys)
        leg.change(call)
        self._legs[leg.pair.fd][1].changed()
        return self._local(leg, keys)

    async def close(self, call: CallDown) -> None:
        leg = self._calls.pop(call.call, None)
        if leg is None:
            return
        _, group = self._legs.pop(leg.pair.fd)
        group.leave(leg, _now_ms())
        self._sockets.close(leg.pair)
        async with self._changing:
            if not group.legs and (left := self._groups.pop(f"{group.path.dotted}.{group.name}", None)) is not None:
                for hearing in left.hearings:
                    await hearing.stop()

    def _local(self, leg: Leg, keys: SrtpKeys | None) -> LocalMedia:
        floor = leg.pair.port + 1 if leg.offer.floor is not None else None
        return LocalMedia(self._host, leg.pair.port, keys, floor)

    async def _group(self, where: str) -> Talkgroup:
        path, name = self._place(where)
        key = f"{path.dotted}.{name}"
        if (known := self._groups.get(key)) is not None:
            return known.group
        if len(self._groups) >= TALKGROUPS_MAX:
            raise Unavailable("This gateway carries no further talkgroup.", "本网关无法再承载通话组。")
        group = Talkgroup(path, name, self._gateway, self._ssrc, int(time.time() * 1_000), self)
        self._ssrc += 1
        made = self._groups[key] = _Joined(group)
        for beacon, ms in self._beacons.again():
            group.beacon(beacon, ms)
        lowest = max(path, self._serves, key=lambda each: each.tier)
        for above in (*lowest.ancestors(), lowest):
            await self._hear_beacon(above)
        made.hearings.append(await self._bus.hear(subjects.floor(path, name), self._hear_floor))
        made.hearings.append(await self._bus.hear(subjects.voice(path, name), self._hear_voice))
        self._say_joined()
        return group

    def _place(self, where: str) -> tuple[Path, str]:
        if where.startswith("person:"):
            return self._serves, f"p{where.partition(':')[2]}"
        code, _, name = where.partition(".")
        path = parse(code)
        if not path.covers(self._serves) and not self._serves.covers(path):
            raise BadInput(
                f"{path} is neither above nor below {self._serves}: its talkgroups are not heard here.",
                f"{path} 既非 {self._serves} 的上级也非其下级，此处听不到其通话组。",
            )
        return path, name or MAIN

    # --- what comes

    async def _hear_beacon(self, path: Path) -> None:
        if path.code not in self._hears_beacons:
            self._hears_beacons[path.code] = await self._bus.hear(subjects.beacon(path), self._hear_node)

    def _hear_node(self, subject: str, data: bytes) -> None:
        try:
            frame = floor_frames.decode(data)
        except BadMessage:
            self.refused += 1
            return
        if isinstance(frame, Beacon) and subject == subjects.beacon(parse(frame.node)):
            now_ms = _now_ms()
            self._beacons.hear(frame.node, now_ms)
            for joined_group in self._groups.values():
                joined_group.group.beacon(frame, now_ms)

    def _hear_floor(self, subject: str, data: bytes) -> None:
        self._hear(subject, data, Talkgroup.floor)

    def _hear_voice(self, subject: str, data: bytes) -> None:
        self._hear(subject, data, Talkgroup.voice)

    def _hear(self, subject: str, data: bytes, what: Callable[[Talkgroup, bytes, int], None]) -> None:
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
            if ticks % int(JOINED_S / TICK_S) == 0:
                self._say_joined()

    def _say_joined(self) -> None:
        said = joined.Joined(self._gateway, tuple(self._groups)[: joined.GROUPS_MAX])
        self.say(subjects.joined(self._gateway), joined.encode(said))


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


def _answered(keys: SrtpKeys | None) -> SrtpKeys | None:
    """With a key of our own, where the peer leaves it to us."""
    return keys if keys is None or keys.outbound else SrtpKeys(keys.inbound, fresh_key())
