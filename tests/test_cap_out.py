"""Every alarm and every order that leaves is CAP 1.2 by the schema of OASIS, and reads again as what was written."""

from __future__ import annotations

from importlib import resources

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from fusioncmd.alarm import cap_out, cap_write, cap_xml
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.messages import Order
from tests.worlds import NOW_MS, make_id, make_order, sealed

SCHEMA = etree.XMLSchema(etree.fromstring(resources.files("fusioncmd.alarm").joinpath("CAP-v1.2.xsd").read_bytes()))
CODE = st.from_regex(r"\A44[0-9]{2}(|[0-9]{2}|[0-9]{5}|[0-9]{8})\Z")
WORDS = st.text(max_size=200)
MS = st.integers(0, 1 << 48)
ALARMS = st.builds(
    Alarm, id=st.binary(min_size=16, max_size=16), source=st.just("hook.towers"),
    about=st.text(min_size=1, max_size=64), state=st.sampled_from(("new", "more", "over")),
    event=st.sampled_from(("gas", "rainstorm", "met", "strange-1")), status=st.sampled_from(("actual", "exercise")),
    severity=st.sampled_from(("extreme", "severe", "moderate", "minor", "unknown")),
    certainty=st.sampled_from(("observed", "likely", "possible", "unlikely", "unknown")),
    urgency=st.sampled_from(("immediate", "expected", "future", "past", "unknown")),
    since_ms=MS, said_ms=MS, nodes=st.lists(CODE, min_size=1, max_size=80).map(tuple), headline=WORDS, text=WORDS,
    until_ms=st.none() | MS, where=st.none() | st.tuples(st.floats(-90, 90), st.floats(-180, 180)),
    radius_m=st.floats(0, 20_100_000),
)  # fmt: skip
TIMES = st.integers(0, cap_out.LAST_MS)
BEFORE = st.lists(st.tuples(st.integers(1, 99), TIMES), max_size=20)


def read_again(alert: CapAlert) -> CapAlert:
    data = cap_write.written(alert)
    assert SCHEMA.validate(etree.fromstring(data)), SCHEMA.error_log
    return cap_xml.read(data)


@given(ALARMS, st.sampled_from(("Alert", "Update", "Cancel")), TIMES, BEFORE, WORDS)
def test_an_alarm_leaves_as_what_is_read_again(
    alarm: Alarm, kind: str, sent_ms: int, before: list[tuple[int, int]], name: str
) -> None:
    refs = [cap_out.reference(f"R{n}", "4401", at_ms) for n, at_ms in before] or [cap_out.reference("R", "44", 0)]
    refs = [] if kind == "Alert" else refs
    made = cap_out.of_alarm(alarm, kind, sent_ms, refs, "4401", "weather", lambda _: name)  # type: ignore[arg-type]
    again = read_again(made)
    assert again == made
    assert {value for _, value in again.infos[0].areas[0].geocodes} == set(alarm.nodes)
    assert len(again.references) == min(len(refs), cap_out.REFERENCES_KEPT)


@given(st.text(min_size=1, max_size=2_000), st.lists(st.text(min_size=1, max_size=32), max_size=8))
def test_an_order_leaves_with_its_answers_and_as_it_was_signed(text: str, answers: list[str]) -> None:
    order = msgspec.structs.replace(make_order(7), text=text, answers=tuple(answers))
    data = bytes(range(256)) * 70
    again = read_again(cap_out.of_order(order, data, (), "4401", "weather"))
    assert cap_out.sealed_of(again) == data and again.addresses == "weather"
    said = [value for name, value in again.infos[0].parameters if name == cap_out.ANSWER]
    assert said == [cap_out.plain(answer) for answer in answers]


def test_a_signed_order_can_be_verified_from_the_alert_that_bears_it() -> None:
    order: Order = make_order(8)
    alert = read_again(cap_out.of_order(order, sealed(order), (), "44", "fire"))
    assert cap_out.sealed_of(alert) == sealed(order)
    assert alert.infos[0].expires_ms == order.expires_ms - order.expires_ms % 1000 and alert.sent_ms <= NOW_MS
    assert alert.identifier and make_id(8)


@pytest.mark.parametrize("kind", ["update", "cancel"])
def test_what_follows_an_order_names_it(kind: str) -> None:
    before = cap_out.reference("R1", "44", NOW_MS)
    order = msgspec.structs.replace(make_order(9), msg_type=kind, refs=make_id(8), root=make_id(8))
    again = read_again(cap_out.of_order(order, b"x", (before,), "44", "fire"))
    assert again.msg_type == kind.capitalize() and again.references == (before,)
