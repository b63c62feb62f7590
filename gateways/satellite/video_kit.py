"""Video of the kit over its link: which sources there are, said when that changes; stills and a low-rate picture of
those that somebody above wants, as the link affords them. Pure.

Full quality stays on the kit's disk. Another process encodes (`thin.py`), and is told each second what; nobody watches:
nothing is encoded, nothing sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import source as sources
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S, SILENT_S
from fusioncmd.video.source import Source
from fusioncmd.video.still import STILL_S_MIN
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import LETTER_BYTES_MAX, Class
from gateways.satellite.video_pace import VideoPace
from gateways.satellite.video_source import KitSource
from gateways.satellite.video_words import (
    FRAME_BYTES_MAX,
    HANDLES,
    Frame,
    Listed,
    MadeFrame,
    MadeStill,
    Roll,
    Still,
    Wanted,
    at_and_below,
    do,
    encode,
    letter,
    letter_of,
    read,
    read_made,
)

LIST_S, LIST_AGAIN_S = 2.0, 900.0  # a source that changes is said at most so often; and each so often all the same
LIVE_MAX = 2  # sources of which a live picture is made at once; of others, stills
STILL_WAIT_S = 12.0  # for a keyframe; then it is another source's turn
FRAME_LIVES_S, STILL_LIVES_S = 3.0, 30.0
CLIPS_WAIT_BYTES = 24 * 1024  # more waits in their class: no still is made
ROLL_LIVES_S = 25.0  # what was not said again: a link that is gone says no more
ROLLS_MAX = 8  # of nodes above

assert FRAME_BYTES_MAX + 64 < LETTER_BYTES_MAX


class KitVideo:
    """The kit's end."""

    kinds: Sequence[Kind] = (Kind.VIDEO, Kind.STILL)

    def __init__(self, link: Link) -> None:
        self._link, self._kit = link, link.kit
        self._hears = [*at_and_below("video", link.kit, "what"), *at_and_below("thin", link.kit, "made")]
        self._known: dict[str, KitSource] = {}  # by address
        self._pace = VideoPace()
        self._up = False
        self._turn: KitSource | None = None  # whose still is being made, of those that are not live
        self._rolls: dict[str, tuple[bytes, float, float]] = {}  # by subject; when it came, when it was said here
        self.over = self.refused = 0  # sources beyond HANDLES; messages that were none

    def hears(self) -> Sequence[str]:
        return self._hears

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        work = Work()
        try:
            if subject.endswith(".what"):
                self._said(subject, data, now_s, work)
            else:
                self._made(subject, data, now_s, work)
        except BadInput:
            self.refused += 1
        return work

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        work = Work()
        said = read(body)
        if isinstance(said, Wanted):
            one = next((one for one in self._known.values() if one.handle == said.handle), None)
            if one is not None:
                one.wanted(said, now_s)
        elif isinstance(said, Roll):
            called = sources.decode(said.data)
            if not isinstance(called, sources.Roll) or not parse(called.node).covers(self._kit):
                raise BadMessage("Not a roll of a node above.", "不是上级的点名。")
            subject = subjects.roll(parse(called.node))
            if len(self._rolls) < ROLLS_MAX or subject in self._rolls:
                self._rolls[subject] = (said.data, now_s, now_s)
                work.publishes.append(Publish(subject, said.data))
            if not called.called:
                self._rolls.pop(subject, None)
        else:
            raise BadMessage("Not what is said to a kit of video.", "不是发往四合一装备的视频消息。")
        return work

    def turned(self, up: bool, now_s: float) -> Work:
        self._up = up
        for one in self._known.values():
            one.unlisted()
        return self.due(now_s) if up else Work()

    def due(self, now_s: float) -> Work:
        work = Work()
        for address in [address for address, one in self._known.items() if now_s - one.heard_s > SILENT_S]:
            self._gone(address, work)
        live = self._choose(now_s)
        self._list(live, now_s, work)
        self._order_still(live, now_s)
        for one in self._known.values():
            share = self._pace.bits_per_s // len(live) if one in live and not self._pace.held else 0
            if (told := one.do(share, one in live, now_s)) is not None:
                work.publishes.append(Publish(do(one.path, one.source.name), encode(told)))
        self._send_large(now_s, work)
        for subject, (data, came_s, said_s) in list(self._rolls.items()):
            if now_s - came_s > ROLL_LIVES_S:
                del self._rolls[subject]
            elif now_s - said_s >= SAID_S:
                self._rolls[subject] = (data, came_s, now_s)
                work.publishes.append(Publish(subject, data))
        return work

    # --- sources

    def _said(self, subject: str, data: bytes, now_s: float, work: Work) -> None:
        path, name = subjects.source_of(subject)
        said = sources.decode(data)
        if not isinstance(said, Source) or (parse(said.node), said.name) != (path, name):
            raise BadMessage("Not what this source says of itself.", "并非该视频源自身的说明。")
        if name == subjects.SHOWN or said.thin:
            return  # another source's picture, or one that is thinned already
        address = f"{path.dotted}.{name}"
        known = self._known.get(address)
        if known is not None and known.is_stale(said):
            return
        if said.over:
            return self._gone(address, work)
        if known is None:
            taken = {one.handle for one in self._known.values()}
            handle = next((each for each in range(HANDLES) if each not in taken), None)
            if handle is None:
                self.over += 1
                return
            known = self._known[address] = KitSource(handle, path, said)
        known.become(said, now_s)

    def _gone(self, address: str, work: Work) -> None:
        one = self._known.pop(address, None)
        if one is not None and one.listed and self._up:
            over = msgspec.structs.replace(one.source, tracks=(), over=True)
            said = letter(Listed(one.handle, sources.encode(over)))
            work.letters.append(Letter(Class.REPORTS, Kind.STILL, said))

    def _list(self, live: list[KitSource], now_s: float, work: Work) -> None:
        if not self._up:
            return
        room = self._pace.affords and len(live) < LIVE_MAX
        for one in self._known.values():
            thin = "live" if one in live or room else "stills"
            data = sources.encode(msgspec.structs.replace(one.source, tracks=(), thin=thin))
            if one.is_news(data, now_s, LIST_S, LIST_AGAIN_S):
                work.letters.append(Letter(Class.REPORTS, Kind.STILL, letter(Listed(one.handle, data))))

    def _choose(self, now_s: float) -> list[KitSource]:
        """Who is sent live: those who were go on, then who was wanted first."""
        rate = self._link.rate_bps() if self._up else 0
        was = sum(one.live for one in self._known.values())
        self._pace.tick(rate, self._link.waiting(Class.VIDEO), was, now_s)
        wanted = [one for one in self._known.values() if self._up and one.wants_live(now_s)]
        if not self._pace.affords:
            return []
        wanted.sort(key=lambda one: (not one.live, one.wanted_since_s))
        return wanted[:LIVE_MAX]

    # --- pictures

    def _made(self, subject: str, data: bytes, now_s: float, work: Work) -> None:
        place, _, _ = subject.removeprefix("fc.thin.").rpartition(".")
        one = self._known.get(place)
        made = read_made(data)
        if one is None or not self._up:
            return
        if isinstance(made, MadeFrame):
            if (number := one.numbered(made.key)) is not None:
                body = letter_of(Frame(one.handle, number, made.key, made.timestamp, made.data))
                work.letters.append(Letter(Class.VIDEO, Kind.VIDEO, body, FRAME_LIVES_S))
        elif one.take_still(made, now_s):
            work.letters.append(_still(one, made, 0))

    def _order_still(self, live: list[KitSource], now_s: float) -> None:
        """Of live sources whenever it is due; of the others one after the other, for each needs an encoder."""
        if not self._up or self._link.waiting(Class.CLIPS) > CLIPS_WAIT_BYTES:
            return
        if self._turn is not None and (not self._turn.ordered or now_s - self._turn.ordered_s > STILL_WAIT_S):
            self._turn.ordered, self._turn = False, None
        due = [one for one in self._known.values() if one.still_due(now_s, STILL_S_MIN)]
        for one in sorted(due, key=lambda each: each.ordered_s):
            if one in live:
                one.order(now_s)
            elif self._turn is None:
                self._turn = one
                one.order(now_s)

    def _send_large(self, now_s: float, work: Work) -> None:
        """When nothing waits that goes before it, nor in its class."""
        if not self._up or any(self._link.waiting(each) for each in Class if each <= Class.CLIPS):
            return
        for one in self._known.values():
            if one.large is not None:
                made, seen_s = one.large
                one.large = None
                work.letters.append(_still(one, made, round((now_s - seen_s) * 1_000)))
                return


def _still(one: KitSource, made: MadeStill, age_ms: int) -> Letter:
    said = Still(one.handle, made.number, made.width, made.height, age_ms, made.data)
    return Letter(Class.CLIPS, Kind.STILL, letter(said), STILL_LIVES_S)
