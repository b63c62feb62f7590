"""The messages of an exchange: a frame with its numbers, and what it says. Pure.

MessagePack arrays, because the smallest pipe carries 70 bytes at a time; a long frame goes as a zlib stream (RFC 1950)
when that is shorter: orders repeat their grants, and rosters are text. The pipe's own name carries the version of the
protocol. Within a frame each part is one of:

- `Opening`: the sums of the five kinds; the answer to one, when all are the same, is another with `how` = ANSWER.
- `Sums`: ranges of keys one after the other, and the sum of each; whoever finds another sum says more of that range.
- `Listing`: every key of a range with the mark of its item. `Wanted`: keys, or all of a range, that the sender lacks.
- `Plain`: an item of any kind but containers. `Towns`: containers of one order. `Part`: a piece of an item that is
  longer than a message.
"""

from __future__ import annotations

import zlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.messages import Id

ASKS, ANSWER, INSISTS = 0, 1, 2
SEQ_BITS = 32
ACKED_BITS = 32

Word = Annotated[int, Meta(ge=0, lt=1 << 16)]
Seq = Annotated[int, Meta(ge=0, lt=1 << SEQ_BITS)]
Blob = Annotated[bytes, Meta(max_length=bounds.MESSAGE_BYTES_MAX)]
Length = Annotated[int, Meta(ge=0, le=bounds.ITEM_BYTES_MAX)]


class Opening(Struct, frozen=True, array_like=True, tag=1):
    how: Annotated[int, Meta(ge=ASKS, le=INSISTS)]
    sums: Blob


class Sums(Struct, frozen=True, array_like=True, tag=2):
    bounds: Blob  # n + 1 keys (varints.pack_keys)
    sums: Blob  # n


class Listing(Struct, frozen=True, array_like=True, tag=3):
    bounds: Blob  # two keys: where the list begins and ends
    keys: Blob
    marks: Blob


class Wanted(Struct, frozen=True, array_like=True, tag=4):
    bounds: Blob  # two keys, for all between them; or none
    keys: Blob


class Plain(Struct, frozen=True, array_like=True, tag=5):
    key: Blob
    value: Blob


class Towns(Struct, frozen=True, array_like=True, tag=6):
    order: Id
    check: Annotated[int, Meta(ge=0, lt=1 << 32)]  # of the audience that some containers rest on; 0: none does
    towns: Blob  # the town's number as the difference to the one before, and the container


class Part(Struct, frozen=True, array_like=True, tag=7):
    item: Annotated[bytes, Meta(min_length=8, max_length=8)]  # the mark of what is carried
    at: Length
    length: Length  # of the whole: `pack_item`
    piece: Blob


Entry = Opening | Sums | Listing | Wanted | Plain | Towns | Part


class Frame(Struct, frozen=True, array_like=True):
    """`epoch` is the sender's, `heard_epoch` the peer's as the sender knows it; a frame with `seq` 0 only acknowledges.
    `acked` is the highest number that came, and `earlier` a bit for each of the 32 before it."""

    epoch: Word
    heard_epoch: Word
    seq: Seq
    acked: Seq
    earlier: Seq
    entries: tuple[Entry, ...]


class _Packed(Struct, frozen=True, array_like=True):
    epoch: int
    heard_epoch: int
    seq: int
    acked: int
    earlier: int
    entries: tuple[msgspec.Raw, ...]


FRAME_BYTES = 25  # without entries, at most; 15 while numbers are below 65,536 and little was lost
SQUEEZED = 0x78  # a zlib stream begins so, and no array of MessagePack does
SQUEEZE_BYTES_MIN = 512
SQUEEZE_LEVEL = 6
_encoder = msgspec.msgpack.Encoder()
_frames = msgspec.msgpack.Decoder(Frame)


def pack_entry(entry: Entry) -> bytes:
    return _encoder.encode(entry)


def pack_frame(epoch: int, heard_epoch: int, seq: int, acks: tuple[int, int], entries: list[bytes]) -> bytes:
    frame = _encoder.encode(_Packed(epoch, heard_epoch, seq, *acks, tuple(msgspec.Raw(e) for e in entries)))
    if len(frame) < SQUEEZE_BYTES_MIN:
        return frame
    return min(frame, zlib.compress(frame, SQUEEZE_LEVEL), key=len)


def read_frame(data: bytes) -> Frame:
    """`BadMessage` for what no peer sends; a size is checked before a byte is decoded."""
    return released(data)[0]


def released(data: bytes) -> tuple[Frame, bytes]:
    """The frame, and its bytes as they were before they were squeezed. Errors as of `read_frame`."""
    if len(data) > bounds.MESSAGE_BYTES_MAX:
        raise BadMessage(
            f"An exchange message of {len(data)} bytes exceeds the bound of {bounds.MESSAGE_BYTES_MAX}.",
            f"交换消息长 {len(data)} 字节，超过上限 {bounds.MESSAGE_BYTES_MAX} 字节。",
        )
    if data[:1] == bytes((SQUEEZED,)):
        data = _released(data)
    try:
        return _frames.decode(data), data
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a message of an exchange: {error}.", f"不是交换消息：{error}。") from None


def _released(data: bytes) -> bytes:
    """What was squeezed, up to the bound of a message."""
    stream = zlib.decompressobj()
    try:
        frame = stream.decompress(data, bounds.MESSAGE_BYTES_MAX)
    except zlib.error as error:
        raise BadMessage(f"Not a message of an exchange: {error}.", f"不是交换消息：{error}。") from None
    if not stream.eof or stream.unused_data:
        raise BadMessage("An exchange message that is cut short or too long.", "交换消息不完整或过长。")
    return frame


def pack_item(key: bytes, value: bytes) -> bytes:
    """What parts carry: key and value, of any length."""
    return bytes((len(key),)) + key + value


def read_item(data: bytes) -> tuple[bytes, bytes]:
    return data[1 : 1 + data[0]], data[1 + data[0] :]
