"""The desk answers: tallies that add up over the tree, people page by page, reports, orders. `Office` is its world."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import api, subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, SENT, Order, Presence, RosterSlice, Selector, encode
from fusioncmd.reachable import Reachable
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import extend, number_of
from fusioncmd.roster.slices import Entry, merge
from fusioncmd.trust.judge import Judge
from tests.test_ledger import audience, call, fold, mark, receipts, report
from tests.worlds import CHIEF, NODE_KEY, NOW_MS, OFFICES, Notebook, make_id, make_order
from tiers.desk import Desk
from tiers.ledger import Ledger

VILLAGES = ("440103001001", "440103001002", "440103002001", "440106001001", "441900001001")
PLACES = Divisions({"44": "广东省"} | dict.fromkeys(VILLAGES, "某村"))
TABLE = extend(None, PLACES)
ALL = list(PLACES.names)
PER_TOWN = 4  # people of each town: one of the town itself, the others spread over its villages
PEOPLE = [number_of(town, slot) for town in range(len(TABLE.towns)) for slot in range(PER_TOWN)]
ALERT = make_order(1)


def first_slice(code: str) -> RosterSlice:
    villages = [int(v[9:]) for v in VILLAGES if v.startswith(code)]
    places = [0, *(villages * PER_TOWN)][:PER_TOWN]
    entries = [Entry(f"{code}-{n}", f"陈{n}", f"1380{n}", v, ("flood",) if n % 2 else ()) for n, v in enumerate(places)]
    part = merge(None, code, entries).slice
    assert part is not None
    return part


class Office:
    """A desk with everything real but the network: `now_ms` is its clock."""

    def __init__(self, bus: MemoryBus | None = None, node: str = "44") -> None:
        self.now_ms = NOW_MS
        self.bus = MemoryBus() if bus is None else bus
        self.judge = Judge(OFFICES.anchors, lambda: self.now_ms / 1000)
        self.ledger, self.reachable, self.roster = Ledger(self.judge), Reachable(), Roster(PLACES)
        self.slices = {code: first_slice(code) for code in TABLE.towns}
        for code, part in self.slices.items():
            self.roster.put(subjects.roster(Path(code)), encode(part))
        self.roster.put(subjects.roster(PLACES.root), encode(TABLE))
        self.audit = Notebook()
        self.desk = Desk(
            self.bus, Path(node), self.roster, self.ledger, self.reachable, self.judge, NODE_KEY, self.audit
        )

    def connect(self, numbers: Iterable[int]) -> None:
        self.reachable.hear(Presence("gw-1", "responder", BitMap(numbers).serialize()), self.now_ms / 1000)

    def leave(self, number: int) -> None:
        """The person is taken off the roster."""
        code = TABLE.towns[number >> 16]
        part = merge(self.slices[code], code, (), [self.slices[code].ids[number & 0xFFFF]]).slice
        assert part is not None
        self.slices[code] = part
        self.roster.put(subjects.roster(Path(code)), encode(part))

    def issued(self, *orders: Order, meant: Iterable[int] = PEOPLE) -> Office:
        fold(
            self.ledger, *(audience(order, meant) for order in orders if order.msg_type == "alert"), *map(call, orders)
        )
        return self


def numbers(people: api.People) -> list[int]:
    return [person.number for person in people.people]


async def everybody(desk: Desk, limit: int, **asked: Any) -> list[int]:
    """All pages, one after the other."""
    found: list[int] = []
    page = await desk.who(api.Who(ALERT.id, limit=limit, **asked), CHIEF)
    found += numbers(page)
    while page.after is not None:
        page = await desk.who(api.Who(ALERT.id, limit=limit, after=page.after, **asked), CHIEF)
        assert 0 < len(page.people) <= limit
        found += numbers(page)
    assert len(found) == page.total
    return found


SOME = st.frozensets(st.sampled_from(PEOPLE), max_size=10)
MARKS = st.lists(
    st.builds(
        lambda stage, who, answer: mark(ALERT, stage, who, answer if stage == ANSWERED else None),
        st.sampled_from([SENT, RECEIVED, ANSWERED, REPORTED]), SOME, st.integers(0, 1),
    ),
    max_size=6,
)  # fmt: skip


@given(SOME, SOME, MARKS, st.sampled_from([*PEOPLE, None]))
async def test_rows_add_up_over_the_tree_and_who_lists_exactly_whom_a_row_counts(
    meant: frozenset[int], live: frozenset[int], marks: list[Any], left: int | None
) -> None:
    office = Office().issued(ALERT, meant=meant)
    office.connect(live)
    fold(office.ledger, receipts(*marks))
    if left is not None:
        office.leave(left)
    for code in ALL:
        reply = await office.desk.tally(api.Tally(ALERT.id, code), CHIEF)
        row, below = reply.total, reply.below
        assert (row.code, row.name) == (code, PLACES.name(Path(code)))
        assert [line.code for line in below] == [child.code for child in PLACES.children(Path(code))]
        assert sum(row.by_answer) == row.answered and len(row.by_answer) == len(ALERT.answers)
        assert row.answered + row.silent + row.unreachable == row.targeted
        counts = {s: getattr(row, s) for s in get_args(api.Standing) if s != "waiting"} | {
            "waiting": row.silent + row.unreachable
        }
        for standing, count in counts.items():
            assert len(await everybody(office.desk, 3, standing=standing, node=code)) == count
            if len(code) < 9:
                assert sum(getattr(line, standing, line.silent + line.unreachable) for line in below) == count
    assert (await office.desk.tally(api.Tally(ALERT.id), CHIEF)).total.targeted == len(meant)


async def test_a_tally_shows_the_time_the_order_and_receipts_from_outside() -> None:
    office = Office().issued(ALERT, meant=PEOPLE[:2])
    fold(office.ledger, receipts(mark(ALERT, SENT, PEOPLE[:3])))
    office.now_ms += 5_000
    reply = await office.desk.tally(api.Tally(ALERT.id), CHIEF)
    assert (reply.now_ms, reply.line.order, reply.line.state) == (NOW_MS + 5_000, ALERT, "open")
    assert (reply.line.targeted, reply.line.answered, reply.total.sent, reply.outside) == (2, 0, 2, 1)


async def test_who_is_silent_becomes_unreachable_when_their_gateway_falls_silent() -> None:
    office = Office().issued(ALERT)
    office.connect(PEOPLE[:5])
    assert (await office.desk.tally(api.Tally(ALERT.id), CHIEF)).total.silent == 5
    office.now_ms += 6_000
    row = (await office.desk.tally(api.Tally(ALERT.id), CHIEF)).total
    assert (row.silent, row.unreachable) == (0, len(PEOPLE))


@pytest.mark.parametrize("limit", [1, 2, 7, len(PEOPLE), 1000])
async def test_pages_of_people_hold_everyone_once_in_the_order_of_their_numbers(limit: int) -> None:
    office = Office().issued(ALERT)
    assert await everybody(office.desk, limit, standing="targeted") == PEOPLE
    assert await everybody(office.desk, limit, standing="answered") == []


async def test_a_person_is_shown_with_channel_stage_and_answer() -> None:
    office = Office().issued(ALERT)
    office.connect(PEOPLE[1:2])
    fold(office.ledger, receipts(mark(ALERT, ANSWERED, PEOPLE[:1], 1), mark(ALERT, RECEIVED, PEOPLE[1:2])))
    people = (await office.desk.who(api.Who(ALERT.id, "targeted", limit=3), CHIEF)).people
    assert [(p.reachable, p.stage, p.answer) for p in people] == [
        (False, "answered", "need help"), (True, "received", ""), (False, "unreachable", ""),
    ]  # fmt: skip
    helped = await office.desk.who(api.Who(ALERT.id, "answered", answer=1), CHIEF)
    assert numbers(helped) == PEOPLE[:1] and helped.people[0].name == "陈0"


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"order": make_id(9)}, NotFound),
        ({"node": "4402"}, NotFound),
        ({"node": "45"}, NotFound),
        ({"answer": 2}, BadInput),
        ({"after": -2}, BadInput),
        ({"after": 1 << 40}, BadInput),
        ({"after": (1 << 32) - 1}, BadInput),
    ],
)
async def test_a_question_about_what_is_not_there_is_told_so(asked: dict[str, Any], kind: type[Exception]) -> None:
    desk = Office().issued(ALERT).desk
    with pytest.raises(kind):
        await desk.who(api.Who(**{"order": ALERT.id, "standing": "targeted"} | asked), CHIEF)
    if kind is NotFound:
        for question in (api.Tally, api.Reports):
            with pytest.raises(NotFound):
                await getattr(desk, question.__name__.lower())(question(**{"order": ALERT.id} | asked), CHIEF)


async def test_reports_come_page_by_page_in_the_order_of_their_ids() -> None:
    office = Office().issued(ALERT)
    reported = [*PEOPLE[:6], PEOPLE[-1]]
    fold(office.ledger, *(report(ALERT, number, n) for n, number in enumerate(reported, 1)))
    fold(office.ledger, report(ALERT, 77 << 16, 99), receipts(mark(ALERT, ANSWERED, PEOPLE[:1], 0)))
    office.leave(PEOPLE[1])
    found: list[int] = []
    after = None
    while page := (await office.desk.reports(api.Reports(ALERT.id, limit=3, after=after), CHIEF)).lines:
        found += [line.report.number for line in page]
        after = page[-1].report.id
    assert found == reported  # also who has left since; nobody whom no roster knows
    county = await office.desk.reports(api.Reports(ALERT.id, "440103"), CHIEF)
    assert [line.report.number for line in county.lines] == PEOPLE[:6] and county.total == 6
    assert (county.lines[0].person.answer, county.lines[1].person.stage) == ("here", "reported")


async def test_people_are_found_within_the_place_and_counted_beyond_the_limit() -> None:
    office = Office()
    office.connect(PEOPLE[4:5])
    found = await office.desk.find(api.Find("陈", node="440103", limit=5), CHIEF)
    assert (numbers(found), found.total, found.after) == (PEOPLE[:5], 8, None)
    assert [p.reachable for p in found.people] == [False] * 4 + [True]
    assert numbers(await office.desk.find(api.Find(f"{TABLE.towns[1]}-2"), CHIEF)) == [PEOPLE[PER_TOWN + 2]]
    assert (await office.desk.find(api.Find(role="flood"), CHIEF)).total == len(PEOPLE) // 2


async def test_orders_are_listed_newest_first_with_what_became_of_them() -> None:
    update = make_order(2, msg_type="update", refs=ALERT.id)
    cancel = make_order(3, msg_type="cancel", refs=update.id, answers=())
    short = make_order(4, open_s=600)
    office = Office().issued(ALERT, short, update, cancel)
    lines = (await office.desk.orders(api.Orders(), CHIEF)).lines
    assert [line.order for line in lines] == [short, cancel, update, ALERT]
    assert [line.state for line in lines] == ["open", "open", "cancelled", "replaced"]
    assert [line.successor for line in lines] == [None, None, cancel.id, update.id]
    office.now_ms += 600_000
    assert [line.order for line in (await office.desk.orders(api.Orders(open_only=True), CHIEF)).lines] == [cancel]
    assert [line.order for line in (await office.desk.orders(api.Orders(limit=1), CHIEF)).lines] == [short]


async def test_a_preview_counts_whom_an_order_would_mean_and_issues_nothing() -> None:
    office = Office()
    office.connect(PEOPLE[:1])
    preview = await office.desk.preview(api.Preview(Selector(("440103",), not_roles=("flood",))), CHIEF)
    assert (preview.targeted, preview.reachable) == (4, 1)
    assert office.ledger.accounts == {}
    with pytest.raises(NotFound):
        await office.desk.preview(api.Preview(Selector(("4402",))), CHIEF)
