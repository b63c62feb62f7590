"""A source that is watched at this gateway: heard once on the bus, given to each viewer by the rules of `stream.py`.

Also what this gateway's own browsers publish comes by the bus, so that there is one way: what is seen here is what
every other gateway sees.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S
from fusioncmd.video.bundle import unpack
from fusioncmd.video.source import Ask, Source, encode
from gateways.radio.groups import now_ms
from gateways.video import bounds
from gateways.video.negotiation import watched
from gateways.video.outgoing import Outgoing
from gateways.video.rtc import Session
from gateways.video.stream import Stream
from gateways.video.viewer import Viewer, carried
from gateways.video.who import Guest

log = structlog.get_logger("video")
Say = Callable[[str, bytes], None]
_SEQUENCE_MAX = 1 << 15  # of the first packet: below half, so that SRTP counts its first round right (RFC 3711, 3.3.1)


class Watching:
    """A browser that watches."""

    __slots__ = ("address", "guest", "ident", "is_open", "session", "since_ms", "viewer")

    def __init__(
        self, ident: str, guest: Guest, address: str, opened: Callable[[Watching], None],
        rtcp: Callable[[Watching, bytes], None], ended: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.ident, self.guest, self.address = ident, guest, address
        self.since_ms = now_ms()
        self.is_open = False
        self.viewer: Viewer | None = None
        self.session = Session(lambda: opened(self), _unheard, lambda data: rtcp(self, data), lambda: ended(ident))

    async def answer(self, offer: str, source: Source) -> str:
        """SDP for SDP. Raises BadMessage and NoCommonCodec."""
        answer = await self.session.answer(offer, watched(source.tracks))
        ways: dict[str, Outgoing] = {}
        for choice in self.session.choices:
            if choice is not None:
                kind = "audio" if choice.codec.name.lower() == "opus" else "video"
                first = secrets.randbelow(_SEQUENCE_MAX)
                ways[kind] = Outgoing(choice.codec.payload_type, self.session.ssrcs[kind], first)
        self.viewer = Viewer(ways.get("video"), ways.get("audio"), self.session.cname)
        return answer


class Watched:
    """`say` goes to the bus. `holders`: who watches, or is about to."""

    def __init__(self, source: Source, path: Path, gateway: str, say: Say) -> None:
        self.source, self.stream = source, Stream(source.tracks)
        self.viewers: dict[str, Watching] = {}
        self.relayed: Callable[[bytes], None] | None = None  # bundles, said again elsewhere
        self.relayed_to = self.relayed_bits = 0  # viewers of that, and what they can carry
        self.holders: set[str] = set()
        self.refused = self.bundles = self.packets = 0
        self._path, self._gateway, self._say = path, gateway, say
        self._asks = subjects.ask(path, source.name)
        self._hearing: Hearing | None = None
        self._asked_ms = self._used_ms = _exact_ms()

    async def begin(self, bus: Bus) -> None:
        self._hearing = await bus.hear(subjects.packets(self._path, self.source.name), self._heard)
        self.ask(keyframe=True)

    async def end(self) -> None:
        if self._hearing is not None:
            await self._hearing.stop()
            self._hearing = None

    def become(self, source: Source) -> bool:
        """It says so now. False when its viewers cannot go on with it: its codecs are others."""
        same = [_kind(track) for track in source.tracks] == [_kind(track) for track in self.source.tracks]
        if source.tracks != self.source.tracks:
            self.stream.become(source.tracks)
            self.ask(keyframe=True)
        self.source = source
        return same

    def idle(self) -> bool:
        """Whether nobody has used it for a while."""
        at = _exact_ms()
        if self.holders:
            self._used_ms = at
        return at - self._used_ms > bounds.UNWATCHED_S * 1_000

    def ask(self, keyframe: bool) -> None:
        self._asked_ms = _exact_ms()
        count = len(self.viewers) + self.relayed_to
        bits = carried(one.viewer for one in self.viewers.values() if one.viewer is not None)
        if self.relayed_bits:
            bits = min(bits or self.relayed_bits, self.relayed_bits)
        self._say(self._asks, encode(Ask(self._gateway, count, keyframe, bits)))

    # --- packets

    def _heard(self, _: str, data: bytes) -> None:
        try:
            packets = unpack(data)
        except BadMessage:
            self.refused += 1
            return
        if self.relayed is not None:
            self.relayed(data)
        self.bundles += 1
        self.packets += len(packets)
        for batch in self.stream.put(packets, _exact_ms()):
            for one in self.viewers.values():
                self._send(one, one.viewer.take(batch))  # type: ignore[union-attr]

    def opened(self, one: Watching) -> None:
        """A viewer is there."""
        one.is_open = True
        if one.viewer is not None:
            self.viewers[one.ident] = one
            at = _exact_ms()
            self._send(one, one.viewer.begin(self.stream, at))
            self._want(one.viewer, at)
            self.ask(keyframe=self.stream.due(at))

    def rtcp(self, one: Watching, data: bytes) -> None:
        """What a viewer says."""
        if one.viewer is not None:
            at = _exact_ms()
            self._send(one, one.viewer.rtcp(data, at))
            self._want(one.viewer, at)

    def tick(self) -> Iterable[str]:
        """Each few tens of ms. Who has left by saying so."""
        at = _exact_ms()
        gone: list[str] = []
        for one in self.viewers.values():
            viewer = one.viewer
            assert viewer is not None
            if more := viewer.tick(self.stream, at):
                self._send(one, more)
            if report := viewer.reports(at):
                one.session.report(report)
            if viewer.asks(at):
                self.stream.want(at)
            if viewer.ended:
                gone.append(one.ident)
        if self.stream.due(at):
            self.ask(keyframe=True)
        elif at - self._asked_ms >= SAID_S * 1_000:
            self.ask(keyframe=False)
        return gone

    def want(self) -> None:
        """A new picture, for somebody elsewhere."""
        at = _exact_ms()
        self.stream.want(at)
        if self.stream.due(at):
            self.ask(keyframe=True)

    def _want(self, viewer: Viewer, at: float) -> None:
        if viewer.asks(at):
            self.stream.want(at)
            if self.stream.due(at):
                self.ask(keyframe=True)

    def _send(self, one: Watching, packets: list[bytes]) -> None:
        if packets and not one.session.send(packets) and one.viewer is not None:
            one.viewer.full()


def _kind(track: object) -> tuple[str, str]:
    return track.codec, track.fmtp  # type: ignore[attr-defined]


def _unheard(_: bytes) -> None:
    """A viewer has nothing to say but RTCP."""


def _exact_ms() -> float:
    return time.monotonic_ns() / 1_000_000
