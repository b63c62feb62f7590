"""That two nodes hear each other, over a link on which a beat each second would cost 2 MB an hour. Pure.

Each end speaks for the other on its own bus: a beat a second, as long as the pipe is up and the other end says that its
node is there. Over the link goes what changed: whether the node is there, who is reachable, what does not carry below.
So a cut is noticed when the pipe notices it (`Pipe.turned`) and `LINK_SILENT_S` after; a node that is gone,
NODE_SILENT_S and a trip later than over a leaf connection.

A canary (fusioncmd/canary.py) proves the same parts as over a leaf connection, each by itself: the kit's end says one
to its node every CANARY_EVERY_S, which passes the kit's stream and gateways and comes back to it; when none came back
for CANARY_LATE_S, it tells the hub's end, which answers its node's canaries until then. What is between the two ends is
proved by the pipe. So `mute` is said CANARY_LATE_S and a trip later. `deaf` is not said over such a link: QUIC carries
both ways or none.
"""

from __future__ import annotations

from collections import deque
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits, subjects
from fusioncmd.canary import AGE_MS_MAX, Branch, Count, Trail, Word
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.kit_disk import DiskWord
from fusioncmd.pulse import Beat, pack, unpack
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import LETTER_BYTES_MAX, Class

NODE_SILENT_S = 3.0  # without a beat of this end's node: the other end is told that it is not there
CANARY_LATE_S = 20.0  # without a canary back: the other end is told so
TOLD_EVERY_S = 5.0  # at most, who is reachable and what does not carry below
TOLD_SHARE = 50  # of the link's rate one part in so many, for that
WHOLE_EVERY_S = 1_800.0  # all of it again, for a letter that found no room
BEATS_KNOWN = 16


class Told(Struct, frozen=True, array_like=True):
    """What one end tells the other of its node. `through`: canaries come back from its gateways. `numbers` (a portable
    Roaring bitmap of who is reachable) and `below`: None, as before; a hub's end tells neither. `disks` that are
    full."""

    there: bool
    through: bool
    numbers: Annotated[bytes, Meta(max_length=limits.PRESENCE_BYTES_MAX)] | None = None
    below: Annotated[tuple[Branch, ...], Meta(max_length=bounds.BELOW_TOLD_MAX)] | None = None
    more: Count = 0
    disks: Annotated[tuple[DiskWord, ...], Meta(max_length=bounds.DISKS_TOLD_MAX)] = ()


_decoder = msgspec.msgpack.Decoder(Told)
_encoder = msgspec.msgpack.Encoder()
_NOBODY = Told(False, False, b"", ())


def packed(told: Told) -> bytes:
    return _encoder.encode(told)


def _read(body: bytes) -> Told:
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not what an end of a link tells: {error}.", f"不是链路端的状态消息：{error}。") from None


