"""What was withdrawn goes to nobody: not by whoever had read it before, not after a restart, not proposed again."""

from __future__ import annotations

import asyncio

import pytest

from fusioncmd import api, limits
from fusioncmd.access import Actor
from fusioncmd.codes import Path
from fusioncmd.errors import Conflict, NotFound
from fusioncmd.messages import Selector
from fusioncmd.trust import seals
from tests.test_desk import PEOPLE, Office
from tests.test_proposals import HOUR_MS, approve, propose, restarted
from tests.worlds import CHIEF, DUTY, make_draft, make_id

CITY = Selector(("4401",))


async def test_what_was_withdrawn_is_not_issued_by_whoever_had_read_it_before_nor_proposed_again() -> None:
    """The sealed order is in the approver's hands: that it waits no more is not enough."""
    office = Office()
    sealed, other = (await propose(office)).sealed, (await propose(office, 2)).sealed
    await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), CHIEF)
    for again in (office, await restarted(office)):
        with pytest.raises(Conflict, match="was withdrawn"):
            await approve(again, sealed)
        assert again.audit.entries[-1].refused == "Conflict" and again.audit.entries[-1].actor == "chief"
        with pytest.raises(Conflict, match="was withdrawn"):
            await again.desk.proposals.propose(api.Propose(sealed), CHIEF)
        assert again.ledger.book.orders == {}
    await approve(office, other)
    assert [*office.ledger.book.orders] == [make_id(2)]
    assert (await approve(office, other)).order.id == make_id(2)  # asked again, after what waited has ended


async def test_who_withdraws_while_it_goes_out_is_told_that_it_is_out() -> None:
    office = Office()
    sealed = (await propose(office)).sealed
    issuing = asyncio.create_task(approve(office, sealed))
    await asyncio.sleep(0)
    with pytest.raises(NotFound):
        await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), CHIEF)
    assert (await issuing).targeted == len(PEOPLE)


async def test_what_was_withdrawn_is_remembered_for_as_long_as_it_could_be_issued_and_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WITHDRAWN_MAX", 1)
    office = Office()
    await propose(office)
    await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), CHIEF)
    with pytest.raises(Conflict, match="Too many orders were withdrawn"):
        await propose(office, 2)
    office.now_ms += 2 * HOUR_MS + 1
    await propose(office, 3)


@pytest.mark.parametrize(("place", "may"), [("4401", True), ("440106", False), ("4419", False)])
async def test_only_whose_place_covers_all_that_it_means_withdraws_it(place: str, may: bool) -> None:
    office = Office()
    sealed = seals.seal(
        (await office.desk.compose(api.Compose(make_draft(status="actual", audience=CITY)), CHIEF)).body, DUTY["actual"]
    )
    office.desk.proposals._waiting[make_id(1)] = sealed
    who = Actor("chen", frozenset({"commander"}), Path(place))
    if may:
        assert (await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), who)).order.id == make_id(1)
        return
    with pytest.raises(NotFound, match="waits for a second person"):
        await office.desk.proposals.withdraw(api.Withdraw(make_id(1)), who)
    assert make_id(1) in office.desk.proposals._waiting and office.audit.entries == []
