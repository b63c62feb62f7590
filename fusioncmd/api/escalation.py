"""How an order climbs its ladder, and answers on behalf of others. Pure."""

from __future__ import annotations

from msgspec import Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import AnswerIndex, Id, Number


class StepLine(Struct, frozen=True):
    """One step of a ladder, in counts of the place that was asked about."""

    channel: str
    wait_s: int  # after the step before was begun
    unless: str  # received, answered
    begun_ms: int | None  # by the node's clock; None: not yet
    due_in_s: int | None  # of the next step
    chosen: int = 0  # whom it meant when it began
    handed: int = 0  # to the channel, of those with an address; each once
    without: int = 0  # chosen, and has no such address
    accepted: int = 0  # by whoever carries it
    delivered: int = 0  # to the device: evidence of the channel, not of the person
    failed: int = 0
    unsure: int = 0  # handed over, and nothing is known of it
    waiting: int = 0  # not handed over yet


class Ladder(Question["LadderReply"], frozen=True):
    """`ladder`: the steps of an order, those to come as well."""

    order: Id
    node: CodeOrNone = ""


class LadderReply(Struct, frozen=True):
    ladder: str  # as it is written; empty: the order has none
    runs_s: int
    over: bool  # the order has ended: nothing is sent any more
    steps: tuple[StepLine, ...]
    problems: tuple[str, ...] = ()


class AnswerFor(Question["AnsweredFor"], frozen=True):
    """`answer-for`: what `number` would say, in the name of who asks. Shown as such, and never counted as the person's
    own; the ladder lets them be. Asked again it replaces what was said on their behalf before."""

    order: Id
    number: Number
    answer: AnswerIndex


class AnsweredFor(Struct, frozen=True):
    by: str
    name: str
    answer: str


VERBS: Verbs = {Ladder: ("ladder", LadderReply), AnswerFor: ("answer-for", AnsweredFor)}
