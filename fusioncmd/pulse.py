"""Whether a link carries anything, both ways: numbered beats, each naming the last one of the peer's that came. Pure.

A link that is up and carries nothing is the classic failure of federations, and one that carries one way only looks
well from one end. So each end says a number each second, and an end is content only with an answer to its own.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.canary import Word
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds

State = Literal["up", "deaf", "cut"]  # deaf: the peer is heard, and does not hear
OUTSTANDING_MAX = 64
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class Beat(Struct, frozen=True, array_like=True, tag="beat.1"):
    """`heard` is the peer's last number that came, `held_ms` ago; `numbers`, upwards only: who has a live channel below
    (a portable Roaring bitmap); `word`: of canaries and branches (None: from a node of an older version)."""

    number: Count
    heard: Count
    held_ms: Count
    numbers: Annotated[bytes, Meta(max_length=limits.PRESENCE_BYTES_MAX)] = b""
    word: Word | None = None


_decoder = msgspec.msgpack.Decoder(Beat)
_encoder = msgspec.msgpack.Encoder()


def pack(beat: Beat) -> bytes:
    return _encoder.encode(beat)


def unpack(data: bytes) -> Beat:
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a beat of a link: {error}.", f"不是链路心跳：{error}。") from None


class Pulse:
    """One end. Times are seconds of a clock that nobody sets."""

    def __init__(self, first: int, now_s: float) -> None:
        """`first`: beyond every number that this end said before it was started anew."""
        self._next, self._heard, self._came_s = first, 0, now_s
        self._sent: OrderedDict[int, float] = OrderedDict()
        self.began_s = now_s
        self.heard_s: float | None = None  # when the peer was heard last
        self.answered_s: float | None = None  # when that was said which it answered last
        self.round_trip_s: float | None = None
        self._state: State = "up"
        self.since_s = now_s  # since when it is in its state

    def beat(self, now_s: float, numbers: bytes = b"", word: Word | None = None) -> Beat:
        self._next += 1
        self._sent[self._next] = now_s
        if len(self._sent) > OUTSTANDING_MAX:
            self._sent.popitem(last=False)
        return Beat(self._next, self._heard, int((now_s - self._came_s) * 1000), numbers, word)

    def hear(self, beat: Beat, now_s: float) -> bool:
        """True when it is news: one that was overtaken, or comes again, says nothing."""
        said_s = self._sent.get(beat.heard)
        if said_s is not None:
            self.answered_s, self.round_trip_s = said_s, max(0.0, now_s - said_s - beat.held_ms / 1000)
            while self._sent and next(iter(self._sent)) <= beat.heard:
                self._sent.popitem(last=False)
        self.heard_s = now_s
        if beat.number <= self._heard:
            return False
        self._heard, self._came_s = beat.number, now_s
        return True

    def state(self, now_s: float) -> State:
        """`since_s` follows: a link that is cut was so since it was last heard."""
        heard_s = self.began_s if self.heard_s is None else self.heard_s
        answered_s = self.began_s if self.answered_s is None else self.answered_s
        found: State = "up"
        if now_s - heard_s > bounds.LINK_SILENT_S:
            found, since_s = "cut", heard_s
        elif now_s - answered_s > bounds.LINK_SILENT_S:
            found, since_s = "deaf", answered_s
        else:
            since_s = now_s
        if found != self._state:
            self._state, self.since_s = found, since_s
        return found
