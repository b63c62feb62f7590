"""The terminal protocol: what a responder's device and the responder gateway say to each other. Pure.

Each WebSocket message is one binary frame: a MessagePack array whose first element is the type (an integer below).
PROTOCOL.md is the description for those who write a terminal; this file is the same in types.
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd import devices, limits
from fusioncmd.errors import BadMessage
from fusioncmd.ladder import bounds
from fusioncmd.messages import AnswerIndex, Id, Latitude, Longitude, PartIndex, PictureData, ReportText, Status
from fusioncmd.terminal_close import Close as Close
from fusioncmd.terminal_close import advice as advice
from fusioncmd.track.position import AccuracyM, Percent
from fusioncmd.trust.grants import SignedGrant

T = TypeVar("T")

PATH = "/terminal"
VERSION = 2


class Hello(Struct, frozen=True, array_like=True, tag=1):
    """The first frame. `held` are the orders that the device has, ended ones too, the newest: it received those."""

    version: int
    ticket: Annotated[bytes, Meta(max_length=limits.TICKET_BYTES_MAX)]
    held: Annotated[tuple[Id, ...], Meta(max_length=limits.ORDERS_HELD_MAX)] = ()


class Received(Struct, frozen=True, array_like=True, tag=2):
    order: Id


class Answer(Struct, frozen=True, array_like=True, tag=3):
    order: Id
    answer: AnswerIndex


class SendReport(Struct, frozen=True, array_like=True, tag=4):
    """`report` is an id that the device makes; a report that was not confirmed is sent again under the same id.

    `parts` of a picture belong to it, which were stored before: `SendPicture`.
    """

    order: Id
    report: Id
    text: ReportText
    lat: Latitude | None = None
    lon: Longitude | None = None
    parts: Annotated[int, Meta(ge=0, le=limits.PICTURE_PARTS_MAX)] = 0


class SendPicture(Struct, frozen=True, array_like=True, tag=9):
    """A part of the picture of a report that follows when all parts are stored."""

    order: Id
    report: Id
    part: PartIndex
    data: PictureData


class Alive(Struct, frozen=True, array_like=True, tag=5):
    """Said when nothing else was for `heartbeat_s`; echoed."""


class Distrust(Struct, frozen=True, array_like=True, tag=8):
    """What was delivered does not verify, and was not shown. `order` is None where not even an id can be read in it;
    `reason` is one of `trust.refusals`."""

    order: Id | None
    reason: Annotated[str, Meta(min_length=1, max_length=limits.DISTRUST_REASON_CHARS_MAX)]


class Enrol(Struct, frozen=True, array_like=True, tag=6):
    """Before a hello: a new device shows its code and its public key. `proof` signs `devices.enrol_body`."""

    version: int
    code: devices.Code
    algorithm: devices.Algorithm
    public: devices.PublicKey
    proof: devices.Proof


class Renew(Struct, frozen=True, array_like=True, tag=7):
    """Before a hello, or while connected: a device asks for its next ticket. `proof` signs `devices.renew_body`."""

    version: int
    number: devices.Number
    device: devices.Device
    at_ms: devices.Millis
    proof: devices.Proof


class Subscribe(Struct, frozen=True, array_like=True, tag=10):
    """Where this device takes push messages when it is not connected (RFC 8030, 8291). The newest stands."""

    endpoint: Annotated[str, Meta(min_length=9, max_length=bounds.PUSH_ENDPOINT_CHARS_MAX)]
    key: Annotated[bytes, Meta(min_length=65, max_length=65)]
    auth: Annotated[bytes, Meta(min_length=16, max_length=16)]


class Noted(Struct, frozen=True, array_like=True, tag=11):
    """The list of `Silent` was shown."""

    order: Id


class AnswerFor(Struct, frozen=True, array_like=True, tag=12):
    """On behalf of one of those in a list of `Silent`: shown as such, never counted as their own answer."""

    order: Id
    number: devices.Number
    answer: AnswerIndex


class Position(Struct, frozen=True, array_like=True, tag=13):
    """Where the device is, because its person shares it (WGS 84). Not confirmed. `over`: it is shared no more."""

    lat: Latitude
    lon: Longitude
    accuracy_m: AccuracyM | None = None
    battery: Percent | None = None
    over: bool = False


class Welcome(Struct, frozen=True, array_like=True, tag=16):
    """`push_key`: what a device subscribes to push messages with; empty where this tier sends none. `position_s`: how
    often a `Position` is taken, in seconds; 0: never, so that none is said to who does not know it."""

    number: int
    server_ms: int
    heartbeat_s: int
    push_key: Annotated[bytes, Meta(max_length=65)] = b""
    position_s: int = 0


class Deliver(Struct, frozen=True, array_like=True, tag=17):
    """`sealed` is a `sealed.1` (trust/seals), byte for byte as it was issued: an order and who signed it."""

    sealed: Annotated[bytes, Meta(max_length=limits.SEALED_BYTES_MAX)]


class Counted(Struct, frozen=True, array_like=True, tag=18):
    """The answer is on disk (✓✓)."""

    order: Id
    answer: AnswerIndex


class Stored(Struct, frozen=True, array_like=True, tag=19):
    """The report is on disk."""

    order: Id
    report: Id


class Refused(Struct, frozen=True, array_like=True, tag=20):
    """A frame was understood and not taken; the connection stays."""

    code: str
    order: Id
    sentence: str
    report: Id | None = None  # which report, if it was one


class Enrolled(Struct, frozen=True, array_like=True, tag=21):
    """The device is known now. `roots` are the grants of the keys that orders are verified with."""

    device: bytes
    number: int
    ticket: bytes
    renew_after_s: int
    roots: Annotated[tuple[SignedGrant, ...], Meta(max_length=limits.ROOTS_MAX)]


class Ticketed(Struct, frozen=True, array_like=True, tag=22):
    ticket: bytes
    renew_after_s: int


class PartStored(Struct, frozen=True, array_like=True, tag=23):
    """That part of the picture is on disk."""

    order: Id
    report: Id
    part: int


class Subscribed(Struct, frozen=True, array_like=True, tag=24):
    """The subscription is on disk."""


class Silent(Struct, frozen=True, array_like=True, tag=25):
    """To who looks after others: these have not answered, and nobody for them. The newest list of an order stands;
    an empty one: nobody is left. `people`: number, name, phone and place of each, `count` of them in all."""

    order: Id
    status: Status
    text: str
    answers: tuple[str, ...]
    count: int
    people: Annotated[tuple[tuple[int, str, str, str], ...], Meta(max_length=bounds.SILENT_NAMED_MAX)]


_Reporting = SendReport | SendPicture | Noted | AnswerFor
FromTerminal = Hello | Received | Answer | Alive | Enrol | Renew | Distrust | Subscribe | Position | _Reporting
_Stored = Stored | PartStored | Subscribed
ToTerminal = Welcome | Deliver | Counted | Refused | Enrolled | Ticketed | Alive | Silent | _Stored


encode = msgspec.msgpack.Encoder().encode
_from_terminal: msgspec.msgpack.Decoder[FromTerminal] = msgspec.msgpack.Decoder(FromTerminal)
_to_terminal: msgspec.msgpack.Decoder[ToTerminal] = msgspec.msgpack.Decoder(ToTerminal)


def decode_from_terminal(data: bytes) -> FromTerminal:
    return _decode(_from_terminal, data)


def decode_to_terminal(data: bytes) -> ToTerminal:
    return _decode(_to_terminal, data)


def _decode(decoder: msgspec.msgpack.Decoder[T], data: bytes) -> T:
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:  # arrays in arrays in arrays …
        raise BadMessage(f"Not a frame of this protocol: {error}.", f"不是本协议的帧：{error}。") from None
