"""Browsers of our own, by aiortc: one publishes packets that are given, one keeps those that it is sent."""

from __future__ import annotations

import asyncio
from typing import Any, Self

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from fusioncmd.errors import Problem
from fusioncmd.video import packet, rtcp
from fusioncmd.video.bundle import is_rtcp
from gateways.radio.calls import Caller
from gateways.video.forwarding import Forwarding
from gateways.video.publisher import About
from gateways.video.who import Guest
from tests.browsers_voice import FAR_S, nothing


def guest(name: str, node: str, number: int | None = None, device: bytes = b"", until_s: int = FAR_S) -> Guest:
    return Guest(Caller(number, name, node, name), device, until_s)


class Peer:
    """`heard`: RTP; `told`: each packet of RTCP."""

    def __init__(self, direction: str, codec: str) -> None:
        self.heard: list[packet.Header] = []
        self.payloads: list[bytes] = []
        self.told: list[rtcp.Packet] = []
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        one = self.pc.addTransceiver("video", direction=direction)
        one.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if codec in c.mimeType])
        one.receiver.receive = one.sender.send = nothing
        self.dtls: Any = one.receiver.transport
        self.dtls._handle_rtp_data, self.dtls._handle_rtcp_data = self._came, self._said

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return str(self.pc.localDescription.sdp)

    async def take(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(10):
            while self.pc.connectionState != "connected":
                await asyncio.sleep(0.005)

    async def _came(self, data: bytes, arrival_time_ms: int) -> None:
        header = packet.read(data)
        self.heard.append(header)
        self.payloads.append(data[header.begin : header.end])

    async def _said(self, data: bytes) -> None:
        self.told += rtcp.parse(data)

    async def send(self, *packets: bytes) -> None:
        for data in packets:
            assert is_rtcp(data) or data[0] & 0xC0 == 0x80
            await self.dtls._send_rtp(data)
            await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        await self.pc.close()


class Publishing(Peer):
    """`who` publishes at `where`, by H.264 or VP8."""

    def __init__(self, at: Forwarding, who: Guest, where: str, codec: str = "H264") -> None:
        super().__init__("sendonly", codec)
        self._at, self._who, self._where = at, who, where

    async def __aenter__(self) -> Self:
        try:
            self.one, answer = await self._at.publish(self._who, self._where, await self.offer(), About("A", None))
        except Problem:
            await self.pc.close()
            raise
        await self.take(answer)
        return self

    def made(self, frames: list[list[bytes]]) -> list[bytes]:
        """The packets, as of the payload type that was agreed."""
        choice = self.one.session.choices[0]
        assert choice is not None
        kind = choice.codec.payload_type
        return [data[:1] + bytes((data[1] & 0x80 | kind,)) + data[2:] for frame in frames for data in frame]


class Watching(Peer):
    def __init__(self, at: Forwarding, who: Guest, where: str, codec: str = "H264") -> None:
        super().__init__("recvonly", codec)
        self._at, self._who, self._where = at, who, where

    async def __aenter__(self) -> Self:
        try:
            self.one, answer = await self._at.watch(self._who, self._where, await self.offer())
        except Problem:
            await self.pc.close()
            raise
        await self.take(answer)
        return self
