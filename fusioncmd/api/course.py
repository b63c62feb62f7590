"""How an order went: its course, against those of past orders, and how fast each place was. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Id

PAST_MAX = 16  # reject


class Course(Question["CourseReply"], frozen=True):
    """`course`: how many of `node` had received and answered after how long. It is kept of the node's own place and of
    those right below it; of any other there are no points. `past`: so many earlier orders of the same mode as well."""

    order: Id
    node: CodeOrNone = ""
    past: Annotated[int, Meta(ge=0, le=PAST_MAX)] = 0


class Point(Struct, frozen=True, array_like=True):
    """People, and milliseconds since the order was issued."""

    after_ms: int
    received: int
    answered: int


class Share(Struct, frozen=True, array_like=True):
    """The same as shares of those who are meant, 0 to 1."""

    after_ms: int
    received: float
    answered: float


class Quantile(Struct, frozen=True):
    """After how long so many percent of those who are meant had received, had answered; None: not yet."""

    percent: int
    received_ms: int | None
    answered_ms: int | None


class CourseRow(Struct, frozen=True):
    code: str
    name: str
    targeted: int
    answered: int
    quantiles: tuple[Quantile, ...]


class PastCourse(Struct, frozen=True):
    order: Id
    issued_ms: int
    targeted: int
    points: tuple[Point, ...]


class CourseReply(Struct, frozen=True):
    """`rows`: the place that was asked about, then those right below it, the slowest first. `median`: of `past`."""

    targeted: int
    points: tuple[Point, ...]
    rows: tuple[CourseRow, ...]
    past: tuple[PastCourse, ...] = ()
    median: tuple[Share, ...] = ()


VERBS: Verbs = {Course: ("course", CourseReply)}
