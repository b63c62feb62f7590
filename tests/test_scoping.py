"""Whoever asks, and whatever they ask: no reply names or counts a person beyond their place. Over the real counter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import access, api, subjects
from fusioncmd.access import Actor
from fusioncmd.bus.port import Stored
from fusioncmd.codes import Path
from fusioncmd.errors import Problem
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Order, Selector, decode
from fusioncmd.orders import address
from tests.test_desk import ALL, PEOPLE, Office
from tests.test_ledger import audience, fold, mark, receipts, report
from tests.worlds import NOW_MS, make_draft, make_id, make_order, sealed
from tiers.course_desk import CourseDesk

PLACES = sorted(ALL)
SOME = st.frozensets(st.sampled_from(PEOPLE), max_size=12)
STRANGERS = [77 << 16, 78 << 16]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Office, list[Order], Actor]:
    office = Office()
    CourseDesk(office.desk)  # keeps courses
    nodes = st.lists(st.sampled_from(PLACES), min_size=1, max_size=3, unique=True).map(tuple)
    orders = []
    for n in range(1, draw(st.integers(1, 4)) + 1):
        selector = Selector(draw(nodes), not_nodes=draw(st.lists(st.sampled_from(PLACES), max_size=1).map(tuple)))
        orders.append(make_order(n, audience=selector, node="44"))
        meant = office.roster.resolve(selector) or {PEOPLE[0]}
        subject = subjects.call(address(selector))
        fold(office.ledger, audience(orders[-1], meant), Stored(subject, sealed(orders[-1]), 0))
        for stage in (SENT, RECEIVED, ANSWERED, REPORTED):
            who = draw(SOME) | set(draw(st.sets(st.sampled_from(STRANGERS))))
            said = receipts(mark(orders[-1], stage, who, 0 if stage == ANSWERED else None))
            fold(office.ledger, replace(said, at_ms=NOW_MS + 1_000 * stage))
        for number in draw(st.sets(st.sampled_from(PEOPLE), max_size=3)):
            fold(office.ledger, report(orders[-1], number, number + n))
    office.connect(draw(SOME))
    path = draw(st.sampled_from(PLACES))
    return office, orders, Actor("chen", frozenset(draw(st.sets(st.sampled_from(get_args(access.Role))))), Path(path))


def questions(order: Order, place: str) -> list[Any]:
    here = place or "44"
    return [
        api.Orders(), api.Orders(open_only=True), api.Tally(order.id, place), api.Reports(order.id, place),
        api.Find("陈", place), api.Find("", place, "flood"), api.Preview(Selector((here,))),
        *(api.Who(order.id, standing, place) for standing in get_args(api.Standing)),
        api.Who(order.id, "answered", place, 0), api.Compose(make_draft(50, audience=Selector((here,)))),
        api.Compose(make_draft(51, msg_type="cancel", refs=order.id, audience=None, answers=(), node=place)),
        api.Compose(make_draft(52, msg_type="cancel", refs=order.id, audience=None, answers=())),
        api.Compose(make_draft(1, audience=Selector((here,)))), api.Tally(make_id(99)),
        api.Course(order.id, place, past=4), api.Roles(place),
    ]  # fmt: skip


async def answer(office: Office, who: Actor, question: Any) -> Any:
    """As the node does: first whether they may."""
    access.check(who, question)
    name = api.VERBS[type(question)][0]
    desk = CourseDesk(office.desk) if name in ("course", "roles") else office.desk
    return await getattr(desk, name)(question, who)


def check_row(office: Office, row: api.Row, mine: BitMap) -> None:
    here = office.desk._at(Path(row.code), BitMap(PEOPLE)) & mine
    for name in ("targeted", "sent", "received", "answered", "reported", "silent", "unreachable"):
        assert getattr(row, name) <= len(here), name


def check_reply(office: Office, who: Actor, reply: Any, mine: BitMap) -> None:
    match reply:
        case api.People():
            assert {person.number for person in reply.people} <= set(mine) and reply.total <= len(mine)
            assert all(person.place.startswith(who.path.code[:9]) for person in reply.people)
        case api.OrdersReply():
            for line in reply.lines:
                assert access.touches(who, line.order.audience)
                assert max(line.targeted, line.answered) <= len(mine)
        case api.TallyReply():
            assert access.touches(who, reply.line.order.audience)
            assert max(reply.line.targeted, reply.line.answered, reply.outside) <= len(mine)
            for row in (reply.total, *reply.below):
                assert row.code.startswith(who.path.code)
                check_row(office, row, mine)
        case api.ReportsReply():
            assert {line.report.number for line in reply.lines} <= set(mine) and reply.total == len(reply.lines)
            assert {line.person.number for line in reply.lines} <= set(mine)
        case api.PreviewReply():
            assert max(reply.targeted, reply.reachable) <= len(mine)
        case api.CourseReply():
            assert reply.targeted <= len(mine)
            for line in (reply, *reply.past):
                assert all(max(p.received, p.answered, line.targeted) <= len(mine) for p in line.points)
            assert all(row.code.startswith(who.path.code) and row.targeted <= len(mine) for row in reply.rows)
        case api.RolesReply():
            assert all(line.people <= len(mine) for line in reply.lines)
        case api.Composed():
            order = decode(Order, reply.body)
            assert all(code.startswith(who.path.code) for code in (order.node, *order.audience.nodes))
        case _:
            raise AssertionError(f"nobody looked at {type(reply).__name__}")


@settings(max_examples=60)
@given(worlds(), st.sampled_from(["", *PLACES]))
async def test_no_reply_names_or_counts_a_person_beyond_the_place_of_who_asks(
    world: tuple[Office, list[Order], Actor], place: str
) -> None:
    office, orders, who = world
    mine = office.desk._at(who.path, BitMap(PEOPLE))
    for order in orders:
        for question in questions(order, place):
            try:
                reply = await answer(office, who, question)
            except Problem as problem:
                assert not any(f"-{n}" in problem.en for n in range(4))  # no id of a person
                continue
            check_reply(office, who, reply, mine)
    people, _, known, reachable = office.desk.figures(who)
    assert people == len(mine) and reachable is not None and reachable <= len(mine)
    assert known == sum(access.touches(who, order.audience) for order in orders)


async def test_a_city_sees_its_own_share_of_a_provincial_order() -> None:
    order = make_order(1, audience=Selector(("44",)))
    office = Office().issued(order)
    fold(office.ledger, receipts(mark(order, ANSWERED, [*PEOPLE, STRANGERS[0]], 0)))
    county, province = (Actor("chen", frozenset({"commander"}), Path(code)) for code in ("440106", "44"))
    reply, whole = [await office.desk.tally(api.Tally(order.id), who) for who in (county, province)]
    assert (reply.line.targeted, reply.line.answered, reply.total.answered, reply.total.code) == (4, 4, 4, "440106")
    assert (whole.line.targeted, whole.total.code, whole.outside) == (len(PEOPLE), "44", 0)
    lines = (await office.desk.orders(api.Orders(), county)).lines
    assert [(line.targeted, line.answered) for line in lines] == [(4, 4)]
