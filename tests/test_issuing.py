"""What is signed is what is stored, and what a node would not have composed is not issued, whoever signed it."""

from __future__ import annotations

from typing import Any

import pytest

from fusioncmd import api, ids
from fusioncmd.errors import BadOrder, Conflict, NotFound, Problem, StorageFull
from fusioncmd.messages import Audience, Selector, encode
from fusioncmd.trust import seals
from fusioncmd.trust.refusals import Untrusted
from tests.test_desk import PEOPLE, Office
from tests.test_desk_issue import NO_ROOM, Faulty, issue, stored
from tests.worlds import CHIEF, DUTY, NOW_MS, make_draft, make_id, make_order, sealed


async def test_the_bytes_that_were_signed_are_the_bytes_that_are_stored() -> None:
    office = Office()
    order = make_order(1, audience=Selector(("440103",)))
    issued = await office.desk.issue(api.Issue(sealed(order)), CHIEF)
    assert issued.order == order and (await stored(office))[1].data == sealed(order)
    with pytest.raises(Conflict):  # another order of that number
        await office.desk.issue(api.Issue(sealed(make_order(1, text="Stay at home."))), CHIEF)
    assert len(await stored(office)) == 2


@pytest.mark.parametrize(
    ("changes", "later_ms", "kind", "said"),
    [
        ({}, 600_001, BadOrder, "too long ago"), ({}, -300_001, Untrusted, "future"),
        ({"issuer": "chief"}, 0, Untrusted, "another issuer"), ({"text": " Come. "}, 0, BadOrder, "not as the node"),
        ({"msg_type": "update", "refs": make_id(9)}, 0, NotFound, "no order"),
        ({"audience": Selector(("45",)), "node": "45"}, 0, Untrusted, "beyond the place"),
    ],
)  # fmt: skip
async def test_a_signed_order_that_the_node_would_not_compose_is_refused(
    changes: dict[str, Any], later_ms: int, kind: type[Problem], said: str
) -> None:
    office = Office()
    office.now_ms += later_ms
    with pytest.raises(kind, match=said):
        await office.desk.issue(api.Issue(sealed(make_order(1, **changes))), CHIEF)
    assert await stored(office) == []


async def test_a_key_of_the_other_mode_issues_nothing() -> None:
    office = Office()
    body = (await office.desk.compose(api.Compose(make_draft(1, status="actual")), CHIEF)).body
    with pytest.raises(Untrusted, match="exercise and actual have different keys"):
        await office.desk.issue(api.Issue(seals.seal(body, DUTY["exercise"])), CHIEF)
    assert await stored(office) == []


async def test_an_audience_that_somebody_put_there_first_does_not_stand() -> None:
    office = Office()
    forged = Audience(make_id(1), b"everyone", b"")
    await office.bus.store(f"fc.audience.{ids.to_text(make_id(1))}", encode(forged))
    assert (await issue(office)).targeted == len(PEOPLE)


async def test_an_order_that_is_composed_anew_has_an_audience_of_that_time() -> None:
    office = Office(Faulty(None, NO_ROOM))
    with pytest.raises(StorageFull):
        await issue(office)
    office.leave(PEOPLE[0])
    office.now_ms += 60_000
    issued = await issue(office)
    assert (issued.targeted, issued.order.issued_ms) == (len(PEOPLE) - 1, NOW_MS + 60_000)
