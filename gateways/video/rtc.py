"""aiortc in one place: SDP, ICE and DTLS are its own; RTP and RTCP go past its jitter buffer, decoders and encoders.

A session costs no thread and no task per packet: what DTLS opened is handed on as it came, and what is to be sent is
sealed and sent at once (`way.py`). `guard.py` stands in front of every port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import aioice.ice
import structlog
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription, sdp
from aiortc.codecs import CODECS
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters

from fusioncmd.errors import BadMessage, Unavailable
from gateways.video import bounds
from gateways.video.guard import passes
from gateways.video.negotiation import MORE_H264, Choice, Choose, Codec, NoRestart, Section
from gateways.video.offers import check_offer, fragment, is_address
from gateways.video.way import Way, widen

log = structlog.get_logger("video")

_RTP_PAIR = 1  # ICE's component; the only one, with RTP and RTCP on one port
_BAD = (
    ValueError, KeyError, IndexError, AssertionError, AttributeError, TypeError, OSError,
    StopIteration, InternalError, InvalidAccessError, InvalidStateError, OperationError,
)  # fmt: skip


class Session:
    """One browser. `opened`: it is there; `rtp` and `rtcp` are given each packet that it sends; `ended`: it is gone."""

    def __init__(
        self, opened: Callable[[], None], rtp: Callable[[bytes], None], rtcp: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:  # fmt: skip
        self._opened, self._rtp, self._rtcp, self._ended = opened, rtp, rtcp, ended
        self.refused = self.unsent = 0  # datagrams that were not the peer's or too many; packets that did not go out
        self.ssrcs: dict[str, int] = {}  # ours, by kind of section, as the answer names them
        self.choices: list[Choice | None] = []
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self._pc.on("connectionstatechange", self._changed)
        self._dtls: Any = None
        self._connection: Any = None  # aioice's, of that
        self._way: Way | None = None
        self._ice: tuple[str, str] = ("", "")
        self._candidates = 0
        self._over = self._is_open = False

    @property
    def cname(self) -> bytes:
        """By which the answer binds picture and sound."""
        return str(self._pc._RTCPeerConnection__cname).encode()  # type: ignore[attr-defined]

    async def answer(self, offer: str, choose: Choose) -> str:
        """SDP for SDP. `choose` says what becomes of each section of media. Raises BadMessage for an offer that is
        none, and what `choose` raises."""
        offer = check_offer(offer)
        try:
            parsed = sdp.SessionDescription.parse(offer)
            sections = [_section(each) for each in parsed.media]
        except _BAD as error:
            raise _none(error) from None
        self.choices = choose(sections)
        try:
            await self._pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            ice: Any = parsed.media[0].ice
            self._ice = (str(ice.usernameFragment), str(ice.password))
            self._agree([one for one in sections if one.kind != "application"])
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except _BAD as error:
            raise _none(error) from None
        connection = self._connection
        if not connection._protocols:
            raise Unavailable("No port can be opened for media.", "无法打开媒体端口。")
        for protocol in connection._protocols:
            self._stand_before(protocol, connection)
        self._candidates = offer.count("a=candidate:")
        return str(self._pc.localDescription.sdp)

    async def trickle(self, text: str) -> None:
        """More of its candidates (RFC 8840). Raises BadMessage; `NoRestart` for those of another ICE session."""
        ice, candidates = fragment(text)
        if ice != ("", "") and ice != self._ice:
            raise NoRestart()
        self._candidates += len(candidates)
        if self._candidates > bounds.CANDIDATES_MAX:
            raise BadMessage("Too many candidates.", "候选地址过多。")
        for line in filter(is_address, candidates):
            try:
                await self._dtls.transport.addRemoteCandidate(sdp.candidate_from_sdp(line))
            except _BAD:
                raise BadMessage("Not a candidate.", "不是有效的候选地址。") from None

    def send(self, packets: Iterable[bytes | bytearray]) -> bool:
        """RTP packets, sealed. False when the way took no more, or there is none: what was left is shed."""
        way = self._open_way()
        if way is None:
            self.unsent += 1
            return False
        if way.send(packets):
            return True
        self.unsent += 1
        return False

    def report(self, compound: bytes) -> None:
        """RTCP, sealed."""
        if (way := self._open_way()) is not None:
            way.report(compound)

    async def close(self) -> None:
        self._over = True
        if self._way is not None:
            self._way.close()
            self._way = None
        await self._pc.close()

    # --- what aiortc has agreed

    def _agree(self, sections: list[Section]) -> None:
        """Take RTP out of aiortc's hands; all sections go one way."""
        chosen: dict[Any, Choice | None] = dict(zip((each.mid for each in sections), self.choices, strict=True))
        transceivers = self._pc.getTransceivers()
        ways = {one.receiver.transport for one in transceivers}
        if len(ways) != 1 or (self._pc.sctp is not None and self._pc.sctp.transport not in ways):
            raise ValueError("sections are not bundled")
        stream = transceivers[0].sender._stream_id
        for one in transceivers:
            choice = chosen[one.mid]
            receiver: Any = one.receiver
            sender: Any = one.sender
            receiver.receive = sender.send = _nothing  # neither decoder nor encoder is begun
            sender._stream_id = stream  # picture and sound are of one stream: browsers keep them together in time
            one._headerExtensions = []
            one.direction = "inactive" if choice is None else choice.direction
            if choice is not None:
                wanted = (choice.codec.payload_type, choice.codec.repair if choice.repaired else None)
                one._codecs = [codec for codec in one._codecs if codec.payloadType in wanted]
                if not one._codecs:
                    raise ValueError("what was chosen is not there")
                self.ssrcs[one.kind] = sender._ssrc
        self._dtls = ways.pop()
        self._connection = self._dtls.transport.iceGatherer._connection
        self._dtls._handle_rtp_data, self._dtls._handle_rtcp_data = self._came, self._told

    async def _came(self, data: bytes, arrival_time_ms: int) -> None:
        self._rtp(data)

    async def _told(self, data: bytes) -> None:
        self._rtcp(data)

    def _pair(self) -> Any:
        return None if self._connection is None else self._connection._nominated.get(_RTP_PAIR)

    def _open_way(self) -> Way | None:
        pair, way = self._pair(), self._way
        if way is not None and way.pair is pair:
            return way
        if way is not None:
            way.close()
            self._way = None
        if pair is not None and self._dtls._tx_srtp is not None and not self._over:
            socket = pair.protocol.transport.get_extra_info("socket")
            self._way = Way(pair, self._dtls._tx_srtp, socket.fileno(), pair.remote_addr)
        return self._way

    def _stand_before(self, protocol: Any, connection: Any) -> None:
        received = protocol.datagram_received
        widen(protocol.transport.get_extra_info("socket").fileno(), bounds.RECEIVED_BYTES)

        def guarded(data: bytes, address: tuple[Any, ...]) -> None:
            pair = self._pair()
            agreed = None if pair is None else pair.remote_addr
            if passes(data, address[:2], agreed, connection._queue.qsize()):
                received(data, address)
            else:
                self.refused += 1

        protocol.datagram_received = guarded

    def _changed(self) -> None:
        state = self._pc.connectionState
        if state == "connected" and not self._is_open and not self._over:
            self._is_open = True
            self._opened()
        if state in ("failed", "closed") and not self._over:
            self._over = True
            self._ended()


