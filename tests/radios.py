"""A radio of our own over real UDP: it speaks RTP and floor messages as a peer does, and keeps what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from array import array
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from math import pi, sin

from fusioncmd.floor import codec as floor_codec
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind
from fusioncmd.voice import dtmf, rtcp, rtp
from fusioncmd.voice.codecs import G711, OpusDecoder, OpusEncoder
from fusioncmd.voice.rtp import RtpPacket
from gateways.radio.calls import CallDown, Caller, CallUp, Codec, LocalMedia, MediaOffer, SrtpKeys
from gateways.radio.media import TalkgroupMedia
from gateways.radio.srtp import Srtp, fresh_key

TYPES = {"opus": 111, "pcma": 8, "pcmu": 0}
DTMF = 101
PER_PACKET = {"opus": 960, "pcma": 160, "pcmu": 160}


def tone(hz: float, ms: int, rate: int, loud: int = 8_000) -> bytes:
    return array("h", [int(loud * sin(2 * pi * hz * n / rate)) for n in range(ms * rate // 1_000)]).tobytes()


def share_of(samples: array[int], hz: float, rate: int) -> float:
    """How much of the sound is that tone, from 0 to 1."""
    real = sum(x * sin(2 * pi * hz * n / rate) for n, x in enumerate(samples))
    imaginary = sum(x * sin(2 * pi * hz * n / rate + pi / 2) for n, x in enumerate(samples))
    return 2 * (real**2 + imaginary**2) / max(1, len(samples)) / max(1, sum(x * x for x in samples))


def packets_of(codec: Codec, samples: Callable[[int], bytes]) -> list[bytes]:
    """`samples` gives sound of a rate."""
    if codec == "opus":
        return OpusEncoder().encode(samples(48_000))
    law = G711(codec).encode(samples(8_000))
    return [law[n : n + 160] for n in range(0, len(law), 160)]


@dataclass
class Radio(asyncio.DatagramProtocol):
    """`heard`: when each packet came, and it; `floor`: floor messages."""

    media: TalkgroupMedia
    name: str
    codec: Codec = "opus"
    secured: bool = False
    by_floor: bool = True
    node: str = "44"
    number: int | None = None
    heard: list[tuple[float, RtpPacket]] = field(default_factory=list)
    floor: list[FloorMessage] = field(default_factory=list)
    sequence: int = 65_530
    timestamp: int = 0xFFFFF000

    async def call(self, where: str) -> None:
        loop = asyncio.get_running_loop()
        self.ssrc = 1_000 + hash(self.name) % 1_000
        self.rtp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        host, port = self.rtp.get_extra_info("sockname")
        theirs = SrtpKeys(fresh_key(), b"") if self.secured else None
        self.offer = MediaOffer(
            host, port, self.codec, TYPES[self.codec], DTMF, 20, True, True, theirs,
            (host, port) if self.by_floor else None,
        )  # fmt: skip
        who = Caller(self.number, self.name, self.node, self.name)
        self.up = CallUp(f"call-{self.name}", who, where, self.offer)
        self.local: LocalMedia = await self.media.open(self.up)
        self.srtp = None
        if self.local.keys is not None:
            self.srtp = Srtp(SrtpKeys(self.local.keys.outbound, self.local.keys.inbound))

    async def hang_up(self) -> None:
        await self.media.close(CallDown(self.up.call, self.up.who, self.up.where))
        self.rtp.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        is_rtcp = rtp.is_rtcp(data)
        data = data if self.srtp is None else self.srtp.opened(data, is_rtcp)
        if is_rtcp:
            self.floor += rtcp.floor_messages(data)
        else:
            self.heard.append((time.perf_counter(), rtp.parse(data)))

    def send(self, payload: bytes, payload_type: int | None = None, samples: int | None = None) -> None:
        kind = TYPES[self.codec] if payload_type is None else payload_type
        data = rtp.build(RtpPacket(kind, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.ssrc, payload))
        data = data if self.srtp is None else self.srtp.sealed(data, rtcp=False)
        self.sequence += 1
        self.timestamp += PER_PACKET[self.codec] if samples is None else samples
        self.rtp.sendto(data, (self.local.host, self.local.port))

    def say(self, kind: Kind) -> None:
        """A floor message."""
        data = floor_codec.encode(
            FloorMessage(kind, self.ssrc, user="?", indicator=Indicator.NORMAL | Indicator.QUEUEING)
        )
        data = data if self.srtp is None else self.srtp.sealed(data, rtcp=True)
        assert self.local.floor_port is not None
        self.rtp.sendto(data, (self.local.host, self.local.floor_port))

    def press_key(self, key: str) -> None:
        at = self.timestamp
        for end, duration in ((False, 160), (False, 320), (True, 480), (True, 480), (True, 480)):
            self.timestamp = at
            self.send(dtmf.build(dtmf.Event(key, end, duration)), DTMF, 0)
        self.timestamp = at + 480

    async def speak(self, packets: list[bytes], every_s: float = 0.02) -> None:
        begin = time.perf_counter()
        for n, payload in enumerate(packets):
            await asyncio.sleep(begin + n * every_s - time.perf_counter())
            self.send(payload)

    def told(self, kind: Kind) -> list[FloorMessage]:
        return [message for message in self.floor if message.kind is kind]

    def samples(self) -> array[int]:
        """What it heard, decoded."""
        found = array("h")
        if self.codec == "opus":
            decoder = OpusDecoder()
            for _, packet in self.heard:
                found.frombytes(decoder.decode(packet.payload))
        else:
            law = G711(self.codec)
            for _, packet in self.heard:
                found.frombytes(law.decode(packet.payload))
        return found


@contextlib.asynccontextmanager
async def calling(*radios: Radio, where: str = "44") -> AsyncIterator[None]:
    for radio in radios:
        await radio.call(where)
    try:
        yield
    finally:
        for radio in radios:
            await radio.hang_up()


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
