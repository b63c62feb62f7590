"""The one page of a department: subject by subject, what leaves to it and what enters from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fusioncmd.api.departments import ShareLine
from fusioncmd.departments import subjects
from fusioncmd.departments.department import ANY, Department

_AT_ONCE = "at once", "即时"
_CONFIRMED = "once confirmed", "核实后"


@dataclass(slots=True)
class Counted:
    """How often it passed since the node began, and how often it was not taken."""

    count: int = 0
    refused: int = 0


def shares(department: Department, counted: dict[str, Counted]) -> tuple[ShareLine, ...]:
    """`counted`: by subject."""

    def line(way: str, subject: str, en: str, zh: str) -> ShareLine:
        of = counted.get(subject, Counted())
        shown = _http(department, subject) if department.by != "nats" else subject
        return ShareLine(way, shown, en, zh, of.count, of.refused)  # type: ignore[arg-type]

    return tuple(line(*each) for each in _each(department))


def _each(department: Department) -> Iterator[tuple[str, str, str, str]]:
    if department.takes:
        en, zh = _events(department.takes)
        when_en, when_zh = _AT_ONCE if department.at_once else _CONFIRMED
        grave_en, grave_zh = ("", "")
        if department.severity != "unknown":
            grave_en, grave_zh = f", {department.severity} and graver", f"，{department.severity} 及以上"
        yield "leaves", subjects.TAKE_ALARM, f"alarms: {en}{grave_en}; {when_en}", f"预警：{zh}{grave_zh}；{when_zh}"
    if department.desk:
        yield "leaves", subjects.TAKE_ORDER, "orders that name its duty desk", "指定其值班室的指令"
    if department.by == "nats":
        yield "leaves", subjects.TAKE_HELLO, "whether it is there", "在线探询"
    if department.gives:
        en, zh = _events(department.gives)
        at = ", ".join(department.at)
        yield "enters", subjects.SAY_ALARM, f"alarms: {en}; at {at}", f"预警：{zh}；地点 {at}"
    if department.desk:
        yield "enters", subjects.SAY_ANSWER, "what its duty desk answers", "其值班室的答复"


def _events(events: Iterable[str]) -> tuple[str, str]:
    found = list(events)
    return ("all", "全部") if ANY in found else (", ".join(found), "、".join(found))


def _http(department: Department, subject: str) -> str:
    if subject.startswith("take."):
        return f"POST {department.url}" if department.url else f"GET /departments/{department.name}/feed.atom"
    return f"POST /departments/{department.name}/{subject.partition('.')[2]}"
