"""The wire vocabulary of the bus: every message that crosses NATS, typed, versioned and bounded. Pure.

MessagePack maps whose `kind` field names type and version (`order.1`). Unknown fields are ignored, missing ones and
unknown kinds are errors, and a size is checked before a byte is decoded. Nothing else spells a field name.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.ladder import bounds

Id = Annotated[bytes, Meta(min_length=16, max_length=16)]
Code = Annotated[str, Meta(pattern=r"\A([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\Z")]
Role = Annotated[str, Meta(min_length=1, max_length=limits.ROLE_CHARS_MAX)]
Number = Annotated[int, Meta(ge=0, lt=1 << 32)]  # a responder (roster/numbers.py)
Millis = Annotated[int, Meta(ge=0, le=1 << 48)]
Seconds = Annotated[int, Meta(ge=1, le=limits.DEADLINE_S_MAX)]
GatewayName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]
PartIndex = Annotated[int, Meta(ge=0, lt=limits.PICTURE_PARTS_MAX)]
PictureData = Annotated[bytes, Meta(min_length=1, max_length=limits.PICTURE_PART_BYTES_MAX)]
ReportText = Annotated[str, Meta(max_length=limits.REPORT_CHARS_MAX)]

# CAP 1.2: status (3.2.1), msgType and severity (3.2.2), in lower case.
Status = Literal["actual", "exercise"]
MsgType = Literal["alert", "update", "cancel"]
Severity = Literal["extreme", "severe", "moderate", "minor", "unknown"]

# The stage ladder of one person and order (DESIGN, idea IV); `targeted` is the rung before the first.
SENT, RECEIVED, ANSWERED, REPORTED = 1, 2, 3, 4
Stage = Annotated[int, Meta(ge=SENT, le=REPORTED)]
AnswerIndex = Annotated[int, Meta(ge=0, lt=limits.ANSWERS_MAX)]

SELECTOR_DESKS_MAX = 16
# The duty desk of a department: of which node, and its name (departments/department.py).
Desk = Annotated[str, Meta(pattern=r"\A([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\.[a-z][a-z0-9-]{0,23}\Z")]

SelectorNodes = Annotated[tuple[Code, ...], Meta(max_length=limits.SELECTOR_NODES_MAX)]
SelectorRoles = Annotated[tuple[Role, ...], Meta(max_length=limits.SELECTOR_ROLES_MAX)]


class Selector(Struct, frozen=True, omit_defaults=True):
    """Who is meant: anyone in any of `nodes`, with any of `roles` (none given: everyone), less the exclusions; and the
    duty desks of `desks`, wherever they are."""

    nodes: Annotated[SelectorNodes, Meta(min_length=1)]
    roles: SelectorRoles = ()
    not_nodes: SelectorNodes = ()
    not_roles: SelectorRoles = ()
    desks: Annotated[tuple[Desk, ...], Meta(max_length=SELECTOR_DESKS_MAX)] = ()


class Order(Struct, frozen=True, omit_defaults=True, tag="order.1", tag_field="kind"):
    """A call-down, immutable once issued. `receive_within_s` and `answer_within_s` are deadlines for people to meet
    and commanders to watch; `open_s` is how long it is delivered to those who connect late, and answers are taken.
    """

    id: Id
    msg_type: MsgType
    status: Status
    refs: Id | None  # update and cancel: the order that this one replaces or ends
    root: Id | None  # update and cancel: the alert at the beginning of the chain, all of which it replaces or ends
    node: Code  # the tier node that issued it
    issuer: Annotated[str, Meta(min_length=1, max_length=limits.ISSUER_CHARS_MAX)]
    issued_ms: Millis
    text: Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS_MAX)]
    severity: Severity
    answers: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=limits.ANSWER_CHARS_MAX)], ...],
        Meta(max_length=limits.ANSWERS_MAX),
    ]
    audience: Selector
    receive_within_s: Seconds
    answer_within_s: Seconds
    open_s: Annotated[int, Meta(ge=1, le=limits.ORDER_OPEN_S_MAX)]
    ladder: Annotated[str, Meta(max_length=bounds.LADDER_CHARS_MAX)] = ""  # ladder/steps.py; left out where empty

    @property
    def expires_ms(self) -> int:
        return self.issued_ms + self.open_s * 1000


class Audience(Struct, frozen=True, tag="audience.1", tag_field="kind"):
    """The numbers that an alert's selector meant when it was issued: a portable Roaring bitmap. Of what follows an
    alert there are none: it means whom the alert meant.

    `statement` is the node's, signed: that it accepted exactly this order for exactly these numbers (trust/witnesses).
    """

    order: Id
    numbers: bytes
    statement: Annotated[bytes, Meta(max_length=limits.STATEMENT_BYTES_MAX)]


class Mark(Struct, frozen=True, array_like=True):
    """One rung for many people: `answer` is set exactly when `stage` is ANSWERED."""

    order: Id
    stage: Stage
    answer: AnswerIndex | None
    numbers: bytes  # portable Roaring bitmap


class Receipts(Struct, frozen=True, tag="receipts.1", tag_field="kind"):
    """A batch of evidence from one gateway process. Folding it twice changes nothing."""

    gateway: GatewayName
    marks: tuple[Mark, ...]


class TownTable(Struct, frozen=True, tag="towns.1", tag_field="kind"):
    """Town numbers: the index of a code in `towns`. It only ever grows at its end."""

    edition: int
    towns: Annotated[tuple[Code, ...], Meta(max_length=limits.TOWNS_MAX)]


class RosterSlice(Struct, frozen=True, tag="slice.1", tag_field="kind"):
    """One town's people in columns; the index into each column is the slot. Slots are never reused.

    `villages` holds the last three digits of the village code, 0 for a person of the town itself. `role_masks` are
    bits into `role_names`. A person who left keeps the slot and the id, and is listed in `left`.
    """

    town: Code
    edition: int
    ids: list[str]
    names: list[str]
    phones: list[str]
    villages: list[int]
    role_names: list[str]
    role_masks: list[int]
    left: list[int]


class Report(Struct, frozen=True, tag="report.1", tag_field="kind"):
    """What one person says about an order, beyond the answer. Found again by `id`, so it may arrive twice."""

    id: Id
    order: Id
    number: Number
    at_ms: Millis
    text: ReportText
    lat: Latitude | None
    lon: Longitude | None
    parts: Annotated[int, Meta(ge=0, le=limits.PICTURE_PARTS_MAX)] = 0  # of its picture; 0: there is none


class PicturePart(Struct, frozen=True, tag="picture.1", tag_field="kind"):
    """Part `part` (from 0) of the JPEG that belongs to `report`; the parts, one behind the other, are the file."""

    report: Id
    order: Id
    number: Number
    part: PartIndex
    data: PictureData


class Presence(Struct, frozen=True, tag="presence.1", tag_field="kind"):
    """Who has a live channel through one gateway process, said again every second while it runs."""

    gateway: GatewayName
    channel: str
    numbers: bytes  # portable Roaring bitmap
    failing: bool = False  # receipts wait there, because the bus does not store them
    refused: int = 0  # orders on the bus that proved nothing, and were shown to nobody
    distrusted: int = 0  # people whose terminals did not believe an order that they were delivered


Message = Order | Audience | Receipts | TownTable | RosterSlice | Report | PicturePart | Presence
M = TypeVar("M", bound=Message)

_BYTES_MAX: dict[type, int] = {
    Order: limits.ORDER_BYTES_MAX,
    Audience: limits.AUDIENCE_BYTES_MAX,
    Receipts: limits.RECEIPTS_BYTES_MAX,
    TownTable: limits.TOWN_TABLE_BYTES_MAX,
    RosterSlice: limits.SLICE_BYTES_MAX,
    Report: limits.REPORT_BYTES_MAX,
    PicturePart: limits.PICTURE_MESSAGE_BYTES_MAX,
    Presence: limits.PRESENCE_BYTES_MAX,
}


class _NoKind(Struct, tag="", tag_field="kind"):
    """Makes each decoder one of a union: msgspec lets a lone struct go without its tag."""


_encoder = msgspec.msgpack.Encoder()
_decoders: dict[type, msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind | _NoKind) for kind in _BYTES_MAX
}


def encode(message: Message) -> bytes:
    """The bytes of `message`; `BadMessage` when they would exceed its bound."""
    data = _encoder.encode(message)
    _check_size(type(message), len(data))
    return data


def decode(kind: type[M], data: bytes) -> M:
    """The `kind` that `data` holds; `BadMessage` for anything else."""
    _check_size(kind, len(data))
    try:
        message = _decoders[kind].decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(
            f"Not a valid {kind.__name__}: {error}.", f"不是有效的 {kind.__name__} 消息：{error}。"
        ) from None
    if not isinstance(message, kind):
        raise BadMessage(f"Not a {kind.__name__}.", f"不是 {kind.__name__} 消息。")
    return message


def _check_size(kind: type, size: int) -> None:
    if size > _BYTES_MAX[kind]:
        bound = _BYTES_MAX[kind]
        raise BadMessage(
            f"A {kind.__name__} of {size} bytes exceeds the bound of {bound}.",
            f"{kind.__name__} 消息长 {size} 字节，超过上限 {bound} 字节。",
        )
