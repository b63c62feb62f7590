"""Calling people down, and watching who answers: orders, tallies, people, reports. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.cut import CutLine
from fusioncmd.api.escalation import StepLine
from fusioncmd.api.question import CodeOrNone as CodeOrNone
from fusioncmd.api.question import Question, Verbs
from fusioncmd.messages import AnswerIndex, Id, MsgType, Order, Report, Role, Selector, Severity, Status

# One bitmap each (tally.py says how they relate); `waiting` is silent or unreachable. `on_behalf`: of those who wait,
# somebody answered for them; `escalated`: of those who wait, the superior was given their names.
Standing = Literal[
    "targeted", "sent", "received", "answered", "reported", "silent", "unreachable", "waiting", "on_behalf", "escalated"
]


class Draft(Struct, frozen=True, kw_only=True):
    """An order before it is issued. `id` is made by who asks, so that asking again after a lost reply is safe.

    For `update` and `cancel`, `refs` names the open order; audience and status are taken from it. `issuer` and `node`
    (in whose name it is issued) are those of the key that will sign it.
    """

    id: Id
    msg_type: MsgType = "alert"
    status: Status = "actual"
    refs: Id | None = None
    issuer: str = ""
    node: str = ""
    text: str
    severity: Severity = "severe"
    answers: tuple[str, ...] = ()
    audience: Selector | None = None
    receive_within_s: int = 120
    answer_within_s: int = 600
    open_s: int = limits.ORDER_OPEN_S_DEFAULT
    ladder: str = ""  # how it escalates (ladder/steps.py); empty: as the node does by default


class Compose(Question["Composed"], frozen=True):
    """`compose`: the order that `draft` would be, for its commander to sign. Nothing is stored."""

    draft: Draft


class Composed(Struct, frozen=True):
    body: bytes  # `order.1`


class Issue(Question["Issued"], frozen=True):
    """`sealed` is a composed order, signed. `until_ms`, by the node's clock: who asked waits no longer, and must not
    find the order issued afterwards."""

    sealed: Annotated[bytes, Meta(max_length=limits.SEALED_BYTES_MAX)]
    until_ms: int | None = None


class Issued(Struct, frozen=True):
    order: Order
    targeted: int
    reachable: int


class Preview(Question["PreviewReply"], frozen=True):
    """`preview`: whom a new order to `audience` would mean. Nothing is stored."""

    audience: Selector
    status: Status = "actual"
    names: bool = False  # also who has no live channel at all


class PreviewRow(Struct, frozen=True):
    code: str
    name: str
    targeted: int
    reachable: int
    unreached: int  # no live terminal, no push subscription, no phone number


class PreviewReply(Struct, frozen=True):
    targeted: int
    reachable: int
    needs_second: bool  # one commander alone could not issue it
    unreached: int = 0
    below: tuple[PreviewRow, ...] = ()  # the places right below those that are meant, where somebody is
    expected: float | None = None  # the share that will answer: the median of recent orders; None: no history
    recent: int = 0  # how many those are
    people: tuple[Person, ...] = ()  # without a live channel, if asked for: at most UNREACHED_NAMED_MAX


class Tally(Question["TallyReply"], frozen=True):
    """`tally`: the counts of `node` (the whole tree where empty) and, one line each, of the places right below."""

    order: Id
    node: CodeOrNone = ""


class Row(Struct, frozen=True):
    code: str
    name: str
    targeted: int
    sent: int
    received: int
    answered: int
    by_answer: tuple[int, ...]  # sums to `answered`: one person, one answer
    reported: int
    silent: int
    unreachable: int
    on_behalf: int = 0  # of those without an answer of their own; counted there as well
    escalated: int = 0  # of those without any answer: the superior has their names


# `revoked`: a key behind it had ended when it was accepted; nobody new is shown it.
OrderState = Literal["open", "replaced", "cancelled", "expired", "revoked"]


class OrderLine(Struct, frozen=True):
    order: Order
    state: OrderState
    successor: Id | None  # the update or cancel that ended it
    targeted: int
    answered: int


class TallyReply(Struct, frozen=True):
    line: OrderLine
    now_ms: int
    total: Row
    below: tuple[Row, ...]
    outside: int  # receipts from people outside the audience: shown, never counted
    problems: tuple[str, ...] = ()  # why these figures may lag behind what people did, in English
    steps: tuple[StepLine, ...] = ()  # of the ladder, those that have begun and the next
    cut: tuple[CutLine, ...] = ()  # branches whose links carry nothing
    problems_zh: tuple[str, ...] = ()  # as `problems`


class Who(Question["People"], frozen=True):
    """`who`: people of one standing, by number; `after` is the last number of the page before, -1 at first."""

    order: Id
    standing: Standing
    node: CodeOrNone = ""
    answer: AnswerIndex | None = None
    after: int = -1
    limit: Annotated[int, Meta(ge=1, le=limits.WHO_PAGE_MAX)] = 1000


class Person(Struct, frozen=True):
    number: int
    id: str
    name: str
    phone: str
    place: str  # village code, or the town's
    place_name: str
    roles: tuple[str, ...]
    reachable: bool
    stage: str = ""  # the highest rung, or silent / unreachable where that is what matters
    answer: str = ""
    on_behalf: str = ""  # what somebody else answered for them, and who: never their own answer


class People(Struct, frozen=True):
    people: tuple[Person, ...]
    total: int
    after: int | None  # where the next page starts; None on the last


class Orders(Question["OrdersReply"], frozen=True):
    limit: Annotated[int, Meta(ge=1, le=limits.ORDERS_PAGE_MAX)] = 50
    open_only: bool = False


class OrdersReply(Struct, frozen=True):
    lines: tuple[OrderLine, ...]


class Reports(Question["ReportsReply"], frozen=True):
    order: Id
    node: CodeOrNone = ""
    limit: Annotated[int, Meta(ge=1, le=limits.REPORTS_PAGE_MAX)] = 200
    after: Id | None = None


class ReportLine(Struct, frozen=True):
    report: Report
    person: Person


class ReportsReply(Struct, frozen=True):
    lines: tuple[ReportLine, ...]
    total: int


class Picture(Question["PictureReply"], frozen=True):
    """The picture of a report."""

    order: Id
    report: Id


class PictureReply(Struct, frozen=True):
    """A JPEG as the terminal sent it: nobody looked into it but for its first three bytes."""

    data: bytes


class Find(Question["People"], frozen=True):
    """`find`: people by id, part of a name or of a phone number, within `node` and with `role` where given."""

    query: str = ""
    node: CodeOrNone = ""
    role: Role | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.WHO_PAGE_MAX)] = 100


VERBS: Verbs = {
    Compose: ("compose", Composed),
    Issue: ("issue", Issued),
    Preview: ("preview", PreviewReply),
    Tally: ("tally", TallyReply),
    Who: ("who", People),
    Orders: ("orders", OrdersReply),
    Reports: ("reports", ReportsReply),
    Picture: ("picture", PictureReply),
    Find: ("find", People),
}
