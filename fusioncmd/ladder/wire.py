"""What a node keeps of ladders, and what it and the channels say to each other: MessagePack, bounded. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.ladder import bounds
from fusioncmd.ladder.climb import Elapsed, Rung
from fusioncmd.messages import AnswerIndex, Id, Millis, Number, Status
from fusioncmd.tally import bitmap_from

StepIndex = Annotated[int, Meta(ge=0, lt=bounds.LADDER_STEPS_MAX)]
Bits = Annotated[bytes, Meta(max_length=limits.AUDIENCE_BYTES_MAX)]
Outcome = Literal["accepted", "delivered", "failed", "unsure"]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "delivered", "failed", "unsure")


class Running(Struct, frozen=True, tag="ladder-running.1", tag_field="kind"):
    """How long an order's ladder has run; last per order."""

    order: Id
    ladder: str
    boot: bytes
    origin_ms: int
    ran_ms: Millis

    @property
    def elapsed(self) -> Elapsed:
        return Elapsed(self.boot, self.origin_ms, self.ran_ms)


class Progress(Struct, frozen=True, tag="ladder-step.1", tag_field="kind"):
    """One step of one order; last per order and step. Bitmaps as in a roster."""

    order: Id
    step: StepIndex
    begun_ms: Millis  # in the ladder's time
    at_ms: Millis  # by the node's clock, to be shown
    chosen: Bits
    handed: Bits
    unaddressed: Bits
    outcomes: dict[Outcome, Bits] = {}

    @classmethod
    def of(cls, order: bytes, step: int, at_ms: int, rung: Rung) -> Progress:
        told: dict[Outcome, bytes] = {k: rung.outcomes[k].serialize() for k in OUTCOMES if rung.outcomes.get(k)}
        packed = (rung.chosen.serialize(), rung.handed.serialize(), rung.unaddressed.serialize())
        return cls(order, step, rung.begun_ms, at_ms, *packed, told)

    def rung(self) -> Rung:
        told: dict[str, BitMap] = {kind: bitmap_from(bits) for kind, bits in self.outcomes.items()}
        chosen, handed, unaddressed = map(bitmap_from, (self.chosen, self.handed, self.unaddressed))
        return Rung(self.begun_ms, chosen, handed, unaddressed, told)


class OnBehalf(Struct, frozen=True, tag="ladder-behalf.1", tag_field="kind"):
    """Somebody answered for a person, and says so; last per order and person. Never the person's own answer."""

    order: Id
    number: Number
    answer: AnswerIndex
    by: Annotated[str, Meta(min_length=1, max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    at_ms: Millis


class Told(Struct, frozen=True, tag="ladder-told.1", tag_field="kind"):
    """A superior is told of `people`, by the last of `tried`; last per order and superior. Before it is sent."""

    order: Id
    number: Number
    people: Bits
    tried: Annotated[tuple[str, ...], Meta(max_length=8)]
    at_ms: Millis
    fate: Outcome | Literal[""] = ""


class Target(Struct, frozen=True, array_like=True):
    """One person, and their address in that channel: a phone number, or a push subscription as JSON."""

    number: Number
    address: Annotated[str, Meta(max_length=bounds.ADDRESS_CHARS_MAX)]


class Notice(Struct, frozen=True, tag="notice.1", tag_field="kind"):
    """Work for a channel. Without targets it only asks how much room there is. `run` is the process that answered so:
    another one may not take it, because nobody knows what the first did. `work` makes asking again safe."""

    work: Id
    run: bytes
    order: Id
    step: StepIndex
    status: Status
    text: str
    answers: tuple[str, ...]
    left_s: int  # until the order ends
    targets: Annotated[tuple[Target, ...], Meta(max_length=bounds.NOTICE_PEOPLE_MAX)] = ()


class Taken(Struct, frozen=True, tag="taken.1", tag_field="kind"):
    run: bytes
    room: int  # how many more people it takes now
    took: bool


class Outcomes(Struct, frozen=True, tag="outcomes.1", tag_field="kind"):
    """What became of people that were handed over to `channel`; said again until the node confirms it. `gone`: these
    have no such address any more."""

    order: Id
    step: StepIndex
    outcome: Outcome
    numbers: Annotated[tuple[Number, ...], Meta(max_length=bounds.OUTCOMES_PEOPLE_MAX)]
    gone: bool = False
    channel: Annotated[str, Meta(max_length=16)] = ""


class Inbound(Struct, frozen=True, tag="inbound.1", tag_field="kind"):
    """What somebody wrote back from an address."""

    channel: Annotated[str, Meta(max_length=16)]
    address: Annotated[str, Meta(max_length=limits.PHONE_CHARS_MAX)]
    text: Annotated[str, Meta(max_length=limits.TEXT_CHARS_MAX)]


class Heard(Struct, frozen=True, tag="heard.1", tag_field="kind"):
    """The node has it on disk. `why` tells the channel's log what became of it."""

    counted: bool
    why: str = ""


class Subscription(Struct, frozen=True, tag="push.1", tag_field="kind"):
    """Where a device takes push messages (RFC 8030, RFC 8291): its endpoint, its P-256 key and its secret."""

    number: Number
    endpoint: Annotated[str, Meta(min_length=1, max_length=bounds.PUSH_ENDPOINT_CHARS_MAX)]
    key: Annotated[bytes, Meta(min_length=65, max_length=65)]
    auth: Annotated[bytes, Meta(min_length=16, max_length=16)]


Message = Running | Progress | OnBehalf | Told | Notice | Taken | Outcomes | Inbound | Heard | Subscription
M = TypeVar("M", bound=Message)
_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    return _encode(message)


def decode(kind: type[M], data: bytes) -> M:
    """The `kind` that `data` holds; `BadMessage` for anything else."""
    if len(data) > bounds.LADDER_BYTES_MAX:
        raise BadMessage(f"A ladder's message has {len(data)} bytes.", f"升级消息长 {len(data)} 字节。")
    try:
        message = _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"No message of a ladder: {error}.", f"不是升级消息：{error}。") from None
    if not isinstance(message, kind):
        raise BadMessage(f"Not a {kind.__name__}.", f"不是 {kind.__name__} 消息。")
    return message
