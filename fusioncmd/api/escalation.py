"""How an order climbs its ladder, and answers on behalf of others. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.ladder import bounds
from fusioncmd.messages import AnswerIndex, Id, Number, Status

TicketBytes = Annotated[bytes, Meta(max_length=limits.TICKET_BYTES_MAX)]


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


class ToldLine(Struct, frozen=True):
    """One superior, and whether the list of those silent below has come to them. `fate`: as of a channel."""

    name: str
    place: str
    people: int  # at the time
    channel: str  # terminal, push, sms; empty: none is left
    fate: str


class LadderReply(Struct, frozen=True):
    ladder: str  # as it is written; empty: the order has none
    runs_s: int
    over: bool  # the order has ended: nothing is sent any more
    steps: tuple[StepLine, ...]
    problems: tuple[str, ...] = ()
    told: tuple[ToldLine, ...] = ()  # of the place that was asked about
    problems_zh: tuple[str, ...] = ()  # as `problems`


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


class Below(Question["BelowReply"], frozen=True):
    """`below`: a gateway asks for those connected who look after others, whom of these the ladder has named to them.
    A ticket of now for each: whoever can make it has the tier's ticket key. `noted`: number and order of lists that a
    terminal says it has."""

    tickets: Annotated[tuple[TicketBytes, ...], Meta(max_length=bounds.SUPERIORS_ASKED_MAX)]
    noted: Annotated[tuple[tuple[Number, Id], ...], Meta(max_length=bounds.SUPERIORS_ASKED_MAX)] = ()


class SilentPerson(Struct, frozen=True, array_like=True):
    number: int
    name: str
    phone: str
    place: str


class SilentList(Struct, frozen=True):
    """Who has not answered, and nobody for them: `people` by name, of `count`. `holder` looks after them."""

    holder: int
    order: bytes
    status: Status
    text: str
    answers: tuple[str, ...]
    count: int
    people: tuple[SilentPerson, ...]


class BelowReply(Struct, frozen=True):
    lists: tuple[SilentList, ...]


class AnswerBelow(Question["AnsweredFor"], frozen=True):
    """`answer-below`: as `AnswerFor`, by somebody at a terminal to whom the ladder has named that person."""

    ticket: TicketBytes
    order: Id
    number: Number
    answer: AnswerIndex


VERBS: Verbs = {
    Ladder: ("ladder", LadderReply),
    AnswerFor: ("answer-for", AnsweredFor),
    Below: ("below", BelowReply),
    AnswerBelow: ("answer-below", AnsweredFor),
}
OF_GATEWAYS = (Below, AnswerBelow)  # they prove themselves by tickets
