"""The lean other end of the video benchmark: aiortc shakes hands, and after that a socket, keys and nothing else.

Each viewer and the publisher is a real session: ICE, DTLS, SRTP with keys of its own, consent answered (RFC 7675).
"""

from __future__ import annotations

import asyncio
import functools
import socket
from typing import Any, Literal

import aioice.ice
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)

from fusioncmd.errors import Unavailable

Direction = Literal["sendonly", "recvonly"]
CONNECT_S_MAX = 30.0
RECEIVE_BUFFER_BYTES = 8 * 1024 * 1024
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35  # socket(7); the first for root alone
_PAIR = 1  # ICE's component with RTP and RTCP
_STUN = range(4)


class Peer:
    """After `connected`: `socket` is what aiortc no longer reads; what of it is not media goes to `other`."""

    def __init__(self) -> None:
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._connected: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._pc.on("connectionstatechange", self._changed)
        self._dtls: Any = None
        self.payload_type = self.ssrc = 0
        self.socket: Any = None  # a socket.socket, once it is connected

    async def offer(self, direction: Direction) -> str:
        transceiver = self._pc.addTransceiver("video", direction=direction)
        transceiver.setCodecPreferences(_h264())
        await self._pc.setLocalDescription(await self._pc.createOffer())
        return str(self._pc.localDescription.sdp)

    async def accept(self, answer: str) -> None:
        self._raw(self._pc.getTransceivers()[0])
        await self._pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def answer(self, offer: str) -> str:
        await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        transceiver = next(one for one in self._pc.getTransceivers() if one.kind == "video")
        transceiver.direction = "recvonly"
        self._raw(transceiver)
        await self._pc.setLocalDescription(await self._pc.createAnswer())
        return str(self._pc.localDescription.sdp)

    async def connected(self, stamped: bool = False) -> None:
        """`stamped`: the kernel says with each datagram when it came. Raises Unavailable."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                state = await self._connected
        except TimeoutError:
            state = "waiting"
        if state != "connected":
            raise Unavailable(f"A session is {state}, not connected.", f"会话未连通：{state}。")
        transport = self._protocol().transport
        there: socket.socket = transport.get_extra_info("socket")
        loop: Any = asyncio.get_running_loop()
        loop._remove_reader(there.fileno())
        self.socket = socket.socket(fileno=socket.dup(there.fileno()))
        self.socket.setblocking(False)
        widen(self.socket)
        if stamped:
            self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        codecs = self._pc.getTransceivers()[0]._codecs
        self.payload_type = codecs[0].payloadType or 0
        self.address: tuple[str, int] = self._nominated().remote_addr
        self.unprotect, self.unprotect_rtcp = self._dtls._rx_srtp.unprotect, self._dtls._rx_srtp.unprotect_rtcp
        self.protect, self.protect_rtcp = self._dtls._tx_srtp.protect, self._dtls._tx_srtp.protect_rtcp
        self.profile: str = self._dtls._ssl.get_selected_srtp_profile().decode()

    @property
    def live(self) -> bool:
        return self._pc.connectionState == "connected"

    def other(self, data: bytes, address: tuple[Any, ...]) -> None:
        """STUN, which proves that we are still here, and DTLS, which would end the session."""
        protocol = self._protocol()
        if data and data[0] in _STUN:
            protocol.datagram_received(data, address)
        else:
            protocol.receiver.data_received(data, _PAIR)

    async def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        await self._pc.close()

    def _nominated(self) -> Any:
        return self._dtls.transport.iceGatherer._connection._nominated[_PAIR]

    def _protocol(self) -> Any:
        return self._nominated().protocol

    def _raw(self, transceiver: RTCRtpTransceiver) -> None:
        """No decoder, encoder or report of aiortc is begun."""
        receiver: Any = transceiver.receiver
        sender: Any = transceiver.sender
        receiver.receive = sender.send = _nothing
        self._dtls, self.ssrc = receiver.transport, sender._ssrc

    def _changed(self) -> None:
        state = self._pc.connectionState
        if state in ("connected", "failed", "closed") and not self._connected.done():
            self._connected.set_result(state)


async def _nothing(*_: object, **__: object) -> None:
    """In place of what aiortc would do."""


@functools.cache
def _h264() -> Any:
    found = RTCRtpSender.getCapabilities("video").codecs
    return [one for one in found if one.mimeType == "video/H264" and one.parameters["profile-level-id"] == "42e01f"]


def widen(one: socket.socket) -> None:
    """A buffer in which nothing is lost because who measures is late."""
    try:
        one.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except PermissionError:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def listen_at(address: str) -> None:
    """Every session of this process opens its port there."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
