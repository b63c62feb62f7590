"""Alarms and experts as they cross HTTP: the forms that a browser fills in, and alarms where its map has them. Pure."""

from __future__ import annotations

from hashlib import blake2b
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd import ids
from fusioncmd.api.alarms import DRY_MAX, AlarmLine, AlarmsReply
from fusioncmd.api.experts import DrawExperts, Km
from fusioncmd.api.question import CodeOrNone
from fusioncmd.experts import record
from fusioncmd.experts.draw import NEEDS_MAX, Name, Need
from fusioncmd.experts.expert import State, Where
from fusioncmd.track.datum import to_gcj02
from gateways.console.shapes import IdText, encoded

Datum = Literal["wgs84", "gcj02"]


class LookForm(Struct, frozen=True):
    """`api.alarms.LookAtAlarm`."""

    confirm: bool
    words: Annotated[str, Meta(max_length=256)] = ""


class DryForm(Struct, frozen=True):
    """`api.alarms.DryPlaybooks`; `file` is TOML, as much of it as a body holds."""

    file: str = ""
    since_ms: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=DRY_MAX)] = 200


class StateForm(Struct, frozen=True):
    state: State


class DrawForm(Struct, frozen=True):
    """`api.experts.DrawExperts`; its ids are text."""

    id: IdText
    needs: Annotated[tuple[Need, ...], Meta(min_length=1, max_length=NEEDS_MAX)]
    node: CodeOrNone = ""
    at: Where | None = None
    within_km: Km = 100.0
    parties: Annotated[tuple[str, ...], Meta(max_length=64)] = ()
    order: IdText | None = None

    @property
    def asked(self) -> DrawExperts:
        order = None if self.order is None else ids.from_text(self.order)
        return DrawExperts(
            ids.from_text(self.id), self.needs, self.node, self.at, self.within_km, self.parties, order=order
        )


class NoteForm(Struct, frozen=True):
    """`api.experts.NoteDraw`."""

    expert: Name
    what: record.What
    words: Annotated[str, Meta(max_length=record.WORDS_CHARS_MAX)] = ""


class ShownAlarms(Struct, frozen=True):
    """`api.alarms.AlarmsReply`, of `now_ms`. `ident` names what it says: `lines` and `shown` are None for whoever has
    heard it. `shown`: where a map of the asked datum has each; None of one whose point is not known."""

    now_ms: int
    ident: str
    lines: tuple[AlarmLine, ...] | None
    shown: tuple[tuple[float, float] | None, ...] | None
    total: int
    playbooks: tuple[str, ...]
    problem_en: str
    problem_zh: str


def alarms_shown(found: AlarmsReply, datum: Datum, now_ms: int, heard: str) -> ShownAlarms:
    ident = blake2b(encoded(found), digest_size=8).hexdigest()
    told = found.playbooks, found.problem_en, found.problem_zh
    if ident == heard:
        return ShownAlarms(now_ms, ident, None, None, found.total, *told)
    shown = tuple(
        None if line.alarm.where is None else to_gcj02(*line.alarm.where) if datum == "gcj02" else line.alarm.where
        for line in found.lines
    )
    return ShownAlarms(now_ms, ident, found.lines, shown, found.total, *told)
