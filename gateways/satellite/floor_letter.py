"""A frame of the floor as a letter: whole, or as one that was told already, with another stamp. Pure.

1 tag (3) frame       MessagePack, an array
2 tag (3) stamp, talked (varints)
0 edition (1) codes   the nodes that are heard at that end, by commas (nodes_beyond.py)
    4 edition (1) codes   the same, to show that this end is there
    3 edition (1) codes   the same, and the other end is to say that it is there, too
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import varints
from fusioncmd.floor.frames import BEFORE_MAX, Answer, Ask, Number
from fusioncmd.floor.messages import Kind
from fusioncmd.messages import Code, GatewayName, Millis
from fusioncmd.voice.joined import Name
from gateways.satellite.tags import TAG_BYTES, Known, bad, tag_of

NODES, WHOLE, AGAIN, THERE, HERE = 0, 1, 2, 3, 4
OF_NODES = NODES, THERE, HERE
LETTER_BYTES_MAX = 1_024  # what is longer is not said
_STAMP_MAX = 1 << 35  # ms, of what fits a varint: a machine that runs for longer than a year says all of it whole
_Message = Annotated[bytes, Meta(max_length=limits.FLOOR_BYTES_MAX)]


class _Ask(Struct, frozen=True, tag=1, array_like=True):
    group: Name
    to: Code
    gateway: GatewayName
    number: Number
    stamp_ms: Millis
    message: _Message
    holding: bool
    talked_ms: Millis
    before: Annotated[tuple[tuple[Code, Millis], ...], Meta(max_length=BEFORE_MAX)]


class _Answer(Struct, frozen=True, tag=2, array_like=True):
    group: Name
    node: Code
    gateway: Annotated[str, Meta(max_length=64)]
    number: Number
    stamp_ms: Millis
    message: _Message
    others: bool


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[_Ask | _Answer] = msgspec.msgpack.Decoder(_Ask | _Answer)
Told = tuple[str, Ask | Answer]  # the talkgroup, and the frame


def kind_of(frame: Ask | Answer) -> int:
    """Of the floor control message in it, without its bit that asks for an acknowledgement; -1: none."""
    return frame.message[0] & 0x0F if frame.message else -1


def tag_of_frame(group: str, frame: Ask | Answer) -> bytes:
    """The same for frames that say the same at different times. A grant that is said again counts down how long it
    lasts, which who has it does not read again."""
    if isinstance(frame, Ask):
        same: tuple[object, ...] = (
            group, frame.to, frame.gateway, frame.number, frame.message, frame.holding, frame.before,
        )  # fmt: skip
    else:
        granted = kind_of(frame) == Kind.GRANTED
        message = b"" if granted else frame.message
        same = (group, frame.node, frame.gateway, frame.number, granted, message, frame.others)
    return tag_of(_encoder.encode(same))


def whole(group: str, frame: Ask | Answer, tag: bytes) -> bytes:
    part: _Ask | _Answer
    if isinstance(frame, Ask):
        part = _Ask(
            group, frame.to, frame.gateway, frame.number, frame.stamp_ms, frame.message, frame.holding,
            frame.talked_ms, frame.before,
        )  # fmt: skip
    else:
        part = _Answer(
            group, frame.node, frame.gateway, frame.number, frame.stamp_ms, frame.message, frame.others
        )  # fmt: skip
    return bytes((WHOLE,)) + tag + _encoder.encode(part)


def again(frame: Ask | Answer, tag: bytes) -> bytes | None:
    """None: it does not fit."""
    talked_ms = frame.talked_ms if isinstance(frame, Ask) else 0
    if frame.stamp_ms >= _STAMP_MAX or talked_ms >= _STAMP_MAX:
        return None
    out = bytearray((AGAIN,)) + tag
    varints.put(out, frame.stamp_ms)
    varints.put(out, talked_ms)
    return bytes(out)


def read(body: bytes, known: Known[Told]) -> Told | None:
    """None: it is said again, and was never told. Raises BadMessage."""
    reader = varints.Reader(body)
    try:
        form, tag = reader.byte(), reader.take(TAG_BYTES)
        if form == WHOLE and len(body) <= LETTER_BYTES_MAX:
            part = _decoder.decode(reader.take(reader.left))
            return known.tell(tag, _told(part))
        if form == AGAIN:
            stamp_ms, talked_ms = reader.varint(), reader.varint()
            told = known.find(tag)
            if reader.left:
                raise bad()
            return None if told is None else (told[0], _later(told[1], stamp_ms, talked_ms))
    except (BadMessage, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    raise bad()


def _told(part: _Ask | _Answer) -> Told:
    if isinstance(part, _Ask):
        return part.group, Ask(
            part.to, part.gateway, part.number, part.stamp_ms, part.message, part.holding, part.talked_ms, part.before
        )
    return part.group, Answer(part.node, part.gateway, part.number, part.stamp_ms, part.message, part.others)


def _later(frame: Ask | Answer, stamp_ms: int, talked_ms: int) -> Ask | Answer:
    if isinstance(frame, Ask):
        return msgspec.structs.replace(frame, stamp_ms=stamp_ms, talked_ms=talked_ms)
    return msgspec.structs.replace(frame, stamp_ms=stamp_ms)
