"""Questions about experts: who they are, drawing some, and what became of each. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.experts import record
from fusioncmd.experts.draw import NEEDS_MAX, Name, Need
from fusioncmd.experts.expert import Expert, State, Where
from fusioncmd.messages import Id

PUT_MAX = 500  # in one question
PAGE_MAX = 500
Km = Annotated[float, Meta(gt=0, le=5_000)]


class PutExperts(Question["PutExpertsReply"], frozen=True):
    """`put-experts`: each is added, or takes the place of who has its id."""

    experts: Annotated[tuple[Expert, ...], Meta(min_length=1, max_length=PUT_MAX)]


class Experts(Question["ExpertsReply"], frozen=True):
    """`experts`: of `node` and below, with `text` in id, name or organisation; with `at`, those within `within_km`, the
    nearest first. `after`: the last id of the page before, without `at`."""

    node: CodeOrNone = ""
    text: str = ""
    field: str = ""
    state: State | None = None
    at: Where | None = None
    within_km: Km = 100.0
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100


class SetExpert(Question["ExpertsReply"], frozen=True):
    """`set-expert`: available, on leave, or on task."""

    id: Name
    state: State


class DrawExperts(Question["DrawReply"], frozen=True):
    """`draw-experts`: `id` is made by who asks, so that asking again draws once. `at`: where they are needed; without
    it, of `node` and below. `parties`: whoever has to do with one of these is not drawn. `officials`: of whom one is
    drawn to carry it out; none: the commanders and duty officers of the place."""

    id: Id
    needs: Annotated[tuple[Need, ...], Meta(min_length=1, max_length=NEEDS_MAX)]
    node: CodeOrNone = ""
    at: Where | None = None
    within_km: Km = 100.0
    parties: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    officials: Annotated[tuple[Name, ...], Meta(max_length=200)] = ()
    order: Id | None = None


class Draws(Question["DrawsReply"], frozen=True):
    """`draws`: the newest first. `order`: only those that are for it."""

    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 50
    order: Id | None = None


class OneDraw(Question["DrawReply"], frozen=True):
    """`draw`: with all that is needed to replay it."""

    id: Id


class NoteDraw(Question["DrawReply"], frozen=True):
    """`note-draw`: an expert accepted, declined, arrived, gave an opinion, or signed off. Whoever declines is followed
    by the next in order."""

    id: Id
    expert: Name
    what: record.What
    words: Annotated[str, Meta(max_length=record.WORDS_CHARS_MAX)] = ""


class PutExpertsReply(Struct, frozen=True):
    added: int
    changed: int


class ExpertLine(Struct, frozen=True):
    expert: Expert
    away_m: float | None = None


class ExpertsReply(Struct, frozen=True):
    lines: tuple[ExpertLine, ...]
    total: int
    next: str | None = None


class DrawnLine(Struct, frozen=True):
    field: str
    expert: Expert | None  # None: not in the registry any more
    id: str
    standing: str


class DrawReply(Struct, frozen=True):
    """`short`: why not all needs can be met any more."""

    record: record.Record
    official: str
    lines: tuple[DrawnLine, ...]
    short_en: str = ""
    short_zh: str = ""


class DrawsReply(Struct, frozen=True):
    lines: tuple[DrawReply, ...]
    total: int


VERBS: Verbs = {
    PutExperts: ("put-experts", PutExpertsReply),
    Experts: ("experts", ExpertsReply),
    SetExpert: ("set-expert", ExpertsReply),
    DrawExperts: ("draw-experts", DrawReply),
    Draws: ("draws", DrawsReply),
    OneDraw: ("draw", DrawReply),
    NoteDraw: ("note-draw", DrawReply),
}