class BeatCarrier:
    kinds = (Kind.BEAT,)

    def __init__(self, link: Link) -> None:
        code = link.kit.code
        up, down = subjects.link_beat_up(code), subjects.link_beat_down(code)
        self._kit = link.side == "kit"
        self._hears, self._says = (up, down) if self._kit else (down, up)
        self._link, self._number, self._canary = link, link.began_ms, link.began_ms
        self._beats: deque[tuple[int, float]] = deque(maxlen=BEATS_KNOWN)  # of this end's node: number, when it came
        self._own = _NOBODY  # of this end's node, as it says
        self._said: Word | None = None  # by this end's node, last
        self._told = _NOBODY  # the other end, last
        self._theirs = _NOBODY
        self._theirs_s = 0.0  # when `below` of it came
        self._trail = Trail(CANARY_LATE_S)
        self._up, self._since_s = False, 0.0
        self._beat_due_s = self._canary_due_s = self._may_tell_s = self._whole_due_s = 0.0
        self._answered = 0

    def hears(self) -> tuple[str, ...]:
        return (self._hears,)

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        beat = unpack(data)
        if not self._there(now_s):
            self._since_s = now_s
        self._beats.append((beat.number, now_s))
        word = self._said = beat.word or Word()
        if self._kit:
            self._trail.hear(word.answered)
            numbers = beat.numbers if len(beat.numbers) < LETTER_BYTES_MAX // 2 else b""
            self._own = Told(True, True, numbers, word.below, word.more, word.disks)
        return Work()

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        told, before = _read(body), self._theirs
        if told.below is not None:
            self._theirs_s = now_s
        if not told.there:
            self._theirs = _NOBODY
            return Work()
        numbers = before.numbers if told.numbers is None else told.numbers
        below = before.below if told.below is None else told.below
        self._theirs = Told(True, told.through, numbers, below, told.more, told.disks)
        return Work()

    def turned(self, up: bool, now_s: float) -> Work:
        self._up, self._since_s = up, now_s
        self._told = _NOBODY
        if not up:  # when it comes up, what the other end tells may come before
            self._theirs = _NOBODY
        self._may_tell_s = self._whole_due_s = now_s
        self._beat_due_s = now_s
        return Work()

    def due(self, now_s: float) -> Work:
        if not self._up:
            return Work()
        work = Work()
        if (told := self._tells(now_s)) is not None:
            work.letters.append(Letter(Class.ORDERS, Kind.BEAT, packed(told)))
        if self._theirs.there and now_s >= self._beat_due_s:
            self._beat_due_s = max(self._beat_due_s + bounds.LINK_BEAT_S, now_s)
            work.publishes.append(Publish(self._says, pack(self._beat(now_s))))
        return work

    # --- over the link

    def _there(self, now_s: float) -> bool:
        return bool(self._beats) and now_s - self._beats[-1][1] <= NODE_SILENT_S

    def _tells(self, now_s: float) -> Told | None:
        """What is news to the other end, and is worth it now."""
        there = self._there(now_s)
        if not there:
            news = Told(False, False)
            changed = self._told.there
        else:
            through = not self._kit or self._trail.silent_since_s(self._since_s, now_s) is None
            changed = (there, through) != (self._told.there, self._told.through)
            whole = now_s >= self._whole_due_s or not self._told.there
            own, told = self._own, self._told
            numbers = own.numbers if self._kit and (whole or own.numbers != told.numbers) else None
            below = own.below if self._kit and (whole or _places(own) != _places(told)) else None
            other = numbers is not None or below is not None or (own.more, own.disks) != (told.more, told.disks)
            changed = changed or whole or (now_s >= self._may_tell_s and other)
            news = Told(True, through, numbers, below, own.more, own.disks)
            if changed and whole:
                self._whole_due_s = now_s + WHOLE_EVERY_S
        if not changed:
            return None
        own = self._own
        self._told = Told(there, news.through, own.numbers, own.below, news.more, news.disks) if there else _NOBODY
        bits = 8 * (len(news.numbers or b"") + 64 * len(news.below or ()))
        self._may_tell_s = now_s + max(TOLD_EVERY_S, bits * TOLD_SHARE / max(self._link.rate_bps(), 1))
        return news

    # --- on the bus of this end

    def _beat(self, now_s: float) -> Beat:
        """As the other end's node would say it: answering what was said here a trip ago."""
        self._number += 1
        trip_s, heard, held_s = self._link.trip_s(), 0, 0.0
        for number, came_s in self._beats:
            if now_s - came_s >= trip_s:
                heard, held_s = number, now_s - came_s - trip_s
        if self._kit:
            if now_s >= self._canary_due_s:
                self._canary_due_s = now_s + bounds.CANARY_EVERY_S
                self._canary += 1
                self._trail.say(self._canary, now_s)
            return Beat(self._number, heard, int(held_s * 1000), b"", Word(said=self._canary))
        theirs = self._theirs
        if theirs.through and self._said is not None:
            self._answered = self._said.said
        waited_ms = int((now_s - self._theirs_s) * 1000)
        below = tuple(
            Branch(b.code, b.state, min(b.age_ms + waited_ms, AGE_MS_MAX), b.by, b.gateway) for b in theirs.below or ()
        )
        word = Word(0, self._answered, below, theirs.more, theirs.disks)
        return Beat(self._number, heard, int(held_s * 1000), theirs.numbers or b"", word)


def _places(told: Told) -> set[tuple[str, str, str, str]]:
    """What does not carry, however long."""
    return {(b.code, b.state, b.by, b.gateway) for b in told.below or ()}
