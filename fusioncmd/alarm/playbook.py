"""Playbooks: when such an alarm comes at such a place, whom to call, with which words; prepared, or issued. Pure.

A file of TOML that the operator writes beforehand. Each playbook says when it applies, what is called, and how far it
may go by itself: `prepare` has an order ready for a commander's one touch; `issue` issues it, under a key that a
commander granted for that and can revoke. With `second_look` nothing happens until the duty officer has confirmed the
alarm. Nothing here decides by chance or by the clock, so a playbook can be run over past alarms to see what it would
have done.
"""

from __future__ import annotations

import string
import tomllib
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.alarm.alarm import Alarm, Certainty, Event
from fusioncmd.codes import LENGTHS, Tier
from fusioncmd.errors import BadInput
from fusioncmd.experts.draw import NEEDS_MAX, Need
from fusioncmd.messages import Code, Role, Seconds, Severity

PLAYBOOKS_MAX = 256  # in one file; reject
FILE_BYTES_MAX = 256 * 1024  # reject
NAMED_MAX = 5  # places that an order's text names
EXPERTS_TEXT = "您被抽为专家，请答复能否到场。You are drawn as an expert; can you come?\n{where}：{headline}"
Name = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]
Level = Literal["village", "town", "county", "city", "province"]
Then = Literal["prepare", "issue"]

_SEVERITY = {"unknown": 0, "minor": 1, "moderate": 2, "severe": 3, "extreme": 4}
_CERTAINTY = {"unknown": 0, "unlikely": 1, "possible": 2, "likely": 3, "observed": 4}
_FIELDS = {"headline", "text", "event", "where", "place", "reading", "source"}


class When(Struct, frozen=True, forbid_unknown_fields=True):
    """All that is given has to hold; what is empty holds always. `severity` and `certainty`: at least so; `places`:
    kinds of the registry's places; `sources`: patterns with `*`; `at`: it concerns one of these places or below."""

    events: Annotated[tuple[Event, ...], Meta(max_length=32)] = ()
    severity: Severity = "unknown"
    certainty: Certainty = "unknown"
    places: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    sources: Annotated[tuple[str, ...], Meta(max_length=32)] = ()
    at: Annotated[tuple[Code, ...], Meta(max_length=64)] = ()


class Call(Struct, frozen=True, forbid_unknown_fields=True):
    """The order. `text` may name {headline}, {text}, {event}, {where} (the places), {place} (of the registry),
    {reading} and {source}. Each place that the alarm concerns is widened to `level`, where it lies lower; `neighbours`:
    those that border on it too; `also`: these whatever comes. `responsible`: who is responsible for the registry's
    place, beside those with `roles`. `severity`: as the alarm's, unless it is given."""

    text: Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS_MAX)]
    roles: Annotated[tuple[Role, ...], Meta(max_length=limits.SELECTOR_ROLES_MAX)] = ()
    answers: Annotated[tuple[str, ...], Meta(max_length=limits.ANSWERS_MAX)] = ()
    level: Level = "village"
    neighbours: bool = False
    also: Annotated[tuple[Code, ...], Meta(max_length=limits.SELECTOR_NODES_MAX)] = ()
    responsible: bool = False
    severity: Severity | None = None
    receive_within_s: Seconds = 120
    answer_within_s: Seconds = 600
    open_s: Annotated[int, Meta(ge=1, le=limits.ORDER_OPEN_S_MAX)] = limits.ORDER_OPEN_S_DEFAULT
    ladder: str = ""


