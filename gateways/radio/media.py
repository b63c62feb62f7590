"""What carries the sound of radios' calls: RTP on one side, talkgroups of the bus on the other (`calls.Media`).

It owns the sockets; `groups.py` has the bus and the clock. A call hears the talkgroup that it dialled, and the floor
decides who is heard; a private call is a talkgroup of two, of this tier.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, Problem, Unavailable
from fusioncmd.voice import rtcp, rtp
from fusioncmd.voice.bounds import LEGS_MAX, PLAYING_MAX
from gateways.radio.calls import CallChanged, CallDown, CallUp, LocalMedia, SrtpKeys
from gateways.radio.groups import Groups, now_ms
from gateways.radio.leg import Leg
from gateways.radio.player import Player
from gateways.radio.sockets import PORTS, Address, Sockets
from gateways.radio.srtp import Srtp, fresh_key
from gateways.radio.talkgroup import Talkgroup
from gateways.radio.tones import Tones


class TalkgroupMedia:
    """`gateway` is unique among all gateways of the tree, such as 440106-radio-1; it serves the place `serves`.
    `pressed` is told which other keys a caller pressed, and which order had been spoken there."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, host: str, ports: tuple[int, int] = PORTS,
    ) -> None:  # fmt: skip
        self._host, self._sockets = host, Sockets(host, self._arrived, ports)
        self._groups = Groups(bus, gateway, serves, time.time, self, self._ticked)
        self.say = self._groups.say
        self.pressed: Callable[[Leg, str, bytes], None] = lambda leg, key, order: None
        self._tones = Tones()
        self._legs: dict[int, tuple[Leg, Talkgroup]] = {}  # by descriptor of its pair
        self._calls: dict[str, Leg] = {}
        self._running: asyncio.Task[None] | None = None
        self._playing = 0  # orders that are spoken

    async def start(self) -> None:
        await self._groups.start()
        self._sockets.start()
        self._running = asyncio.create_task(self._groups.run())

    async def run(self) -> None:
        """Until `stop`; what goes wrong in it is raised here. After `start`."""
        assert self._running is not None
        await self._running

    async def stop(self) -> None:
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)
        self._sockets.stop()

    @property
    def lost(self) -> int:  # packets that the kernel or the bus did not take
        return self._sockets.unsent + self._groups.shed

    @property
    def refused(self) -> int:  # frames that are none
        return self._groups.refused

    # --- calls.Media

    async def open(self, call: CallUp) -> LocalMedia:
        if len(self._calls) >= LEGS_MAX:
            raise Unavailable("This gateway carries no further call.", "本网关无法再承载呼叫。")
        keys = _answered(call.offer.keys)
        srtp = None if keys is None else Srtp(keys)
        pair = self._sockets.open()
        try:
            joined = await self._groups.join(call.where, lambda ssrc: Leg(call, pair, ssrc, srtp))
        except Problem:
            self._sockets.close(pair)
            raise
        assert joined is not None
        leg, group = joined
        self._legs[pair.fd], self._calls[call.call] = (leg, group), leg
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
        self._legs.pop(leg.pair.fd)[1].leave(leg, now_ms())
        self._sockets.close(leg.pair)
        await self._groups.leave_empty()

    def _local(self, leg: Leg, keys: SrtpKeys | None) -> LocalMedia:
        floor = leg.pair.port + 1 if leg.offer.floor is not None else None
        return LocalMedia(self._host, leg.pair.port, keys, floor)

    async def play(self, call: CallUp, packets: list[bytes], order: bytes) -> None:
        """Speak an order in a talkgroup, once it has the floor. `Unavailable` when too many are spoken."""
        if self._playing >= PLAYING_MAX:
            raise Unavailable("Too many orders are spoken at once.", "同时播报的指令过多。")
        self._playing += 1
        try:
            await self._groups.join(call.where, lambda ssrc: Player(call, ssrc, packets, order, now_ms(), self._played))
        except Problem:
            self._playing -= 1
            raise

    def _played(self, player: Player) -> None:
        self._playing -= 1

    def listeners(self, where: str) -> list[Leg]:
        found = self._groups.find(where)
        return [] if found is None else [leg for leg in found.legs.values() if leg.listens]

    def beep(self, number: int, good: bool) -> None:
        """A tone to the calls of that person: their answer counts, or it does not."""
        for leg in self._calls.values():
            if leg.who.number == number:
                self._tones.begin(leg, good)

    # --- what comes

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
                    group.message(leg, message, now_ms())
            else:
                packet = rtp.parse(leg.opened(data, rtcp=False))
                leg.comes_from(address, by_rtcp)
                group.packet(leg, packet, now_ms())
        except BadMessage:
            leg.refused += 1

    # --- what goes (talkgroup.Wire)

    def rtp(self, leg: Leg, packet: bytearray) -> None:
        data = packet if leg.srtp is None else leg.sealed(bytes(packet), rtcp=False)
        self._sockets.send(leg.pair.rtp, data, leg.peer)

    def rtcp(self, leg: Leg, packet: bytes) -> None:
        if leg.floor_peer is not None:
            self._sockets.send(leg.pair.rtcp, leg.sealed(packet, rtcp=True), leg.floor_peer)

    def _ticked(self, at_ms: int) -> None:
        for leg, packet in self._tones.due(at_ms):
            if leg.call in self._calls:
                self.rtp(leg, packet)


def _answered(keys: SrtpKeys | None) -> SrtpKeys | None:
    """With a key of our own, where the peer leaves it to us."""
    return keys if keys is None or keys.outbound else SrtpKeys(keys.inbound, fresh_key())
