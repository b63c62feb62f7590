"""What passes between a department and this tier beside CAP itself: replies, answers, and what was counted. Pure.

JSON, so that a stranger writes a client in an afternoon (PROTOCOL.md).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage, Problem

ANSWER_BYTES_MAX = 4_096
REPLY_BYTES_MAX = 4_096
HERE_BYTES_MAX = 256 * 1024


class Sentence(Struct, frozen=True):
    en: str = ""
    zh: str = ""


class SaidReply(Struct, frozen=True, omit_defaults=True):
    """To what a department says. `taken`: so many alarms, or one answer; or why it was refused."""

    taken: int = 0
    refused: Sentence | None = None


class DeskAnswer(Struct, frozen=True):
    """What a duty desk says of an order: that it has it, or which answer it gives: its index, or its words."""

    order: Annotated[str, Meta(min_length=26, max_length=26)]
    answer: Annotated[int, Meta(ge=0, lt=64)] | Annotated[str, Meta(max_length=64)] | None = None


class TakeReply(Struct, frozen=True):
    """Of a department to what it was told. Neither: it has it. `refused`: it will never; `later`: not now."""

    refused: str = ""
    later: str = ""

    @property
    def fate(self) -> Literal["taken", "refused", "later"]:
        return "refused" if self.refused else "later" if self.later else "taken"


class Here(Struct, frozen=True):
    """What the gateway of alarms took of each department since it began, and refused."""

    taken: dict[str, int] = {}
    refused: dict[str, int] = {}


def said(taken: int) -> bytes:
    return msgspec.json.encode(SaidReply(taken))


def refused(problem: Problem) -> bytes:
    return msgspec.json.encode(SaidReply(0, Sentence(problem.en, problem.zh)))


def answer(data: bytes) -> DeskAnswer:
    """BadMessage."""
    if len(data) > ANSWER_BYTES_MAX:
        raise BadMessage(f"An answer of {len(data)} bytes.", f"答复长 {len(data)} 字节，超出上限。")
    try:
        return msgspec.json.decode(data, type=DeskAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not an answer: {error}.", f"不是有效的答复：{error}。") from None


def take_reply(data: bytes) -> TakeReply:
    """Whatever else it replies, it has taken it."""
    try:
        return msgspec.json.decode(data[:REPLY_BYTES_MAX], type=TakeReply)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return TakeReply()


def here(data: bytes) -> Here:
    """BadMessage."""
    if len(data) <= HERE_BYTES_MAX:
        try:
            return msgspec.json.decode(data, type=Here)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not what a gateway counted of departments.", "不是部门计数消息。")