class Playbook(Struct, frozen=True, forbid_unknown_fields=True):
    """`once_s`: after it was done for a place, not again there for so long; cameras and experts, not in that county.
    Once its order is issued, of the `cameras` nearest ones the first that is live is shown to everybody, and `experts`
    are drawn from within `experts_km`, with the place where the alarm is as a party, and called with `experts_text`,
    which may name what `text` may. `departments`: told by name."""

    name: Name
    call: Call
    when: When = When()
    then: Then = "prepare"
    second_look: bool = True
    once_s: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 600
    cameras: Annotated[int, Meta(ge=0, le=4)] = 0
    experts: Annotated[tuple[Need, ...], Meta(max_length=NEEDS_MAX)] = ()
    experts_km: Annotated[float, Meta(gt=0, le=5_000)] = 100.0
    experts_text: Annotated[str, Meta(min_length=1, max_length=limits.TEXT_CHARS_MAX)] = EXPERTS_TEXT
    departments: Annotated[tuple[Name, ...], Meta(max_length=16)] = ()

    @property
    def at_once(self) -> bool:
        """It calls people without a hand."""
        return self.then == "issue" and not self.second_look


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    playbook: Annotated[tuple[Playbook, ...], Meta(max_length=PLAYBOOKS_MAX)] = ()


def read(data: bytes) -> tuple[Playbook, ...]:
    """The playbooks of a file, in its order. BadInput with what is wrong and where."""
    if len(data) > FILE_BYTES_MAX:
        raise BadInput(f"Playbooks of {len(data)} bytes.", f"预案文件长 {len(data)} 字节，超出上限。")
    try:
        found = msgspec.convert(tomllib.loads(data.decode("utf-8")), _File).playbook
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"Not playbooks: {error}.", f"预案文件无效：{error}。") from None
    names = [playbook.name for playbook in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"There are two playbooks {twice}.", f"预案 {twice} 重复。")
    for playbook in found:
        for text in (playbook.call.text, playbook.experts_text):
            _check_text(playbook, text)
    return found


def _check_text(playbook: Playbook, text: str) -> None:
    try:
        named = {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}
    except ValueError as error:
        raise BadInput(
            f"The text of playbook {playbook.name}: {error}.", f"预案 {playbook.name} 的正文无效：{error}。"
        ) from None
    if named - _FIELDS:
        raise BadInput(
            f"The text of playbook {playbook.name} names {', '.join(sorted(named - _FIELDS))}, which there is not.",
            f"预案 {playbook.name} 的正文引用了不存在的字段 {'、'.join(sorted(named - _FIELDS))}。",
        )


def applies(playbook: Playbook, alarm: Alarm, kind_of_place: str) -> bool:
    """`kind_of_place`: of the place that the alarm names; empty where it names none."""
    when = playbook.when
    return (
        alarm.state != "over"
        and (not when.events or alarm.event in when.events)
        and _SEVERITY[alarm.severity] >= _SEVERITY[when.severity]
        and _CERTAINTY[alarm.certainty] >= _CERTAINTY[when.certainty]
        and (not when.places or kind_of_place in when.places)
        and (not when.sources or any(fnmatchcase(alarm.source, pattern) for pattern in when.sources))
        and (not when.at or any(node.startswith(place) for node in alarm.nodes for place in when.at))
    )


def audience(playbook: Playbook, alarm: Alarm, neighbours: Callable[[str], Iterable[str]]) -> tuple[str, ...]:
    """The places that are called."""
    length = LENGTHS[Tier[playbook.call.level.upper()] - 1]
    own = [node[:length] for node in alarm.nodes]
    beside = [code for node in own for code in neighbours(node)] if playbook.call.neighbours else []
    held = sorted({*own, *beside, *playbook.call.also})
    return tuple(code for code in held if not any(code != other and code.startswith(other) for other in held))


def words(text: str, alarm: Alarm, name_of: Callable[[str], str], place: str) -> str:
    """The text of an order. `name_of`: of an administrative place; `place`: the name of the registry's."""
    reading = next((each.what for each in alarm.evidence if each.kind == "reading"), "")
    where = "、".join(name_of(node) for node in alarm.nodes[:NAMED_MAX]) + "…" * (len(alarm.nodes) > NAMED_MAX)
    said = {
        "headline": alarm.headline, "text": alarm.text, "event": alarm.event, "where": where,
        "place": place or where, "reading": reading, "source": alarm.source,
    }  # fmt: skip
    return text.format(**said)[: limits.TEXT_CHARS_MAX]
