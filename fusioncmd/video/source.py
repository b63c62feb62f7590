"""What a source of video is, and what is asked of it, as messages on the bus. Pure.

Whoever publishes a source says what it is each `SAID_S`, and at once when that changes; it is gone when it says so
(`over`) or was not heard for `SILENT_S`. RTP of a source has the payload types and SSRCs that it names here, whatever
the browser or camera used; a source that begins anew has new SSRCs.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, GatewayName, Millis
from fusioncmd.video.bounds import ASK_BYTES_MAX, FMTP_CHARS_MAX, SOURCE_BYTES_MAX, TITLE_CHARS_MAX, TRACKS_MAX

VIDEO_TYPE, AUDIO_TYPE = 96, 111  # the payload types of every source on the bus
VIDEO_RATE, AUDIO_RATE = 90_000, 48_000  # ticks a second of their timestamps

Text = Annotated[str, Meta(max_length=TITLE_CHARS_MAX)]
Ssrc = Annotated[int, Meta(gt=0, lt=1 << 32)]


class Track(Struct, frozen=True, array_like=True):
    """`fmtp` are the codec's parameters as in SDP, such as `packetization-mode=1;profile-level-id=42e01f`."""

    codec: Literal["H264", "VP8", "opus"]
    ssrc: Ssrc
    fmtp: Annotated[str, Meta(max_length=FMTP_CHARS_MAX)] = ""

    @property
    def payload_type(self) -> int:
        return AUDIO_TYPE if self.codec == "opus" else VIDEO_TYPE

    @property
    def rate(self) -> int:
        return AUDIO_RATE if self.codec == "opus" else VIDEO_RATE


class Source(Struct, frozen=True, array_like=True, tag="source.1"):
    """`node` and `name` are its address; `number` is the responder's, 0 for none; `gateway` publishes it. `since_ms`:
    when it began (since 1970). `of`: for `shown`, the address `<dotted path>.<name>` of the source that is shown.
    `trouble`: why nothing comes from it, in English and in Chinese; empty when it does. `thin`: it comes over a thin
    link, `live` at a low rate when somebody watches, or as `stills` (still.py) where there is no room for that."""

    node: Code
    name: Annotated[str, Meta(min_length=1, max_length=32)]
    title: Text
    kind: Literal["browser", "camera", "drone", "kit", "shown"]
    gateway: GatewayName
    since_ms: Millis
    tracks: Annotated[tuple[Track, ...], Meta(max_length=TRACKS_MAX)]
    number: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    width: Annotated[int, Meta(ge=0, le=16_384)] = 0
    height: Annotated[int, Meta(ge=0, le=16_384)] = 0
    place: tuple[float, float] | None = None  # latitude and longitude, degrees, WGS 84
    of: Annotated[str, Meta(max_length=64)] = ""
    trouble: tuple[Annotated[str, Meta(max_length=160)], Annotated[str, Meta(max_length=160)]] = ("", "")
    over: bool = False
    thin: Literal["", "live", "stills"] = ""


class Ask(Struct, frozen=True, array_like=True, tag="ask.1"):
    """By a gateway with `viewers` of a source, each `SAID_S` and when it wants a new picture (`keyframe`).
    `bits_per_s`: what its viewers' ways can carry; 0: no less than the source sends. `still_s`: of a source over a thin
    link, a still each so many seconds; 0: none."""

    gateway: GatewayName
    viewers: Annotated[int, Meta(ge=0, lt=1 << 20)]
    keyframe: bool = False
    bits_per_s: Annotated[int, Meta(ge=0, lt=1 << 40)] = 0
    still_s: Annotated[int, Meta(ge=0, le=3_600)] = 0


class Show(Struct, frozen=True, array_like=True, tag="show.1"):
    """The node at `node` puts the source `<dotted path>.<name>` before everybody below; empty: no more. `by`: who
    said so."""

    node: Code
    source: Annotated[str, Meta(max_length=64)]
    by: Text = ""


class Roll(Struct, frozen=True, array_like=True, tag="roll.1"):
    """The node at `node` calls its roll, and it is the turn of the place `called` until `until_ms` (since 1970);
    empty: nobody's, it is over. `ident` is the roll's, `by` who calls it."""

    node: Code
    ident: Annotated[str, Meta(max_length=32)]
    called: Annotated[str, Meta(max_length=12)]
    until_ms: Millis
    by: Text = ""


Message = Source | Ask | Show | Roll
encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)


def decode(data: bytes) -> Message:
    """Raises BadMessage."""
    if len(data) > SOURCE_BYTES_MAX:
        raise BadMessage("A message about video is too long.", "视频消息过长。")
    try:
        found = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("Not a message about video.", "不是视频消息。") from None
    if not isinstance(found, Source) and len(data) > ASK_BYTES_MAX:
        raise BadMessage("A message about video is too long.", "视频消息过长。")
    return found
