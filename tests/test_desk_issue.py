"""Issuing: on disk before anyone is told, asked for twice and still one order, and nothing half done that counts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fusioncmd import api
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import CALL, RECEIPT, Stored
from fusioncmd.errors import BadOrder, BusDown, Conflict, NotFound, Problem, StorageFull
from fusioncmd.messages import ANSWERED, RECEIVED, SENT, Audience, Order, Selector, decode, encode
from fusioncmd.tally import bitmap_from
from fusioncmd.trust import seals
from tests.test_desk import PEOPLE, Office, numbers
from tests.test_ledger import fold, mark, receipts
from tests.worlds import CHIEF, DUTY, NOW_MS, make_draft, make_id, make_order
from tiers import issuing as issuing_module

DOWN = BusDown("The bus does not answer.", "总线没有应答。")
FULL = StorageFull("The store is full: no space left on device.", "存储已满。")
UPDATE = {"msg_type": "update", "refs": make_id(1), "audience": None, "text": "Report at once."}
CANCEL = {"msg_type": "cancel", "refs": make_id(1), "audience": None, "text": "All clear."}


Fault = tuple[Problem, bool] | None  # what a store raises, and whether it stored all the same
LOST, UNSURE, NO_ROOM = (DOWN, False), (DOWN, True), (FULL, False)


class Faulty(MemoryBus):
    """Its stores meet `faults`, in turn."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__()
        self.faults = list(faults)

    async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        problem, stores = (self.faults.pop(0) if self.faults else None) or (None, True)
        seq = await super().store(subject, data, expect_last=expect_last) if stores else 0
        if problem is not None:
            raise problem
        return seq


async def issue(office: Office, n: int = 1, **changes: Any) -> api.Issued:
    body = (await office.desk.compose(api.Compose(make_draft(n, **changes)), CHIEF)).body
    return await office.desk.issue(api.Issue(seals.seal(body, DUTY[decode(Order, body).status])), CHIEF)


async def stored(office: Office) -> list[Stored]:
    return [message async for message in office.bus.read(CALL)]


async def orders_in(office: Office) -> list[Order]:
    return [seals.claimed(m.data)[0] for m in await stored(office) if m.subject.startswith("fc.call.")]


async def test_the_audience_is_stored_then_the_order_and_then_both_are_told() -> None:
    office = Office()
    office.connect(PEOPLE[:3])
    issued = await issue(office, audience=Selector(("440103", "440106")))
    assert (issued.targeted, issued.reachable) == (12, 3)
    first, second = await stored(office)
    assert set(bitmap_from(decode(Audience, first.data).numbers)) == set(PEOPLE[:12])
    assert (second.subject, seals.claimed(second.data)[0]) == ("fc.call.44.01", issued.order)
    assert (issued.order.node, issued.order.issued_ms) == ("44", NOW_MS)
    assert (await office.desk.tally(api.Tally(issued.order.id), CHIEF)).total.targeted == 12


async def test_the_same_draft_again_is_the_same_order_however_late() -> None:
    office = Office()
    first = await issue(office)
    for later_ms in (1, 5_000, 30 * 86_400_000):
        office.now_ms = NOW_MS + later_ms
        assert (await issue(office)).order == first.order
    assert len(await stored(office)) == 2


async def test_a_draft_that_is_asked_for_twice_at_once_is_one_order() -> None:
    office = Office()
    one, other = await asyncio.gather(issue(office), issue(office))
    assert one == other and len(await orders_in(office)) == 1


@pytest.mark.parametrize("tailed", [False, True])
@pytest.mark.parametrize(
    ("faults", "audience_kept"),
    [
        ([LOST], False),
        ([UNSURE], True),
        ([None, LOST], True),
        ([None, UNSURE], True),
        ([LOST, UNSURE, None, LOST, None, UNSURE], False),
    ],
)
async def test_replies_that_are_lost_make_no_second_order(
    faults: list[Fault], audience_kept: bool, tailed: bool
) -> None:
    office = Office(Faulty(*faults))
    if tailed:
        await office.bus.tail(CALL, office.ledger.fold_call)
    failures = 0
    while office.bus.faults:  # type: ignore[attr-defined]
        with pytest.raises(BusDown):
            await issue(office)
        failures += 1
        if failures == 1:
            office.leave(PEOPLE[0])
            office.now_ms += 60_000
    issued = await issue(office)
    assert await issue(office) == issued
    assert issued.targeted == len(PEOPLE) - (not audience_kept)  # whom it means is what was stored first
    assert issued.order.issued_ms == NOW_MS
    found = await orders_in(office)
    assert found == [issued.order] * len(found) and len(found) <= (1 if tailed else 2)


@pytest.mark.parametrize("faults", [[NO_ROOM], [None, NO_ROOM]])
async def test_a_full_store_issues_nothing_says_so_and_the_order_can_be_asked_for_again(faults: list[Fault]) -> None:
    office = Office(Faulty(*faults))
    with pytest.raises(StorageFull, match="full") as caught:
        await issue(office)
    assert "满" in caught.value.zh
    assert await orders_in(office) == [] and office.ledger.book.orders == {}
    with pytest.raises(NotFound):
        await office.desk.tally(api.Tally(make_id(1)), CHIEF)
    office.now_ms += 600_000
    issued = await issue(office)
    assert issued.order.issued_ms == NOW_MS + 600_000  # its deadlines run from when it was issued
    assert await orders_in(office) == [issued.order]


