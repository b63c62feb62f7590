"""A draw from the first list to the last signature: one record, bound to the call-down that it is for. Pure.

Drawn, asked, accepted or declined, arrived, opinion given, signed off: each step names who, when and by whom it was
written down, and none is ever taken away. Who declines makes place for the next in the order that the seed gave.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct, structs

from fusioncmd import limits
from fusioncmd.errors import BadInput, BadMessage, Conflict
from fusioncmd.experts.draw import SEED_BYTES, Drawn, Hex32, Listed, Name, commitment, left
from fusioncmd.messages import Id, Millis

RECORD_BYTES_MAX = 1024 * 1024  # reject
STEPS_MAX = 512  # of one draw; reject
WORDS_CHARS_MAX = 2_048  # of an opinion; reject

What = Literal["accepted", "declined", "arrived", "opinion", "signed"]
WHATS: tuple[What, ...] = get_args(What)
# What may follow what, of one expert.
_NEXT: dict[str, tuple[What, ...]] = {
    "": ("accepted", "declined"), "accepted": ("arrived", "declined"), "arrived": ("opinion", "declined"),
    "opinion": ("opinion", "signed"), "signed": (), "declined": (),
}  # fmt: skip


class Step(Struct, frozen=True, array_like=True):
    expert: Name
    what: What
    at_ms: Millis
    by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    words: Annotated[str, Meta(max_length=WORDS_CHARS_MAX)] = ""


class Record(Struct, frozen=True, tag="draw.1", tag_field="kind"):
    """`commitment` stood in the audit before the draw was asked for; `seed` is published with it. `official`: who was
    drawn to carry it out; `asked_by`: who wanted it."""

    id: Id
    order: Id | None
    asked_by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    at_ms: Millis
    listed: Listed
    commitment: Hex32
    seed: Annotated[str, Meta(pattern=rf"\A[0-9a-f]{{{2 * SEED_BYTES}}}\Z")]
    steps: Annotated[tuple[Step, ...], Meta(max_length=STEPS_MAX)] = ()

    @property
    def declined(self) -> tuple[str, ...]:
        return tuple(step.expert for step in self.steps if step.what == "declined")

    @property
    def now(self) -> tuple[Drawn, tuple[str, str]]:
        """Who is drawn, after those who declined; and why not all needs can be met any more, or empty."""
        return left(self.listed, bytes.fromhex(self.seed), self.declined)

    def standing(self, expert: str) -> str:
        """The last step of an expert; empty: drawn, and has said nothing yet."""
        return next((step.what for step in reversed(self.steps) if step.expert == expert), "")


def stepped(record: Record, step: Step) -> Record:
    """With one step more. BadInput: the expert is not drawn; Conflict: it cannot follow what was."""
    if len(record.steps) >= STEPS_MAX:
        raise BadInput(f"A draw has {STEPS_MAX} steps at most.", f"一次抽取至多记录 {STEPS_MAX} 步。")
    before = record.standing(step.expert)
    if before != "declined" and not any(step.expert in names for names in record.now[0].experts.values()):
        raise BadInput(f"{step.expert} is not drawn.", f"{step.expert} 未被抽中。")
    if step.what not in _NEXT[before]:
        raise Conflict(
            f"{step.expert} cannot be {step.what} after {before or 'being drawn'}.",
            f"{step.expert} 当前状态不允许记录 {step.what}。",
        )
    if step.what == "opinion" and not step.words.strip():
        raise BadInput("An opinion has words.", "意见不能为空。")
    return structs.replace(record, steps=(*record.steps, step))


def check(record: Record) -> None:
    """That the seed is the one that was committed. BadInput."""
    if commitment(bytes.fromhex(record.seed)) != record.commitment:
        raise BadInput("The seed is not the one that was committed.", "种子与事先承诺不符。")


def published(record: Record) -> dict[str, dict[str, object]]:
    """What anybody replays it with (PROTOCOL.md, 15), without what experts said."""
    steps = [{"expert": step.expert, "what": step.what} for step in record.steps]
    made = {"listed": record.listed, "commitment": record.commitment, "seed": record.seed, "steps": steps}
    return {"record": made}


_decoder = msgspec.msgpack.Decoder(Record)


def encode(record: Record) -> bytes:
    """BadMessage beyond the bound."""
    data = msgspec.msgpack.encode(record)
    if len(data) > RECORD_BYTES_MAX:
        raise BadMessage("A draw with too much in it.", "抽取记录过大。")
    return data


def decode(data: bytes) -> Record:
    """BadMessage."""
    if len(data) <= RECORD_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a draw of experts.", "不是有效的抽取记录。")
