"""A browser that publishes: from its session, by the rules of `upstream.py`, onto the bus, and what is asked back.

Packets go out with the frame that they are of, and none waits longer than `BUNDLE_WAITS_S`.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import structlog

from fusioncmd.codes import Path
from fusioncmd.errors import BadInput
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S, TITLE_CHARS_MAX
from fusioncmd.video.bundle import pack
from fusioncmd.video.packet import MARKER
from fusioncmd.video.source import VIDEO_TYPE, Ask, Source, Track, decode, encode
from gateways.radio.groups import now_ms
from gateways.video import bounds
from gateways.video.negotiation import Choice, published
from gateways.video.rtc import Session
from gateways.video.sources import address_of
from gateways.video.upstream import Agreed, Upstream
from gateways.video.who import Guest

log = structlog.get_logger("video")
Say = Callable[[str, bytes], None]
_LAST = VIDEO_TYPE | MARKER  # the second byte of a frame's last packet


class About(NamedTuple):
    """What a publisher says of itself."""

    title: str
    place: tuple[float, float] | None


class Publisher:
    """`say` goes to the bus; `opened` and `ended` are told that the browser is there, and that it is gone."""

    def __init__(
        self, ident: str, guest: Guest, path: Path, name: str, gateway: str, about: About, since_ms: int,
        say: Say, opened: Callable[[Publisher], None], ended: Callable[[str], None],
    ) -> None:  # fmt: skip
        """`since_ms`: since 1970, and later than of every session before."""
        self.ident, self.guest, self.path, self.name = ident, guest, path, name
        self.since_ms = now_ms()
        self.address = address_of(path, name)
        self.refused = 0
        self._say, self._began, self._ended = say, opened, ended
        self._to, self._what = subjects.packets(path, name), subjects.what(path, name)
        self._waiting: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._said_ms = 0.0
        self._upstream: Upstream | None = None
        self.session = Session(self._opened, self._rtp, self._rtcp, lambda: ended(ident))
        self.is_open = self.over = False
        self.source = Source(
            path.code, name, about.title, "browser", gateway, since_ms, (),
            number=guest.caller.number or 0, place=about.place,
        )  # fmt: skip

    async def answer(self, offer: str) -> str:
        """SDP for SDP. Raises BadMessage and NoCommonCodec."""
        answer = await self.session.answer(offer, published)
        agreed = [_agreed(choice) for choice in self.session.choices if choice is not None]
        self.source = msgspec.structs.replace(self.source, tracks=tuple(one.track for one in agreed))
        own = next(iter(self.session.ssrcs.values()))
        self._upstream = Upstream(agreed, own, _exact_ms())
        return answer

    def viewers(self) -> int:
        """At all gateways."""
        return 0 if self._upstream is None else self._upstream.asked.viewers(_exact_ms())

    def ask(self, data: bytes) -> None:
        """What a gateway that watches it says."""
        upstream = self._upstream
        try:
            asked = decode(data)
        except BadInput:
            self.refused += 1
            return
        if isinstance(asked, Ask) and upstream is not None:
            at = _exact_ms()
            if upstream.asked.take(asked, at):
                upstream.want_picture(at)
                self._tell(upstream, at)

    def tick(self) -> None:
        """Each few tens of ms: what is due to the publisher, and to the bus."""
        upstream = self._upstream
        if upstream is None or not self.is_open or self.over:
            return
        at = _exact_ms()
        self._tell(upstream, at)
        self._waiting += upstream.reports(at, time.time() * 1_000)
        self._flush()
        picture, said = upstream.picture, self.source
        width, height = (0, 0) if picture is None else (picture.width, picture.height)
        trouble = upstream.trouble(at)
        if (width, height, trouble) != (said.width, said.height, said.trouble):
            self.source = msgspec.structs.replace(said, width=width, height=height, trouble=trouble)
            self._announce(at)
        elif at - self._said_ms >= SAID_S * 1_000:
            self._announce(at)
        if upstream.ended:
            self._ended(self.ident)

    def stop(self, followed: bool) -> None:
        """Nothing more comes; `followed` by another session of the same address, which goes on at once."""
        if self.is_open and not self.over and not followed:
            self.source = msgspec.structs.replace(self.source, over=True)
            self._announce(_exact_ms())
        self.over = True
        if self._timer is not None:
            self._timer.cancel()

    def _opened(self) -> None:
        self.is_open = True
        self._began(self)
        self._announce(_exact_ms())

    def _announce(self, at: float) -> None:
        self._said_ms = at
        self._say(self._what, encode(self.source))

    def _tell(self, upstream: Upstream, at: float) -> None:
        if said := upstream.due(at):
            self.session.report(said)

    def _rtp(self, data: bytes) -> None:
        upstream = self._upstream
        if upstream is None or self.over:
            return
        at = _exact_ms()
        out = upstream.rtp(data, at)
        if not out:
            return
        self._waiting += out
        if out[-1][1] == _LAST:
            self._flush()
            self._tell(upstream, at)
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(bounds.BUNDLE_WAITS_S, self._waited)

    def _rtcp(self, data: bytes) -> None:
        if self._upstream is not None:
            self._upstream.rtcp(data, _exact_ms())

    def _waited(self) -> None:
        self._timer = None
        self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for bundle in pack(waiting):
            self._say(self._to, bundle)


def _agreed(choice: Choice) -> Agreed:
    codec = choice.codec
    ssrc = int.from_bytes(os.urandom(4), "big") or 1
    if codec.name.lower() == "opus":
        return Agreed(Track("opus", ssrc), codec.payload_type)
    if codec.name.upper() == "H264":
        return Agreed(Track("H264", ssrc, codec.fmtp), codec.payload_type, codec.repair)
    return Agreed(Track("VP8", ssrc), codec.payload_type, codec.repair)


def about(title: str, place: Sequence[float] | None) -> About:
    """A title that is too long is cut. Raises BadInput for a place that is none."""
    if place is not None and not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
        raise BadInput("lat is -90 to 90, lon -180 to 180.", "lat 须在 -90 至 90 之间，lon 须在 -180 至 180 之间。")
    return About(title[:TITLE_CHARS_MAX], None if place is None else (place[0], place[1]))


def _exact_ms() -> float:
    return time.monotonic_ns() / 1_000_000
