"""An order that one person may not issue waits for another: whole, judged, for an hour, and across a restart."""

from __future__ import annotations

from typing import Any

import pytest

from fusioncmd import api, limits, subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import TRUST, Stored
from fusioncmd.errors import BadOrder, Conflict, NotFound, StorageFull
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import SecondNeeded, Untrusted
from tests.test_desk import PEOPLE, Office
from tests.test_desk_issue import NO_ROOM, Faulty
from tests.worlds import CHIEF, DEPUTY, DUTY, NOW_MS, make_draft, make_id, make_order

HOUR_MS = 3_600_000


async def composed(office: Office, n: int = 1, **changes: Any) -> bytes:
    """An actual order to the province, signed by one."""
    draft = make_draft(n, **{"status": "actual", "id": make_id(n, office.now_ms)} | changes)
    body = (await office.desk.compose(api.Compose(draft), CHIEF)).body
    return seals.seal(body, DUTY[draft.status])


async def propose(office: Office, n: int = 1, **changes: Any) -> api.Proposal:
    return await office.desk.proposals.propose(api.Propose(await composed(office, n, **changes)), CHIEF)


async def waiting(office: Office) -> list[bytes]:
    reply = await office.desk.proposals.proposals(api.Proposals(), CHIEF)
    return [one.order.id for one in reply.proposals]


async def approve(office: Office, sealed: bytes) -> api.Issued:
    return await office.desk.issue(api.Issue(seals.approve(sealed, DEPUTY["actual"])), CHIEF)


async def restarted(office: Office) -> Office:
    """The node anew, from what is on the bus."""
    again = Office(office.bus)
    again.now_ms = office.now_ms
    async for stored in office.bus.read(TRUST):
        again.desk.proposals.fold(stored)
    return again


def deeds(office: Office) -> list[tuple[str, str]]:
    return [(entry.actor, entry.deed) for entry in office.audit.entries]


async def test_an_order_that_one_may_not_issue_waits_and_goes_out_when_another_signs() -> None:
    office = Office()
    office.connect(PEOPLE[:3])
    sealed = await composed(office)
    with pytest.raises(SecondNeeded, match="second commander"):
        await office.desk.issue(api.Issue(sealed), CHIEF)
    proposal = await office.desk.proposals.propose(api.Propose(sealed), CHIEF)
    assert (proposal.targeted, proposal.reachable, proposal.left_s) == (len(PEOPLE), 3, 3_600)
    assert proposal.sealed == sealed and office.ledger.book.orders == {}
    office.now_ms += HOUR_MS - 1_000
    assert await waiting(office) == [make_id(1)]
    issued = await approve(office, proposal.sealed)
    assert issued.targeted == len(PEOPLE) and await waiting(office) == []
    assert deeds(office) == [("chief", "order"), ("duty", "proposal"), ("deputy", "approval"), ("duty", "order")]
    assert await waiting(await restarted(office)) == []


async def test_what_waits_survives_a_restart_once_and_is_dropped_after_an_hour() -> None:
    office = Office()
    first = await propose(office)
    office.now_ms += 60_000
    await propose(office, 2)
    again = await restarted(office)
    assert await waiting(again) == [make_id(1), make_id(2, NOW_MS + 60_000)]
    again.now_ms += HOUR_MS - 60_000
    assert await waiting(again) == [make_id(2, NOW_MS + 60_000)]
    assert await waiting(await restarted(again)) == [make_id(2, NOW_MS + 60_000)]
    again.now_ms += 1
    with pytest.raises(BadOrder, match="too long ago"):
        await approve(again, first.sealed)


async def test_what_was_withdrawn_waits_no_more_and_is_not_there_after_a_restart() -> None:
    office = Office()
    await propose(office)
    done = await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), CHIEF)
    assert done.order.id == make_id(1) and await waiting(office) == []
    assert await waiting(await restarted(office)) == []
    assert deeds(office)[-1] == ("chief", "proposal")
    with pytest.raises(NotFound):
        await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), CHIEF)


async def test_the_same_proposal_again_is_one_and_another_of_that_number_is_refused() -> None:
    office = Office()
    sealed = await composed(office)
    for _ in range(2):
        await office.desk.proposals.propose(api.Propose(sealed), CHIEF)
    other = seals.seal(encode(make_order(1, status="actual", text="Run.")), DUTY["actual"])
    with pytest.raises(Conflict):
        await office.desk.proposals.propose(api.Propose(other), CHIEF)
    assert await waiting(office) == [make_id(1)] and deeds(office) == [("duty", "proposal")]


