"""A letter of voice in bytes: the packets of one burst, and now and then whose burst it is. Pure.

flags and count (1)   WHO 1, LAST 2, and four times how many packets
tag (3)               of who speaks
sequence (varint)     of the first packet; the others follow it
[length, who]         MessagePack
per packet            how far its timestamp is from where the sequence puts it (zigzag), length, Opus
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import varints
from fusioncmd.floor.frames import Number
from fusioncmd.messages import Code, GatewayName
from fusioncmd.voice.bounds import OPUS_BYTES_MAX
from fusioncmd.voice.frames import Speaker, VoiceFrame
from fusioncmd.voice.joined import Name
from gateways.satellite.tags import TAG_BYTES, bad, tag_of, unzigzag, zigzag

WHO, LAST = 1, 2
PACKETS_MAX = 16  # in one letter; reject
WHO_BYTES_MAX = 512
_SEQUENCE_MAX, _TIMESTAMP_MAX = 1 << 31, 1 << 40


class Who(Struct, frozen=True, array_like=True):
    """What is the same for all packets of a burst in the talkgroup `group`: `VoiceFrame`. The packet of sequence n is
    due at `base` + n × `samples`, if the speaker never paused."""

    group: Name
    gateway: GatewayName
    burst: Number
    granted: Code
    priority: Annotated[int, Meta(ge=0, le=255)]
    speaker: Speaker
    order: Annotated[bytes, Meta(max_length=16)]
    samples: Annotated[int, Meta(ge=120, le=5_760)]
    base: Annotated[int, Meta(ge=-_TIMESTAMP_MAX, le=_TIMESTAMP_MAX)]

    @property
    def key(self) -> tuple[str, int]:
        return self.gateway, self.burst


class Packet(NamedTuple):
    sequence: int
    timestamp: int
    opus: bytes


class VoiceLetter(NamedTuple):
    """`pieces`: how far each is from its time, and its Opus. The last piece of one that is `last` has no sound."""

    tag: bytes
    who: Who | None
    last: bool
    sequence: int
    pieces: tuple[tuple[int, bytes], ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Who)


def who_of(group: str, frame: VoiceFrame, samples: int, base: int) -> Who:
    return Who(
        group, frame.gateway, frame.burst, frame.granted, frame.priority, frame.speaker, frame.order, samples, base
    )


def tag_of_who(who: Who) -> bytes:
    return tag_of(_encoder.encode(who))


def write(who: Who, tag: bytes, packets: list[Packet], whole: bool, last: bool) -> bytes:
    """`packets`, at least one, follow each other. `whole`: with who it is."""
    out = bytearray((len(packets) << 2 | (LAST if last else 0) | (WHO if whole else 0),)) + tag
    varints.put(out, packets[0].sequence)
    if whole:
        told = _encoder.encode(who)
        varints.put(out, len(told))
        out += told
    for packet in packets:
        varints.put(out, zigzag(packet.timestamp - who.base - packet.sequence * who.samples))
        varints.put(out, len(packet.opus))
        out += packet.opus
    return bytes(out)


def read(body: bytes) -> VoiceLetter:
    """Raises BadMessage."""
    reader = varints.Reader(body)
    try:
        flags, tag = reader.byte(), reader.take(TAG_BYTES)
        sequence, who = reader.varint(), None
        if flags & WHO:
            who = _decoder.decode(reader.take(min(reader.varint(), WHO_BYTES_MAX)))
        pieces = tuple((unzigzag(reader.varint()), reader.take(reader.varint())) for _ in range(flags >> 2))
    except (BadMessage, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise bad() from None
    if reader.left or not 0 < len(pieces) <= PACKETS_MAX or sequence + len(pieces) > _SEQUENCE_MAX:
        raise bad()
    if any(len(opus) > OPUS_BYTES_MAX for _, opus in pieces) or (who is not None and tag_of_who(who) != tag):
        raise bad()
    return VoiceLetter(tag, who, bool(flags & LAST), sequence, pieces)


def frames_of(letter: VoiceLetter, who: Who) -> list[VoiceFrame]:
    """As they are on the bus. Raises BadMessage."""
    out: list[VoiceFrame] = []
    for n, (shift, opus) in enumerate(letter.pieces):
        sequence = letter.sequence + n
        timestamp = who.base + sequence * who.samples + shift
        if not 0 <= timestamp <= _TIMESTAMP_MAX:
            raise bad()
        last = letter.last and n == len(letter.pieces) - 1
        out.append(
            VoiceFrame(
                who.gateway, who.burst, sequence, timestamp, who.granted, who.priority, who.speaker,
                b"" if last else opus, last, who.order,
            )
        )  # fmt: skip
    return out
