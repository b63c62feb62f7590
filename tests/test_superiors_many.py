"""Many superiors at one gateway: each is told how many are silent, and the names are shared."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pyroaring import BitMap

from fusioncmd import tickets
from fusioncmd.api import escalation as asked
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.errors import NotReady
from fusioncmd.ladder import bounds
from fusioncmd.roster.numbers import town_of
from fusioncmd.tickets import Ticket
from gateways.responder.escalated import Escalated
from tests.test_desk import PEOPLE
from tests.test_superiors import BOSS, COUNTY, KEY, ORDER, House, office_with


async def test_many_lists_at_one_gateway_share_its_names_and_none_is_withdrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House((BOSS, "superior-town"), (COUNTY, "superior-county"))
    house.office = office_with((BOSS, "superior-town"), (COUNTY, "superior-county"), bus=house.bus)
    house.office.issued(ORDER, meant=[n for n in PEOPLE if n not in (BOSS, COUNTY) and town_of(n) < 2])
    house.here = BitMap([BOSS, COUNTY])
    ladders, told = await house.start()
    await house.climb(ladders)
    until_s = house.office.now_ms // 1000 + 60
    both = asked.Below(tuple(tickets.mint(Ticket(n, "440103001001", (), until_s), KEY) for n in (BOSS, COUNTY)))
    monkeypatch.setattr(bounds, "SILENT_REPLY_PEOPLE_MAX", 2)
    lists = (await told.below(both, None)).lists
    assert {one.holder: (one.count, len(one.people)) for one in lists} == {BOSS: (3, 1), COUNTY: (3, 1)}


async def test_a_node_that_was_just_started_ends_no_list_and_refuses_no_answer_for_good() -> None:
    house = House((COUNTY, "superior-county"))
    ladders, told = await house.start()
    ladders.begun = False  # as before its first round
    with pytest.raises(NotReady):
        await told.below(asked.Below(()), None)
    with pytest.raises(NotReady):
        told.holder_for(asked.AnswerBelow(b"", ORDER.id, BOSS, 0))


def test_who_comes_back_without_the_role_is_no_superior_any_more() -> None:
    gateway = Escalated(MemoryBus(), SimpleNamespace(fd_of={}), lambda n, frame: None, KEY, lambda: 0.0)  # type: ignore[arg-type]
    gateway.here(5, Ticket(COUNTY, "440103001001", ("superior-county",), 60))
    assert [*gateway._holders] == [COUNTY]
    gateway.here(5, Ticket(COUNTY, "440103001001", (), 60))  # by the same descriptor
    assert not gateway._holders


async def test_what_an_earlier_way_says_late_is_not_the_fate_of_the_last_one() -> None:
    house = House((COUNTY, "superior-county"))
    house.here = BitMap([COUNTY])
    ladders, told = await house.start()
    await house.climb(ladders)  # to the terminal, which says nothing
    await told.note(ORDER.id, "terminal", "failed", [COUNTY])
    await house.later(ladders, 2)
    assert len(house.to(COUNTY)) == 1
    await told.note(ORDER.id, "sms", "accepted", [COUNTY])
    for way in ("terminal", "push"):
        await told.note(ORDER.id, way, "failed", [COUNTY])
    (line,) = told.lines(ladders.kept[ORDER.id], Path("44"))
    assert (line.channel, line.fate) == ("sms", "accepted")
    await told.note(ORDER.id, "sms", "failed", [COUNTY])  # as a receipt says
    assert told.told(ORDER.id)[COUNTY].fate == "failed"
