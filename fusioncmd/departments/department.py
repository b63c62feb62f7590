"""A department: another agency that shares alarms and orders with this tier, as far as is listed and no further. Pure.

What leaves: alarms of the events that it takes, from a severity on, once they are confirmed (or at once); and orders
that name its duty desk. What enters: alarms of the events that it gives, at its places; and its desk's answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.alarm.alarm import Alarm, Event
from fusioncmd.bus.users import PublicKey
from fusioncmd.errors import BadInput
from fusioncmd.messages import Code, Desk, Severity

DEPARTMENTS_MAX = 64  # of one tier; reject
FILE_BYTES_MAX = 64 * 1024
EVENTS_MAX, WORDS_MAX, PLACES_MAX = 64, 16, 64
ANY = "*"
ROLE = "dept-"  # before a department's name: the role of its duty desk

Name = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,23}\Z")]
Title = Annotated[str, Meta(min_length=1, max_length=32)]
Words = Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(max_length=WORDS_MAX)]
TownOrNone = Annotated[str, Meta(pattern=r"\A(|[0-9]{9}|[0-9]{12})\Z")]
By = Literal["nats", "http", "feed"]

_SEVERITY = {"unknown": 0, "minor": 1, "moderate": 2, "severe": 3, "extreme": 4}


class Department(Struct, frozen=True, tag="department.1", tag_field="kind", forbid_unknown_fields=True):
    """`public`: its key on the bus; `url`: where it takes CAP by HTTP instead; `feed`: it fetches: one of these.
    `takes`: events, `*` for all. `gives`: by event, the words (of CAP's event or event codes) that mean it. `at`: the
    places that it may speak for, and below. `desk`: the town or village of its duty desk; empty: it has none."""

    name: Name
    title: Title
    node: Code
    public: PublicKey | None = None
    url: Annotated[str, Meta(max_length=1024)] = ""
    feed: bool = False
    takes: Annotated[tuple[str, ...], Meta(max_length=EVENTS_MAX)] = ()
    severity: Severity = "unknown"
    at_once: bool = False
    gives: Annotated[dict[str, Words], Meta(max_length=EVENTS_MAX)] = {}
    at: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=PLACES_MAX)] = ()
    desk: TownOrNone = ""

    @property
    def by(self) -> By:
        return "feed" if self.feed else "http" if self.url else "nats"

    @property
    def role(self) -> str:
        return ROLE + self.name

    @property
    def person(self) -> str:
        """The id of its duty desk in the roster."""
        return person_of(desk_of(self.node, self.name))

    @property
    def source(self) -> str:
        """As which its alarms stand here."""
        return f"department.{self.name}"


def desk_of(node: str, name: str) -> Desk:
    """As an order's audience names a duty desk: the node whose department it is, and which."""
    return f"{node}.{name}"


def person_of(desk: Desk) -> str:
    node, _, name = desk.partition(".")
    return f"{ROLE}{node}-{name}"


def department_roles(names: Iterable[str], node: str) -> tuple[Desk, ...]:
    """The duty desks of these departments of the node, for an order's audience."""
    return tuple(dict.fromkeys(desk_of(node, name) for name in names))


def concerns(department: Department, alarm: Alarm) -> bool:
    """Whether such an alarm is for it to know; never one that it said itself."""
    return (
        alarm.source != department.source
        and (ANY in department.takes or alarm.event in department.takes)
        and _SEVERITY[alarm.severity] >= _SEVERITY[department.severity]
    )


def check(department: Department) -> Department:
    """BadInput where it cannot be so."""
    if (department.public is not None) + bool(department.url) + department.feed != 1:
        raise BadInput(
            "A department has a key of the bus, a URL or a feed: one of these.",
            "部门须为总线密钥、URL、订阅源三者之一。",
        )
    if department.feed and department.desk:
        raise BadInput("Who only fetches has no duty desk that answers.", "仅订阅的部门不能设值班室。")
    for event in (*department.takes, *department.gives):
        if event != ANY and not _is_event(event):
            raise BadInput(
                f"{event[:40]!r} is no event; it is like rainstorm, or * for all.",
                f"“{event[:40]}”不是事件名；格式如 rainstorm，* 表示全部。",
            )
    if any(not place.startswith(department.node) for place in department.at):
        raise BadInput("It speaks for places of this node only.", "部门只能涉及本节点管辖的地点。")
    if department.desk and (len(department.desk) < 9 or not department.desk.startswith(department.node)):
        raise BadInput(
            "Its duty desk is in a town or village of this node.", "值班室须位于本节点管辖的乡镇（街道）或村（社区）。"
        )
    return department


def decode(data: bytes) -> Department:
    """BadInput."""
    try:
        return check(msgspec.json.decode(data, type=Department))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadInput(f"Not a department: {error}.", f"不是有效的部门文件：{error}。") from None


def _is_event(text: str) -> bool:
    try:
        msgspec.convert(text, Event)
    except msgspec.ValidationError:
        return False
    return True