@pytest.mark.parametrize(
    ("changes", "later_ms", "kind", "said"),
    [
        ({"status": "exercise"}, 0, BadOrder, "no second person"),
        ({"audience": Selector(("4401",))}, 0, BadOrder, "no second person"),
        ({"audience": Selector(("44",), (), ("44",))}, 0, BadOrder, "Nobody is meant"),
        ({}, 600_001, BadOrder, "too long ago"), ({"text": " Come. "}, 0, BadOrder, "not as the node"),
        ({"issuer": "chief"}, 0, Untrusted, "another issuer"),
    ],
)  # fmt: skip
async def test_what_could_not_be_issued_with_two_signatures_does_not_wait(
    changes: dict[str, Any], later_ms: int, kind: type[Exception], said: str
) -> None:
    office = Office()
    order = make_order(1, **{"status": "actual"} | changes)
    office.now_ms += later_ms
    sealed = seals.seal(encode(order), DUTY[order.status])
    with pytest.raises(kind, match=said):
        await office.desk.proposals.propose(api.Propose(sealed), CHIEF)
    assert await waiting(office) == [] and office.audit.entries == []


async def test_who_waited_no_longer_does_not_find_it_proposed() -> None:
    office = Office()
    with pytest.raises(BadOrder, match="too late"):
        await office.desk.proposals.propose(api.Propose(await composed(office), NOW_MS - 1), CHIEF)
    assert await waiting(office) == []


async def test_a_role_that_nobody_has_any_more_hides_no_proposal() -> None:
    office = Office()
    await propose(office, audience=Selector(("44",), ("flood",)))
    await propose(office, 2)
    for number in PEOPLE:
        office.leave(number)
    reply = await office.desk.proposals.proposals(api.Proposals(), CHIEF)
    assert [one.targeted for one in reply.proposals] == [0, 0]


async def test_only_so_many_wait_and_one_that_ends_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PROPOSALS_PER_KEY_MAX", limits.PROPOSALS_MAX)
    monkeypatch.setattr(limits, "PROPOSALS_PER_BRANCH_MAX", limits.PROPOSALS_MAX)
    office = Office()
    for n in range(limits.PROPOSALS_MAX):
        await propose(office, n)
    with pytest.raises(Conflict, match=str(limits.PROPOSALS_MAX)):
        await propose(office, 99)
    assert len(await waiting(await restarted(office))) == limits.PROPOSALS_MAX
    await office.desk.proposals.withdraw(api.Withdraw(make_id(0)), CHIEF)
    await propose(office, 99)


async def test_a_proposal_that_is_not_on_disk_does_not_wait() -> None:
    office = Office(Faulty(NO_ROOM))
    with pytest.raises(StorageFull):
        await propose(office)
    assert await waiting(office) == []
    await propose(office)
    assert await waiting(office) == [make_id(1)]


async def test_an_order_that_went_out_waits_no_more_even_if_that_could_not_be_written() -> None:
    office = Office(Faulty(None, None, None, NO_ROOM))  # the proposal, the audience, the order; and then no room
    await approve(office, (await propose(office)).sealed)
    assert await waiting(office) == []
    again = await restarted(office)
    again.ledger.book.add(office.ledger.book.get(make_id(1)))  # as it reads the stream of orders
    assert await waiting(again) == []


def stored(order: Order, sealed: bytes, name: bytes | None = None) -> Stored:
    return Stored(subjects.proposal(name or order.id), sealed, 1)


async def test_what_somebody_puts_on_the_bus_is_no_proposal_unless_it_is_signed_and_in_its_place() -> None:
    office, order = Office(MemoryBus()), make_order(1, status="actual")
    by_drill = seals.SealedOrder(encode(order), _seal_of(order), ())
    for message, reason in (
        (stored(order, encode(order)), "bytes"), (stored(order, seals._form.encode(by_drill)), "mode"),
        (stored(order, seals.seal(encode(order), DUTY["actual"]), make_id(2)), "subject"),
    ):  # fmt: skip
        with pytest.raises(Untrusted) as caught:
            office.desk.proposals.fold(message)
        assert caught.value.reason == reason
    office.desk.proposals.fold(Stored("fc.trust.heartbeat.00", b"", 2))
    assert await waiting(office) == []


def _seal_of(order: Order) -> seals.Seal:
    return seals._form.decode(seals.seal(encode(order), DUTY["exercise"])).seal


async def test_who_signed_an_order_corrects_it_alone_and_to_make_it_graver_needs_the_second_again() -> None:
    office = Office()
    await approve(office, (await propose(office)).sealed)
    follow = {"msg_type": "update", "refs": make_id(1), "audience": None, "text": "There is no danger."}
    with pytest.raises(SecondNeeded):
        await office.desk.issue(api.Issue(await composed(office, 2, **follow, severity="extreme")), CHIEF)
    issued = await office.desk.issue(api.Issue(await composed(office, 3, **follow)), CHIEF)
    assert issued.targeted == len(PEOPLE)
    cancel = {"msg_type": "cancel", "refs": make_id(3), "audience": None, "text": "Over.", "answers": ()}
    await office.desk.issue(api.Issue(await composed(office, 4, **cancel)), CHIEF)


async def test_a_preview_says_whether_a_second_person_is_needed() -> None:
    office = Office()
    for status, place, needed in (("actual", "44", True), ("exercise", "44", False), ("actual", "4401", False)):
        reply = await office.desk.preview(api.Preview(Selector((place,)), status), CHIEF)
        assert reply.needs_second == needed
