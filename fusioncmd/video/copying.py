"""Copies of what a node below recorded: the words of it, and how fast they are fetched. Pure.

The recorder above asks, one question at a time, and the one below answers: rows of its index from a place on, and bytes
of a segment from an offset on. So a fetch goes on where it was, and nothing is sent that nobody asked for.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code
from fusioncmd.video.kept import Id

PIECE_BYTES_MAX = 32 * 1024  # of rows or of a segment, in one answer
SAID_BYTES_MAX = PIECE_BYTES_MAX + 512  # of an answer on the bus; reject
BYTES_S_MAX = 500_000.0  # of one link, at most
BYTES_S_FIRST = 100_000.0  # at the beginning
BYTES_S_MIN = 4_000.0  # and never less, while answers come
LATE_MS = 150.0  # an answer that is later than the quickest ones by so much: others use the link
ANSWER_S = 10.0  # then it is lost
THIN_PIECE_BYTES = 8 * 1024  # of one answer over a thin link: a second of 64 kbit/s
THIN_IDLE_BYTES = 2 * 1024  # the same, of what may wait: a live picture waits for it no longer than a frame
THIN_WINDOW = 6  # questions at once there: 600 ms and back at 512 kbit/s
THIN_ANSWER_S = 180.0  # an answer there that is later is lost
THIN_ROWS_MS = 24 * 3_600_000  # so much of the index is fetched there at first; what was before, when it is wished for
SEGMENT_BYTES_MAX = 256 * 1024**2  # of a copy; passed over

Hour = Annotated[str, Meta(pattern=r"\A([0-9]{10})?\Z")]
Number = Annotated[int, Meta(ge=0, lt=1 << 53)]
Data = Annotated[bytes, Meta(max_length=PIECE_BYTES_MAX)]


class Here(Struct, frozen=True, array_like=True, tag="kept-here.1"):
    """A recorder is at `code`; `thin`: over a thin link, so that only what is wished for is fetched."""

    code: Code
    thin: bool = False


class AskRows(Struct, frozen=True, array_like=True, tag="kept-ask-rows.1"):
    """The index of `hour` from byte `offset` on; empty: of the first hour that there is."""

    number: Number
    hour: Hour
    offset: Number


class AskBytes(Struct, frozen=True, array_like=True, tag="kept-ask-bytes.1"):
    """At most `limit` bytes. `idle`: when nothing else uses the link."""

    number: Number
    segment: Id
    offset: Number
    limit: Annotated[int, Meta(gt=0, le=PIECE_BYTES_MAX)] = PIECE_BYTES_MAX
    idle: bool = False


class Rows(Struct, frozen=True, array_like=True, tag="kept-rows.1"):
    """`data`: whole lines; what follows is in `hour` from `offset` on."""

    number: Number
    data: Data
    hour: Hour
    offset: Number


class Bytes(Struct, frozen=True, array_like=True, tag="kept-bytes.1"):
    """Nothing: it is there no more, or all of it was said."""

    number: Number
    data: Data


Message = Here | AskRows | AskBytes | Rows | Bytes
encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def decode(data: bytes) -> Message:
    """Raises BadMessage."""
    if len(data) <= SAID_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a message about copies of video.", "不是录像副本消息。")


class Pace:
    """How long to wait between questions on one link: as long as answers are quick, less and less; where they are late,
    others use it, and it is left to them (as RFC 6817 has it, by delay)."""

    def __init__(self, bytes_s_max: float = BYTES_S_MAX) -> None:
        self._most = bytes_s_max
        self.bytes_s = min(BYTES_S_FIRST, bytes_s_max)
        self._quickest_ms = float("inf")

    def answered(self, took_ms: float) -> None:
        """An answer came after so long. The quickest is forgotten slowly: ways change."""
        self._quickest_ms = min(self._quickest_ms * 1.002, took_ms)
        late = took_ms > self._quickest_ms + LATE_MS
        self.bytes_s = max(BYTES_S_MIN, self.bytes_s / 2) if late else min(self._most, self.bytes_s * 1.5)

    def lost(self) -> None:
        self.bytes_s = max(BYTES_S_MIN, self.bytes_s / 4)

    def wait_s(self, size: int) -> float:
        """After an answer of so many bytes."""
        return size / self.bytes_s


def nearest(own: str, heard: set[str]) -> list[str]:
    """Whose copies the recorder at `own` keeps: those below it that have none in between."""
    below = {code for code in heard if code.startswith(own) and code != own}
    return sorted(code for code in below if not any(code != one and code.startswith(one) for one in below))