async def test_an_order_that_may_be_stored_keeps_its_time_though_the_store_is_full_afterwards() -> None:
    office = Office(Faulty(None, UNSURE, None, NO_ROOM))
    for kind in (BusDown, StorageFull):
        with pytest.raises(kind):
            await issue(office)
        office.now_ms += 60_000
    assert (await issue(office)).order.issued_ms == NOW_MS
    assert len(set(await orders_in(office))) == 1


async def test_while_it_is_not_known_whether_an_order_is_stored_no_other_takes_its_number() -> None:
    office = Office(Faulty(None, UNSURE))
    with pytest.raises(BusDown):
        await issue(office)
    other = seals.seal(encode(make_order(text="Stay where you are.")), DUTY["exercise"])
    with pytest.raises(Conflict, match="another order of that number"):
        await office.desk.issue(api.Issue(other), CHIEF)
    issued = await issue(office)
    assert issued.order.text == "Report for duty." and set(await orders_in(office)) == {issued.order}


async def test_the_memory_of_unsure_orders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuing_module, "UNSURE_MAX", 2)
    office = Office(Faulty(*[None, UNSURE] * 5))
    for n in range(1, 6):
        with pytest.raises(BusDown):
            await issue(office, n)
    assert len(office.desk._issuing._unsure) == 2


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        ({"audience": Selector(("440106",), ("flood",), not_nodes=("440106001001",))}, BadOrder, "Nobody is meant"),
        ({"audience": Selector(("4402",))}, NotFound, "no place"),
        ({"audience": Selector(("44",), ("nope",))}, NotFound, "role"),
        ({"audience": Selector(("45",))}, BadOrder, "commands 44 and below"),
        ({"text": " "}, BadOrder, "cannot be issued"),
        (CANCEL, NotFound, "no order"),
    ],
)
async def test_what_is_refused_leaves_nothing_behind(changes: dict[str, Any], kind: type[Problem], said: str) -> None:
    office = Office()
    with pytest.raises(kind, match=said):
        await issue(office, 5, **changes)
    assert await stored(office) == [] and office.ledger.accounts == {}


async def test_a_node_commands_itself_and_below_and_nobody_else() -> None:
    for code, allowed in (("4401", True), ("440103001", True), ("44", False), ("4419", False)):
        office = Office(node="4401")
        if allowed:
            assert (await issue(office, audience=Selector((code,)))).order.node == "4401"
            continue
        with pytest.raises(BadOrder, match="commands 4401 and below"):
            await issue(office, audience=Selector((code, "440103")))
        assert await stored(office) == []


async def test_an_update_means_whom_the_alert_meant_and_keeps_its_answers() -> None:
    office = Office()
    alert = await issue(office, audience=Selector(("440103",)))
    office.leave(PEOPLE[0])
    update = await issue(office, 2, **UPDATE)
    assert update.targeted == alert.targeted == 8
    assert (update.order.answers, update.order.audience) == (alert.order.answers, alert.order.audience)
    assert decode(Audience, (await stored(office))[2].data).numbers == b""  # an update names nobody of its own
    with pytest.raises(BadOrder, match="already"):
        await issue(office, 3, **UPDATE)


async def test_a_cancel_is_for_those_who_were_told() -> None:
    office = Office()
    await issue(office)
    fold(office.ledger, receipts(mark((await orders_in(office))[0], SENT, PEOPLE[:2])))
    await issue(office, 2, **UPDATE)
    fold(office.ledger, receipts(mark((await orders_in(office))[1], RECEIVED, PEOPLE[2:3])))
    cancel = await issue(office, 3, **CANCEL | {"refs": make_id(2)})
    assert cancel.targeted == 3
    told = await office.desk.who(api.Who(cancel.order.id, "targeted"), CHIEF)
    assert numbers(told) == PEOPLE[:3]


async def test_time_ends_what_may_be_updated_but_not_what_may_be_cancelled() -> None:
    office = Office()
    await issue(office, open_s=600)
    office.now_ms += 600_000
    with pytest.raises(BadOrder, match="expired"):
        await issue(office, 2, **UPDATE)
    assert (await issue(office, 2, **CANCEL)).order.msg_type == "cancel"


@pytest.mark.parametrize("follow", [UPDATE, CANCEL])
async def test_an_exercise_is_followed_by_nothing_actual(follow: dict[str, Any]) -> None:
    office = Office()
    await issue(office)
    with pytest.raises(BadOrder, match="cannot be followed"):
        await issue(office, 2, status="actual", **follow)
    assert len(await orders_in(office)) == 1


async def test_the_reply_counts_answers_that_came_before_it() -> None:
    office = Office()
    await office.bus.tail(CALL, office.ledger.fold_call)
    await office.bus.tail(RECEIPT, office.ledger.fold_receipts)
    order = (await issue(office)).order
    early = receipts(mark(order, ANSWERED, PEOPLE[:4], 1))
    await office.bus.store(early.subject, early.data)
    row = (await office.desk.tally(api.Tally(order.id, "440103001"), CHIEF)).total
    assert (row.answered, row.by_answer) == (4, (0, 4))
