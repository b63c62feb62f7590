"""A browser of our own, by aiortc: it offers, speaks RTP and floor messages, and keeps what it hears."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from fusioncmd.errors import Problem
from fusioncmd.floor import codec
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind
from fusioncmd.voice import rtp
from fusioncmd.voice.rtp import RtpPacket
from gateways.radio.calls import Caller
from gateways.video.talk_session import CHANNEL
from gateways.video.talking import Talking
from gateways.video.who import Guest

FAR_S = 1 << 40


async def nothing(*_: object, **__: object) -> None:
    """In place of encoder and decoder."""


@dataclass
class Browser:
    """`heard`: each packet; `floor`: floor messages. In a talkgroup inside the context."""

    talking: Talking
    name: str
    where: str = "44"
    node: str = "44"
    device: bytes = b""
    heard: list[RtpPacket] = field(default_factory=list)
    floor: list[FloorMessage] = field(default_factory=list)
    sequence: int = 65_530

    async def __aenter__(self) -> Browser:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.channel = self.pc.createDataChannel(CHANNEL)
        opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.channel.on("open", lambda: opened.set_result(None))
        self.channel.on("message", lambda data: self.floor.append(codec.decode(data)))
        audio = self.pc.addTransceiver("audio")
        audio.receiver.receive = audio.sender.send = nothing
        self.dtls: Any = audio.receiver.transport
        self.dtls._handle_rtp_data = self._came
        await self.pc.setLocalDescription(await self.pc.createOffer())
        guest = Guest(Caller(None, self.name, self.node, self.name), self.device, FAR_S)
        try:
            self.browser, answer = await self.talking.open(guest, self.where, self.pc.localDescription.sdp)
        except Problem:
            await self.pc.close()
            raise
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await asyncio.wait_for(opened, 10)
        while self.browser.group is None:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.pc.close()

    async def _came(self, data: bytes, arrival_time_ms: int) -> None:
        self.heard.append(rtp.parse(data))

    def say(self, kind: Kind) -> None:
        request = kind is Kind.REQUEST
        indicator = Indicator.NORMAL | Indicator.QUEUEING if request else None
        self.channel.send(codec.encode(FloorMessage(kind, 7, priority=0 if request else None, indicator=indicator)))

    def told(self, kind: Kind) -> list[FloorMessage]:
        return [message for message in self.floor if message.kind is kind]

    async def speak(self, payloads: list[bytes]) -> None:
        for n, payload in enumerate(payloads):
            packet = RtpPacket(self.browser.session.payload_type, self.sequence & 0xFFFF, n * 960, 7, payload)
            self.sequence += 1
            await self.dtls._send_rtp(rtp.build(packet))
            await asyncio.sleep(0.02)
