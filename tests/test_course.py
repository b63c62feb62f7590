"""The course of an order: right to within a step, the same however often it is read, told to who may see it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import api, limits
from fusioncmd.access import Actor
from fusioncmd.bus.port import RECEIPT, Stored
from fusioncmd.codes import Path
from fusioncmd.course import EDGES_MS, Course, middle, quantiles
from fusioncmd.messages import ANSWERED, RECEIVED, SENT
from fusioncmd.tally import Marks
from tests.test_desk import ALERT, PEOPLE, PER_TOWN, Office
from tests.test_ledger import CALLS, OTHER, audience, call, fold, mark, receipts
from tests.worlds import CHIEF, NOW_MS, judge, make_order
from tiers.course_desk import CourseDesk
from tiers.ledger import Ledger
from tiers.ledger_files import LedgerFiles, images

CITY = Actor("chen", frozenset({"auditor"}), Path("4401"))
COUNTY = Actor("li", frozenset({"auditor"}), Path("440103"))


def at(after_ms: int, message: Stored) -> Stored:
    return replace(message, at_ms=NOW_MS + after_ms)


def points_of(ledger: Ledger) -> tuple[tuple[int, int, int], ...]:
    account = ledger.accounts[ALERT.id]
    course = account.course.until(ledger.gauge.places, ledger.course_counts(ALERT))
    return tuple((p.after_ms, p.received, p.answered) for p in course.points(""))


def office(*evidence: Stored) -> CourseDesk:
    here = Office().issued(ALERT)
    desk = CourseDesk(here.desk)
    fold(here.ledger, *evidence)
    return desk


EVIDENCE = st.lists(
    st.tuples(st.integers(0, 60_000), st.sampled_from([SENT, RECEIVED, ANSWERED]), st.frozensets(st.integers(0, 9))),
    max_size=25,
).map(
    lambda said: [
        at(after_ms, receipts(mark(ALERT, stage, who, 0 if stage == ANSWERED else None), seq=seq))
        for seq, (after_ms, stage, who) in enumerate(sorted(said, key=lambda one: one[0]), start=1)
    ]
)  # fmt: skip


def test_the_edges_are_half_a_second_and_then_a_tenth_apart_and_last_as_long_as_an_order() -> None:
    assert len(EDGES_MS) < 140 and EDGES_MS[-1] >= limits.ORDER_OPEN_S_MAX * 1000
    assert all(b - a <= max(500, b // 10) for a, b in pairwise(EDGES_MS))


@given(EVIDENCE)
def test_at_any_time_it_is_what_was_known_within_a_step_before(evidence: list[Stored]) -> None:
    ledger, truth = fold(Ledger(judge()), *CALLS), [(0, (0, 0))]
    for message in evidence:
        fold(ledger, message)
        truth.append((message.at_ms - NOW_MS, tuple(n[0] for n in ledger.course_counts(ALERT))))
    found = points_of(ledger)
    assert len(found) <= len(EDGES_MS)
    for after_ms, received, answered in found:
        assert (received, answered) in [counts for then, counts in truth if then == after_ms] or after_ms == 0
        edge = max(e for e in EDGES_MS if e <= after_ms)
        assert all(counts <= (received, answered) for then, counts in truth if then < edge)
    assert not found or found[-1][1:] == truth[-1][1]


@given(EVIDENCE, st.data())
def test_cut_off_anywhere_and_read_again_from_any_earlier_place_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, evidence: list[Stored], data: st.DataObject
) -> None:
    whole = fold(Ledger(judge()), *CALLS, *evidence)
    cut = data.draw(st.integers(0, len(evidence)))
    ledger = fold(Ledger(judge()), *CALLS, *evidence[:cut])
    files = LedgerFiles(tmp_path_factory.mktemp("ledger"))
    files.save(images(ledger), dict(ledger.handled))
    again = files.load(judge())
    assert again.handled[RECEIPT.name] == cut and points_of(again) == points_of(ledger)
    fold(again, *evidence[data.draw(st.integers(0, cut)) :])
    assert points_of(again) == points_of(whole)


def test_evidence_before_its_order_counts_from_the_order_on() -> None:
    ledger = fold(
        Ledger(judge()), at(100, receipts(mark(ALERT, RECEIVED, {1}))), audience(ALERT, range(8)), call(ALERT)
    )
    fold(ledger, at(40_000, receipts(mark(ALERT, ANSWERED, {1, 2}, 0))))
    assert points_of(ledger) == ((100, 1, 0), (40_000, 2, 2))


def test_on_another_map_a_place_that_was_not_there_had_nobody() -> None:
    course = Course()
    course.begin(0)
    course.last_ms = 100
    course.close(("44", "4401"), ((5, 3), (1, 1)), 900)
    course.last_ms = 900
    course.close(("44", "4402", "4401"), ((6, 2, 4), (1, 0, 1)), 5_000)
    assert course.points("4402") == (api.Point(100, 0, 0), api.Point(900, 2, 0))
    assert course.points("4401") == (api.Point(100, 3, 1), api.Point(900, 4, 1)) and course.points("4403") == ()


def test_quantiles_say_when_a_share_was_reached_and_nothing_where_it_was_not() -> None:
    points = [api.Point(1_000, 49, 0), api.Point(2_000, 50, 10), api.Point(9_000, 95, 50)]
    found = {q.percent: (q.received_ms, q.answered_ms) for q in quantiles(points, 100)}
    assert found == {50: (2_000, 9_000), 90: (9_000, None), 95: (9_000, None), 99: (None, None)}
    assert all(q.received_ms is None for q in quantiles(points, 0))


def test_the_middle_of_past_orders_counts_each_as_long_as_it_ran() -> None:
    def course(answered: int, ran_ms: int) -> tuple[Sequence[api.Point], int, int]:
        return [api.Point(400, 10, answered)], 10, ran_ms

    shares = middle([course(2, 60_000), course(4, 60_000), course(10, 1_000)])
    assert [(s.after_ms, s.answered) for s in shares] == [(500, 0.4), (1_500, pytest.approx(0.3))]
    assert middle([]) == () and middle([([], 0, 60_000)]) == ()


async def test_a_province_is_told_of_itself_and_of_each_city_the_slowest_first() -> None:
    here = office(
        at(1_000, receipts(mark(ALERT, RECEIVED, PEOPLE))), at(9_000, receipts(mark(ALERT, ANSWERED, PEOPLE[:8], 0))),
    )  # fmt: skip
    reply = await here.course(api.Course(ALERT.id), CHIEF)
    assert reply.targeted == len(PEOPLE)
    assert [tuple(getattr(p, n) for n in p.__struct_fields__) for p in reply.points] == [
        (1_000, len(PEOPLE), 0), (9_000, len(PEOPLE), 8),
    ]  # fmt: skip
    total, *cities = reply.rows
    assert total.code == "44" and [row.code for row in cities] == ["4419", "4401"]
    assert sum(row.answered for row in cities) == total.answered == 8
    nine = {row.code: next(q for q in row.quantiles if q.percent == 90) for row in cities}
    assert nine["4401"].received_ms == 1_000 and nine["4419"].answered_ms is None


async def test_who_has_a_city_is_told_of_that_city_and_who_has_less_of_nothing() -> None:
    here = office(at(1_000, receipts(mark(ALERT, ANSWERED, PEOPLE, 0))))
    city = await here.course(api.Course(ALERT.id), CITY)
    assert city.targeted == city.points[-1].answered == PER_TOWN * 3 and [row.code for row in city.rows] == ["4401"]
    county = await here.course(api.Course(ALERT.id), COUNTY)
    assert (county.points, county.rows) == ((), ())


def asked(replies: Iterable[api.PastCourse]) -> list[bytes]:
    return [line.order for line in replies]


async def test_past_orders_are_those_of_the_same_mode_before_it_with_their_middle() -> None:
    actual, latest = make_order(5, status="actual"), make_order(6)
    here = Office().issued(ALERT, OTHER, actual, latest)
    desk = CourseDesk(here.desk)
    for order, many in ((ALERT, 4), (OTHER, 8), (actual, 8), (latest, 1)):
        fold(here.ledger, at(2_000, receipts(mark(order, ANSWERED, PEOPLE[:many], 0))))
    here.now_ms += 60_000
    reply = await desk.course(api.Course(latest.id, past=2), CHIEF)
    assert asked(reply.past) == [OTHER.id, ALERT.id]
    assert reply.median[-1].answered == pytest.approx(6 / len(PEOPLE))
    assert asked((await desk.course(api.Course(latest.id, past=1), CHIEF)).past) == [OTHER.id]
    assert (await desk.course(api.Course(latest.id), CHIEF)).past == ()


async def test_roles_are_those_of_the_people_there_and_are_searched_by_a_part_of_them() -> None:
    here = office()
    reply = await here.roles(api.Roles(), CHIEF)
    assert [(line.name, line.people) for line in reply.lines] == [("flood", len(PEOPLE) // 2)] and reply.total == 1
    assert (await here.roles(api.Roles(), COUNTY)).lines[0].people < len(PEOPLE) // 2
    assert (await here.roles(api.Roles(query=" FLO "), CHIEF)).total == 1
    assert (await here.roles(api.Roles(query="nobody"), CHIEF)).lines == ()


def test_what_comes_by_a_link_counts_from_when_it_came() -> None:
    ledger, elsewhere = fold(Ledger(judge(NOW_MS + 5_000)), *CALLS), Marks()
    elsewhere.fold_numbers(ANSWERED, 0, BitMap([1, 2]))
    ledger.fold_evidence(ALERT.id, elsewhere.rungs())
    assert points_of(ledger) == ((5_000, 2, 2),)
