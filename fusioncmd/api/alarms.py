"""Questions about alarms: which there are, where each stands, the second look, what a playbook makes of one. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Standing
from fusioncmd.alarm.decided import Decided
from fusioncmd.alarm.playbook import FILE_BYTES_MAX, Name
from fusioncmd.api.calling import Draft
from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Id, Millis
from fusioncmd.places.place import Place

PAGE_MAX = 500
DRY_MAX = 2_000
CAMERAS_SHOWN = 4  # of one alarm


class Alarms(Question["AlarmsReply"], frozen=True):
    """`alarms`: those that concern `node`, what is below it or above it, the newest first. `order`: only those for
    which that was issued or prepared."""

    node: CodeOrNone = ""
    standing: Standing | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX)] = 100
    order: Id | None = None


class OneAlarm(Question["AlarmReply"], frozen=True):
    """`alarm`: one of them, with all that was decided, and the order that each playbook would make of it now."""

    alarm: Id


class LookAtAlarm(Question["AlarmReply"], frozen=True):
    """`look-at-alarm`: the duty officer's second look: it is confirmed, or dismissed. What waits for that goes on."""

    alarm: Id
    confirm: bool
    words: Annotated[str, Meta(max_length=256)] = ""


class AlarmStill(Question["AlarmStillReply"], frozen=True):
    """`alarm-still`: the picture on which it was seen, of an alarm that a camera raised."""

    alarm: Id


class DryPlaybooks(Question["DryReply"], frozen=True):
    """`dry-playbooks`: what playbooks would have done about the alarms since then; nothing is stored. `file`: of this
    TOML; empty: of the node's own."""

    file: Annotated[bytes, Meta(max_length=FILE_BYTES_MAX)] = b""
    since_ms: Millis = 0
    limit: Annotated[int, Meta(ge=1, le=DRY_MAX)] = 500


class AlarmLine(Struct, frozen=True):
    """`first_ms`: when it was said first; `times`: how often; `gravest`: its severity at its worst."""

    alarm: Alarm
    standing: Standing
    first_ms: int
    times: int
    gravest: str
    decided: tuple[Decided, ...] = ()


class Applies(Struct, frozen=True):
    """A playbook that applies, and the order that it makes; `problem`: why it makes none. `people`: how many are
    meant; `second_look`: it waits for one. `place`: of the registry, for which it applies; `cameras`: the nearest."""

    playbook: Name
    then: str
    second_look: bool
    draft: Draft | None = None
    people: int = 0
    problem_en: str = ""
    problem_zh: str = ""
    place: Place | None = None
    cameras: tuple[str, ...] = ()


class AlarmsReply(Struct, frozen=True):
    """`problem`: what is wrong with the file of playbooks, where the ones before go on."""

    lines: tuple[AlarmLine, ...]
    total: int
    playbooks: tuple[str, ...] = ()
    problem_en: str = ""
    problem_zh: str = ""


class AlarmReply(Struct, frozen=True):
    """`at`: the places of the registry at which it is; `cameras`: sources that show it, or the nearest."""

    line: AlarmLine
    applies: tuple[Applies, ...] = ()
    at: tuple[Place, ...] = ()
    cameras: tuple[str, ...] = ()


class AlarmStillReply(Struct, frozen=True):
    """WebP."""

    data: bytes


class DryLine(Struct, frozen=True):
    alarm: Alarm
    applies: Applies


class DryReply(Struct, frozen=True):
    """`looked_at`: how many alarms there were."""

    lines: tuple[DryLine, ...]
    looked_at: int


VERBS: Verbs = {
    Alarms: ("alarms", AlarmsReply),
    OneAlarm: ("alarm", AlarmReply),
    LookAtAlarm: ("look-at-alarm", AlarmReply),
    AlarmStill: ("alarm-still", AlarmStillReply),
    DryPlaybooks: ("dry-playbooks", DryReply),
}
