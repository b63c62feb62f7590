"""What a frame of voice is on the bus, on `fc.voice.<path>.<talkgroup>`: one publish, however many listen. Pure.

Opus, 48,000 Hz, one packet a frame, as it came from who speaks. Each frame says who, in which burst, and which node
granted it the floor, so that whoever joins in mid-burst knows too; and nothing else has to be kept for it.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.floor.frames import Number
from fusioncmd.messages import Code, GatewayName
from fusioncmd.messages import Number as Person
from fusioncmd.voice.bounds import FRAME_BYTES_MAX, OPUS_BYTES_MAX, USER_CHARS_MAX

CLOCK_HZ = 48_000
PER_MS = CLOCK_HZ // 1_000


class Speaker(Struct, frozen=True, array_like=True):
    """Who speaks: a person of the roster or none, of which place, and the name that is shown."""

    number: Person | None
    node: Code
    name: Annotated[str, Meta(max_length=USER_CHARS_MAX)]


class VoiceFrame(Struct, frozen=True, tag="voice.1", array_like=True):
    """`gateway` and `burst` name the burst as the floor's frames do. `sequence` counts packets from the first of the
    burst and shows what was lost; `timestamp` counts samples. `granted` is the node that let it speak. The `last` frame
    holds no sound."""

    gateway: GatewayName
    burst: Number
    sequence: Annotated[int, Meta(ge=0, le=1 << 31)]
    timestamp: Annotated[int, Meta(ge=0, le=1 << 40)]
    granted: Code
    priority: Annotated[int, Meta(ge=0, le=255)]
    speaker: Speaker
    opus: Annotated[bytes, Meta(max_length=OPUS_BYTES_MAX)]
    last: bool = False
    order: Annotated[bytes, Meta(max_length=16)] = b""  # that it speaks: a key that is pressed then answers it

    @property
    def key(self) -> tuple[str, int]:
        return self.gateway, self.burst


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(VoiceFrame)


def encode(frame: VoiceFrame) -> bytes:
    return _encoder.encode(frame)


def decode(data: bytes) -> VoiceFrame:
    """Raises BadMessage."""
    if len(data) <= FRAME_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a frame of voice.", "不是有效的语音帧。")


def opus_samples(packet: bytes) -> int:
    """How long an Opus packet lasts, in samples of 48,000 a second (RFC 6716, clause 3.1). Raises BadMessage."""
    if not packet:
        raise BadMessage("An empty Opus packet.", "空的 Opus 包。")
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        frame_ms10 = (100, 200, 400, 600)[config & 3]
    elif config < 16:
        frame_ms10 = (100, 200)[config & 1]
    else:
        frame_ms10 = (25, 50, 100, 200)[config & 3]
    count = (1, 2, 2)[code] if code < 3 else (packet[1] & 0x3F if len(packet) > 1 else 0)
    samples = count * frame_ms10 * PER_MS // 10
    if not 0 < samples <= 120 * PER_MS:
        raise BadMessage("An Opus packet of no length.", "Opus 包时长无效。")
    return samples


def silence_like(packet: bytes) -> bytes:
    """A packet for one that was lost: the same frames with nothing in them, which a decoder conceals (clause 3.2.1)."""
    code = packet[0] & 3
    if code == 3:
        return bytes((packet[0], packet[1] & 0x3F))
    return bytes((packet[0],)) if code != 2 else bytes((packet[0] & 0xFC | 1,))
