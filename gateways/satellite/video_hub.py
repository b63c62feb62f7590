"""Video of a kit at the hub: its sources are said here as if they were near, what is wanted of them goes to the kit,
and its frames come out as RTP and its stills as stills. Pure.

While the link is cut, sources stay and say so; a picture goes on when it is back.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import source as sources
from fusioncmd.video import still, subjects
from fusioncmd.video.bounds import SAID_S, SILENT_S
from fusioncmd.video.bundle import pack
from fusioncmd.video.source import Ask, Source, Track
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import Class
from gateways.satellite.video_order import InOrder
from gateways.satellite.video_rtp import RtpMaker
from gateways.satellite.video_words import FMTP, HANDLES, Frame, Listed, Roll, Still, Wanted, at_and_below, letter, read

WANT_SAID_S = 10.0  # what is wanted is said again so often
KEY_S = 4.0  # a keyframe is asked for at most so often
CUT_KEPT_S = 600.0  # sources of a link that is cut for longer are over
LIST_WAIT_S = 30.0  # after a cut, what the kit does not list again is over
SOURCES_MAX = 2 * HANDLES  # those of now and, after a cut, of before; shed, one of before
ASKING_MAX = 64  # gateways that ask of one source; shed, the new one
CUT = ("The link to the kit is cut.", "与四合一装备的链路中断。")
FRAMES_ONLY = ("Only stills: the link has no room for this picture live.", "链路带宽不足，仅传静态画面。")


class HubSource:
    def __init__(self, handle: int, path: Path, source: Source, now_s: float) -> None:
        self.handle, self.path, self.source, self.listed_s = handle, path, source, now_s
        self.address = f"{path.dotted}.{source.name}"
        seed = f"{path.dotted}.{source.name} {source.since_ms} {now_s!r}"
        self.rtp = RtpMaker(zlib.crc32(seed.encode()) or 1)
        self.said_s = -1e9
        self.order = InOrder()
        self.key_s = self.key_asked_s = -1e9
        self.asks: dict[str, tuple[Ask, float]] = {}
        self.keyframe = False
        self.told: Wanted | None = None
        self.told_s = -1e9

    def shown(self, up: bool) -> Source:
        tracks = (Track("H264", self.rtp.ssrc, FMTP),)
        trouble = self.source.trouble
        if not any(trouble):
            trouble = CUT if not up else FRAMES_ONLY if self.source.thin == "stills" else ("", "")
        return msgspec.structs.replace(self.source, tracks=tracks, trouble=trouble)

    def wanted(self, now_s: float) -> Wanted:
        self.asks = {name: one for name, one in self.asks.items() if now_s - one[1] <= SILENT_S}
        asks = [ask for ask, _ in self.asks.values()]
        live = any(ask.viewers for ask in asks)
        every_s = min((ask.still_s for ask in asks if ask.still_s), default=0)
        stale = now_s - self.key_s > KEY_S and now_s - self.key_asked_s > KEY_S
        return Wanted(self.handle, live, live and self.keyframe and stale, every_s)


class HubVideo:
    """The hub's end of one kit's link."""

    kinds: Sequence[Kind] = (Kind.VIDEO, Kind.STILL)

    def __init__(self, link: Link) -> None:
        self._kit = link.kit
        self._rolls = {subjects.roll(path): path for path in link.kit.ancestors()}
        self._hears = [*at_and_below("video", link.kit, "ask"), *self._rolls]
        self._known: dict[str, HubSource] = {}  # by address
        self._called: dict[str, tuple[bytes, float]] = {}  # by subject: what was told to the kit, and when
        self._up, self._turned_s = False, 0.0
        self.refused = 0  # messages that were none

    def hears(self) -> Sequence[str]:
        return self._hears

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        work = Work()
        if subject in self._rolls:
            self._roll(subject, data, now_s, work)
            return work
        try:
            path, name = subjects.source_of(subject)
            asked = sources.decode(data)
        except BadInput:
            self.refused += 1
            return work
        one = self._known.get(f"{path.dotted}.{name}")
        if one is None or not isinstance(asked, Ask):
            return work
        if asked.gateway in one.asks or len(one.asks) < ASKING_MAX:
            one.asks[asked.gateway] = (asked, now_s)
        one.keyframe = one.keyframe or (asked.keyframe and asked.viewers > 0)
        self._tell(one, now_s, work)
        return work

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        work = Work()
        said = read(body)
        if isinstance(said, Listed):
            self._listed(said, now_s, work)
        elif isinstance(said, Frame):
            self._frame(said, now_s, work)
        elif isinstance(said, Still):
            one = self._by_handle(said.handle)
            if one is not None:
                at_hub = still.Still(
                    one.path.code, one.source.name, said.number, said.width, said.height, said.age_ms, said.data
                )
                work.publishes.append(Publish(subjects.still(one.path, one.source.name), still.encode(at_hub)))
        else:
            raise BadMessage("Not what a kit says of video.", "不是四合一装备的视频消息。")
        return work

    def turned(self, up: bool, now_s: float) -> Work:
        """The kit lists its sources anew; they may have other handles."""
        self._up, self._turned_s = up, now_s
        work = Work()
        for one in self._known.values():
            one.told, one.said_s = None, -1e9
            one.order.begin_anew()
            if up:
                one.handle = -1
        self._called.clear()
        return work

    def due(self, now_s: float) -> Work:
        work = Work()
        kept_s = LIST_WAIT_S if self._up else CUT_KEPT_S
        for address, one in list(self._known.items()):
            left = one.listed_s < self._turned_s or not self._up
            if left and now_s - self._turned_s > kept_s:
                self._over(address, work)
                continue
            if now_s - one.said_s >= SAID_S:
                self._say(one, now_s, work)
            self._show(one, one.order.tick(now_s), now_s, work)
            self._tell(one, now_s, work)
        return work

    def _listed(self, said: Listed, now_s: float, work: Work) -> None:
        source = sources.decode(said.source)
        if not isinstance(source, Source) or not self._kit.covers(parse(source.node)):
            raise BadMessage("Not a source of this kit.", "不是该四合一装备的视频源。")
        path = parse(source.node)
        subject = subjects.what(path, source.name)
        address = subject.removeprefix("fc.video.").removesuffix(".what")
        if source.over:
            return self._over(address, work)
        other = self._by_handle(said.handle)
        if other is not None and other.address != address:
            self._over(other.address, work)
        one = self._known.get(address)
        if one is None or one.source.since_ms != source.since_ms:
            asks = {} if one is None else one.asks
            if one is None and len(self._known) >= SOURCES_MAX:
                self._over(next(each.address for each in self._known.values() if each.handle < 0), work)
            one = self._known[address] = HubSource(said.handle, path, source, now_s)
            one.asks = asks
        one.handle, one.source, one.listed_s = said.handle, source, now_s
        self._say(one, now_s, work)
        self._tell(one, now_s, work)

    def _frame(self, said: Frame, now_s: float, work: Work) -> None:
        one = self._by_handle(said.handle)
        if one is None:
            return
        self._show(one, one.order.put(said, now_s), now_s, work)

    def _show(self, one: HubSource, frames: list[Frame], now_s: float, work: Work) -> None:
        to = subjects.packets(one.path, one.source.name)
        for frame in frames:
            if frame.key:
                one.key_s, one.keyframe = now_s, False
            packets = one.rtp.packets(frame.data, frame.timestamp)
            work.publishes += [Publish(to, data) for data in pack(packets)]
        one.keyframe = one.keyframe or (one.order.wants_key and one.key_s > -1e9)

    def _tell(self, one: HubSource, now_s: float, work: Work) -> None:
        """What is wanted of a source, when that changes, and again while anything is."""
        if not self._up or one.handle < 0:
            return
        want, was = one.wanted(now_s), one.told
        idle = not want.live and not want.still_s
        if idle and (was is None or (not was.live and not was.still_s)):
            return
        same = was is not None and (was.live, was.still_s) == (want.live, want.still_s)
        if same and not want.keyframe and now_s - one.told_s < WANT_SAID_S:
            return
        if want.keyframe:
            one.key_asked_s = now_s
        one.told, one.told_s = want, now_s
        work.letters.append(Letter(Class.REPORTS, Kind.STILL, letter(want)))

    def _roll(self, subject: str, data: bytes, now_s: float, work: Work) -> None:
        known = self._called.get(subject)
        if not self._up or (known is not None and known[0] == data and now_s - known[1] < WANT_SAID_S):
            return
        try:
            said = sources.decode(data)
        except BadMessage:
            self.refused += 1
            return
        if isinstance(said, sources.Roll) and subject == subjects.roll(parse(said.node)):
            if said.called and not (said.called.startswith(self._kit.code) or self._kit.code.startswith(said.called)):
                said = msgspec.structs.replace(said, called="")  # somebody else's turn
            short = sources.encode(said)
            if not said.called and (known is None or not known[0]):
                return
            self._called[subject] = (data if said.called else b"", now_s)
            work.letters.append(Letter(Class.REPORTS, Kind.STILL, letter(Roll(short))))

    def _say(self, one: HubSource, now_s: float, work: Work) -> None:
        one.said_s = now_s
        work.publishes.append(Publish(subjects.what(one.path, one.source.name), sources.encode(one.shown(self._up))))

    def _over(self, address: str, work: Work) -> None:
        one = self._known.pop(address, None)
        if one is not None:
            over = msgspec.structs.replace(one.shown(True), over=True)
            work.publishes.append(Publish(subjects.what(one.path, one.source.name), sources.encode(over)))

    def _by_handle(self, handle: int) -> HubSource | None:
        return next((one for one in self._known.values() if one.handle == handle), None)