async def _nothing(*_: object, **__: object) -> None:
    """In place of what aiortc would do."""


def _section(media: Any) -> Section:
    """As aiortc has read it."""
    codecs = [one for one in media.rtp.codecs if one.name.lower() != "rtx"]
    repairs = {one.parameters.get("apt"): one.payloadType for one in media.rtp.codecs if one not in codecs}
    found = []
    for one in codecs:
        said = {name: str(value) for name, value in one.parameters.items()}
        found.append(Codec(one.name, one.payloadType, repairs.get(one.payloadType), said))
    return Section(media.kind, media.rtp.muxId, media.direction or "sendrecv", tuple(found))


def _none(error: Exception) -> BadMessage:
    log.info("video.bad_offer", error=repr(error)[:200])
    return BadMessage("Not an SDP offer that can be answered here.", "不是可在此应答的 SDP 邀约。")


def listen_at(address: str) -> None:
    """Every session of this process opens its port there; by itself aioice would at all addresses but the loopback.
    And every profile of H.264 that is passed on is one that may be agreed."""
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [address]
    known = {one.parameters.get("profile-level-id") for one in CODECS["video"]}
    said = [RTCRtcpFeedback("nack"), RTCRtcpFeedback("nack", "pli"), RTCRtcpFeedback("goog-remb")]
    for profile in (one for one in MORE_H264 if one not in known):
        named = {"level-asymmetry-allowed": "1", "packetization-mode": "1", "profile-level-id": profile}
        CODECS["video"].append(
            RTCRtpCodecParameters("video/H264", 90_000, payloadType=120, rtcpFeedback=[*said], parameters={**named})
        )
