"""aiortc in one place: SDP, ICE and DTLS are its own; RTP goes past its jitter buffer, its decoder and its encoder.

A session costs no thread and no task per packet: what DTLS opened is handed on as it came, and what is to be sent is
sealed and sent at once. Floor messages go by a data channel. `guard.py` stands in front of every port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aioice.ice
import structlog
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from fusioncmd.errors import BadMessage, Unavailable
from gateways.video import bounds
from gateways.video.guard import passes

log = structlog.get_logger("video")

CHANNEL = "floor"
_RTP_PAIR = 1  # ICE's component; the only one, with RTP and RTCP on one port


class Session:
    """One browser. `opened`: sound and floor are there; `sound` is given each RTP packet, `floor` each floor message;
    `ended`: the browser is gone."""

    def __init__(
        self, opened: Callable[[], None], sound: Callable[[bytes], None], floor: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        self._opened, self._sound, self._floor, self._ended = opened, sound, floor, ended
        self.payload_type = self.ssrc = 0
        self.refused = self.unsent = 0  # datagrams that were not the peer's or too many; packets that did not go out
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._pc.on("datachannel", self._offered)
        self._pc.on("connectionstatechange", self._changed)
        self._channel: RTCDataChannel | None = None
        self._dtls: Any = None
        self._over = False

    async def answer(self, offer: str) -> str:
        """SDP for SDP. Raises BadMessage for an offer that is none, or has no Opus."""
        check_offer(offer)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            self._forward()
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except (ValueError, KeyError, IndexError, AssertionError, AttributeError, TypeError, OSError) as error:
            log.info("video.bad_offer", error=repr(error)[:200])
            raise BadMessage("Not an SDP offer of sound and floor.", "不是有效的 SDP 邀约（语音与话权）。") from None
        connection = self._dtls.transport.iceGatherer._connection
        if not connection._protocols:
            raise Unavailable("No port can be opened for sound.", "无法打开语音端口。")
        for protocol in connection._protocols:
            self._stand_before(protocol, connection)
        return str(self._pc.localDescription.sdp)

    def send(self, packet: bytes | bytearray) -> None:
        """An RTP packet, sealed. Shed where the session is not open."""
        pair = self._pair()
        if pair is None or self._dtls._tx_srtp is None:
            self.unsent += 1
            return
        transport = pair.protocol.transport
        if transport.get_write_buffer_size() > bounds.UNSENT_BYTES_MAX:
            self.unsent += 1
            return
        transport.sendto(self._dtls._tx_srtp.protect(bytes(packet)), pair.remote_addr)

    def say(self, message: bytes) -> bool:
        """A floor message; False when the browser takes none any more."""
        channel = self._channel
        if channel is None or channel.readyState != "open":
            return False
        if channel.bufferedAmount > bounds.FLOOR_WAITING_BYTES_MAX:
            return False
        channel.send(message)
        return True

    async def close(self) -> None:
        self._over = True
        await self._pc.close()

    def _forward(self) -> None:
        """Take RTP out of aiortc's hands, of the one section of audio."""
        audio = [one for one in self._pc.getTransceivers() if one.kind == "audio"]
        if len(audio) != 1 or self._pc.sctp is None:
            raise ValueError("one section of audio and one of data")
        opus = [one for one in RTCRtpSender.getCapabilities("audio").codecs if one.mimeType == "audio/opus"]
        transceiver = audio[0]
        transceiver.setCodecPreferences(opus)
        transceiver.direction = "sendrecv"
        agreed = [one for one in transceiver._codecs if one.mimeType.lower() == "audio/opus"]
        if not agreed:
            raise ValueError("no Opus")
        receiver: Any = transceiver.receiver
        sender: Any = transceiver.sender
        self.payload_type, self.ssrc = agreed[0].payloadType or 0, sender._ssrc
        receiver.receive = sender.send = _nothing  # neither decoder nor encoder is begun
        self._dtls = receiver.transport
        self._dtls._handle_rtp_data, self._dtls._handle_rtcp_data = self._came, _nothing

    async def _came(self, data: bytes, arrival_time_ms: int) -> None:
        self._sound(data)

    def _pair(self) -> Any:
        return None if self._dtls is None else self._dtls.transport.iceGatherer._connection._nominated.get(_RTP_PAIR)

    def _stand_before(self, protocol: Any, connection: Any) -> None:
        received = protocol.datagram_received

        def guarded(data: bytes, address: tuple[Any, ...]) -> None:
            pair = self._pair()
            agreed = None if pair is None else pair.remote_addr
            if passes(data, address[:2], agreed, connection._queue.qsize()):
                received(data, address)
            else:
                self.refused += 1

        protocol.datagram_received = guarded

    def _offered(self, channel: RTCDataChannel) -> None:
        if channel.label != CHANNEL or self._channel is not None:
            channel.close()
            return
        self._channel = channel
        channel.on("message", self._said)
        self._opened()

    def _said(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            self._floor(message)
        else:
            self.refused += 1

    def _changed(self) -> None:
        if self._pc.connectionState in ("failed", "closed") and not self._over:
            self._over = True
            self._ended()


async def _nothing(*_: object, **__: object) -> None:
    """In place of what aiortc would do."""


def check_offer(offer: str) -> None:
    """What is too much of it is not even read. Raises BadMessage."""
    lines = offer.splitlines()
    if (
        len(offer.encode()) > bounds.OFFER_BYTES_MAX
        or sum(line.startswith("m=") for line in lines) > bounds.OFFER_MEDIA_MAX
        or sum(line.startswith("a=candidate:") for line in lines) > bounds.CANDIDATES_MAX
    ):
        raise BadMessage("The SDP offer asks for too much.", "SDP 邀约内容过多。")


def listen_at(address: str) -> None:
    """Every session of this process opens its port there; by itself aioice would at all addresses but the loopback."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
