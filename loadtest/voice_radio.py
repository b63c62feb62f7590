"""A radio of the voice benchmark: it asks for the floor, speaks, and keeps when it heard what."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fusioncmd.errors import Unavailable
from fusioncmd.floor import codec
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind
from fusioncmd.voice import rtcp, rtp
from fusioncmd.voice.rtp import RtpPacket
from gateways.radio.calls import Codec
from loadtest.voice_process import TYPES

WAIT_S_MAX = 10.0


class VoiceRadio(asyncio.DatagramProtocol):
    """`ports` are the gateway's, for RTP and for floor messages."""

    def __init__(self, kind: Codec) -> None:
        self.floor: list[FloorMessage] = []
        self.floor_s = 0.0  # when the last of them came (perf_counter)
        self.heard: list[tuple[float, RtpPacket]] = []  # by time.monotonic
        self.ports = (0, 0)
        self._kind, self._ssrc = kind, 0
        self._came = asyncio.Event()

    @staticmethod
    async def called(ask: Callable[[str], Awaitable[Any]], where: str, kind: Codec) -> VoiceRadio:
        """`ask` tells the gateway to open the call."""
        radio = VoiceRadio(kind)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: radio, local_addr=("127.0.0.1", 0)
        )
        radio._transport, radio._ssrc = transport, transport.get_extra_info("sockname")[1]
        (radio.ports,) = (await ask(f"open 1 {kind} 127.0.0.1 {radio._ssrc} {where} floor"))["ports"]
        return radio

    _transport: asyncio.DatagramTransport

    def close(self) -> None:
        self._transport.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if rtp.is_rtcp(data):
            self.floor += rtcp.floor_messages(data)
            self.floor_s = time.perf_counter()
            self._came.set()
        else:
            self.heard.append((time.monotonic(), rtp.parse(data)))

    def send(self, payload: bytes, number: int, samples: int) -> None:
        packet = RtpPacket(TYPES[self._kind], number & 0xFFFF, number * samples & 0xFFFFFFFF, self._ssrc, payload)
        self._transport.sendto(rtp.build(packet), ("127.0.0.1", self.ports[0]))

    def say(self, kind: Kind) -> None:
        message = FloorMessage(kind, self._ssrc, indicator=Indicator.NORMAL | Indicator.QUEUEING)
        self._transport.sendto(codec.encode(message), ("127.0.0.1", self.ports[1]))

    def told(self, kind: Kind) -> bool:
        return any(message.kind is kind for message in self.floor)

    async def until(self, wanted: Callable[[], bool]) -> None:
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while not wanted():
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise Unavailable("A radio waited for the floor in vain.", "电台未等到话权应答。") from None
