"""Departments: what each is told of an alarm and when, what it may say, and what its files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from fusioncmd.alarm import cap_write, cap_xml
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Known
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.alarm.decided import Decided, What
from fusioncmd.cli.departments import _checked
from fusioncmd.departments import department as departments
from fusioncmd.departments import folder, telling, wire
from fusioncmd.departments.department import Department
from fusioncmd.errors import BadInput, BadMessage, Forbidden, NotFound, Problem, Unavailable
from gateways.alarm import feeds
from gateways.alarm.department_alarms import SAID_AT_ONCE, SAID_PER_S, DepartmentAlarms
from gateways.alarm.department_feed import KEPT_MAX, DepartmentFeed
from tests.alerts import alert
from tests.test_alarm_rules import of
from tests.worlds import NOW_MS, make_id

PUBLIC = "U" + "A" * 55
WEATHER = Department(
    "weather", "气象局", "44", PUBLIC, takes=("smoke",), severity="moderate", gives={"rainstorm": ("暴雨",)},
    at=("440106",), desk="440106001",
)  # fmt: skip


def known(alarm: Alarm | None = None, *decided: Decided) -> Known:
    alarm = alarm or of()
    return Known(alarm, alarm.said_ms, 1, alarm.severity, list(decided))


def looked(what: What, at_ms: int) -> Decided:
    return Decided(bytes(16), "440106001", what, "chen", at_ms)


def due(of_it: Known, department: Department = WEATHER) -> telling.Due | None:
    return telling.due(of_it, department, "44", lambda code: code)


def tell(of_it: Known, department: Department = WEATHER) -> CapAlert:
    """As the node keeps what it has."""
    found = due(of_it, department)
    assert found is not None
    by = f"department:{department.name}"
    of_it.decided.append(Decided(bytes(16), "440106001", "told", by, found.told.sent_ms, told=found.told))
    assert due(of_it, department) is None  # it has that
    return found.alert


def test_it_is_told_once_confirmed_then_what_changed_and_that_it_is_over() -> None:
    one = known()
    assert due(one) is None
    one.decided.append(looked("confirmed", 2_000))
    first = tell(one)
    assert (first.msg_type, first.sent_ms) == ("Alert", 2_000)
    one.alarm = structs.replace(one.alarm, headline="Smoke 2", said_ms=3_000)
    assert due(one) is None  # another reading of the same
    one.alarm = structs.replace(one.alarm, severity="extreme", said_ms=4_000)
    second = tell(one)
    assert second.msg_type == "Update" and [each.identifier for each in second.references] == [first.identifier]
    one.decided.append(looked("dismissed", 4_000))
    third = tell(one)
    assert third.msg_type == "Cancel" and len(third.references) == 2
    assert len({each.identifier for each in (first, second, third)}) == 3
    one.decided.append(looked("confirmed", 9_000))
    assert tell(one).msg_type == "Update"


@pytest.mark.parametrize(
    ("alarm", "changes"),
    [
        (of(severity="minor"), {}), (of(event="gas"), {}), (of(source="department.weather"), {"takes": ("*",)}),
        (of(state="over"), {}), (of(), {"takes": ()}),
    ],
)  # fmt: skip
def test_what_does_not_concern_it_is_not_told(alarm: Alarm, changes: dict[str, Any]) -> None:
    assert due(known(alarm, looked("confirmed", 2_000)), structs.replace(WEATHER, **changes)) is None


def test_at_once_does_not_wait_and_what_was_dismissed_before_is_never_told() -> None:
    assert due(known(), structs.replace(WEATHER, at_once=True)) is not None
    assert due(known(None, looked("dismissed", 2)), structs.replace(WEATHER, at_once=True)) is None


def alarms_of() -> DepartmentAlarms:
    return DepartmentAlarms(
        lambda info: ("440106001",), lambda now_ms: make_id(1, now_ms), lambda lat, lon: "", "44", "44@fusioncmd"
    )


def now_ms(data: bytes) -> int:
    return cap_xml.read(data).sent_ms


def test_no_department_ends_what_another_said_nor_says_what_it_may_not() -> None:
    said, fire = alarms_of(), structs.replace(WEATHER, name="fire")
    first = alert("A1")
    at_ms = now_ms(first)
    (made,) = said.alarms(WEATHER, first, at_ms, 0.0)
    assert (made.source, made.event) == ("department.weather", "rainstorm")
    cancel = alert("A2", kind="Cancel", refs="<references>cma@gd.cn,A1,2026-01-01T00:00:00-00:00</references>")
    with pytest.raises(NotFound):
        said.alarms(fire, cancel, at_ms, 0.0)
    assert said.alarms(WEATHER, cancel, at_ms, 0.0)[0].state == "over"
    for data, refused in (
        (first.replace(b"cma@gd.cn", b"44@fusioncmd"), BadMessage), (first.replace("暴雨".encode(), b"x"), Forbidden),
        (b'{"about": "a", "headline": "b", "event": "rainstorm", "at": "440103"}', Forbidden), (b"{", BadMessage),
        (b"<!DOCTYPE a><alert/>", BadMessage), (b"\0", BadMessage),
    ):  # fmt: skip
        with pytest.raises(refused):
            said.alarms(WEATHER, data, at_ms, 0.0)


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: f'{{"about": "{text}", "at": "44"}}'.encode()))
def test_whatever_else_it_says_is_refused_in_a_sentence(data: bytes) -> None:
    with pytest.raises(Problem) as refused:
        alarms_of().alarms(WEATHER, data, NOW_MS, 0.0)
    assert refused.value.en.endswith(".") and refused.value.zh


def test_of_an_area_that_goes_beyond_its_places_those_count() -> None:
    def wide(info: object) -> tuple[str, ...]:
        return "440103", "440106001", "440106002"

    said = DepartmentAlarms(wide, lambda now_ms: make_id(1, now_ms), lambda lat, lon: "", "44", "44@fusioncmd")
    data = alert("W1")
    assert said.alarms(WEATHER, data, now_ms(data), 0.0)[0].nodes == ("440106001", "440106002")
    towns = structs.replace(WEATHER, at=("440106002", "440103001"))
    assert said.alarms(towns, alert("W2"), now_ms(data), 0.0)[0].nodes == ("440103001", "440106002")
    with pytest.raises(Forbidden, match="lies beyond"):
        said.alarms(structs.replace(WEATHER, at=("4402",)), alert("W3"), now_ms(data), 0.0)


def test_who_says_too_much_waits() -> None:
    said, data = alarms_of(), b'{"about": "a", "headline": "b", "event": "rainstorm"}'
    taken = 0
    with pytest.raises(Unavailable, match="weather says more than"):
        for _ in range(1_000):
            said.alarms(WEATHER, data, NOW_MS, 1.0)
            taken += 1
    assert taken == SAID_AT_ONCE
    assert said.alarms(WEATHER, data, NOW_MS, 1.0 + 2 / SAID_PER_S)
    assert said.alarms(structs.replace(WEATHER, name="fire"), data, NOW_MS, 1.0)  # who does not, does not


@pytest.mark.parametrize(
    "changes",
    [
        {"public": None}, {"url": "https://x.cn/"}, {"feed": True}, {"public": None, "feed": True},
        {"takes": ("Smoke",)}, {"gives": {"a b": ()}}, {"at": ("45",)},
        {"desk": "440106"}, {"desk": "450106001"},
    ],
)  # fmt: skip
def test_what_no_department_can_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        departments.check(structs.replace(WEATHER, **changes))


def test_a_file_that_is_none_leaves_those_before_and_says_why(tmp_path: Path) -> None:
    held = folder.DepartmentFolder(tmp_path)
    assert held.current() == ()
    folder.make_secret(tmp_path, "weather", False)
    folder.put(tmp_path, WEATHER)
    assert held.current() == (WEATHER,)
    none = structs.replace(WEATHER, desk="")
    assert departments.decode(msgspec.json.encode(none)) == none
    (folder.folder_of(tmp_path) / "fire.json").write_text("{}")
    assert held.current() == (WEATHER,) and held.problem is not None and "fire.json" in held.problem[0]
    folder.remove(tmp_path, "weather")
    assert not list(folder.folder_of(tmp_path).glob("weather*"))
    for strange in ("weather", "../weather", "x" * 99):
        with pytest.raises(NotFound):
            folder.remove(tmp_path, strange)


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"\xff", b'{"order": 1}', b"x" * 5_000])
def test_what_is_no_answer_is_refused_in_a_sentence_and_any_reply_is_one(data: bytes) -> None:
    with pytest.raises(BadMessage):
        wire.answer(data)
    assert wire.take_reply(data).fate == "taken"


def test_a_feed_lists_the_newest_and_is_read_as_any_feed_of_alerts(tmp_path: Path) -> None:
    feed, made = DepartmentFeed(tmp_path), []
    for number in range(KEPT_MAX + 3):
        one = known(of(id=make_id(number)), looked("confirmed", NOW_MS + number))
        made.append(tell(one))
        feed.put("fire", cap_write.written(made[-1]))
    feed.put("fire", cap_write.written(made[-1]))
    found = feeds.read(feed.atom("fire", "消防"), "http://127.0.0.1/departments/fire/feed.atom")
    assert len(found.entries) == KEPT_MAX and not found.bad
    last = found.entries[0].url.removeprefix("http://127.0.0.1/departments/fire/cap/").removesuffix(".xml")
    assert cap_xml.read(feed.alert("fire", last)) == made[-1]
    for strange in ("../fire", ".", "x", made[0].identifier, "a/b", ""):
        with pytest.raises(NotFound):
            feed.alert("fire", strange)
    feed.keep(["water"])
    assert not feeds.read(feed.atom("fire", "消防"), "http://127.0.0.1/").entries


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://cap.example.org/", "no https:// URL"), ("ftp://127.0.0.1/", "no https:// URL"),
        ("cap", "no https:// URL"),
        ("https://duty:secret@cap.example.org/", "No user or password in the URL"),
    ],
)  # fmt: skip
def test_what_is_said_to_a_department_goes_in_no_plain_text_and_its_address_holds_no_secret(
    url: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        _checked(url)
    assert _checked("https://cap.example.org/in") and _checked("http://127.0.0.1:8000/") and _checked("") == ""
