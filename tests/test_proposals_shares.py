"""One key, or all that one office granted, fill neither the places of proposals nor those of what was withdrawn."""

from __future__ import annotations

import pytest

from fusioncmd import api, limits
from fusioncmd.errors import Conflict
from fusioncmd.messages import Selector, Status
from fusioncmd.trust import seals, shares
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.shares import is_full
from tests.test_desk import Office
from tests.test_proposals import restarted, waiting
from tests.worlds import CHIEF, DUTY, OFFICES, make_draft, make_id

ACTUAL: tuple[Status, ...] = ("actual",)
OTHER = OFFICES.grant(OFFICES.root, "Other Office", purposes=("issue",), statuses=ACTUAL)


async def propose(office: Office, n: int, own: Credential) -> api.Proposal:
    draft = make_draft(
        status="actual", id=make_id(n, office.now_ms), issuer=own.grant.holder, audience=Selector(("44",))
    )
    body = (await office.desk.compose(api.Compose(draft), CHIEF)).body
    return await office.desk.proposals.propose(api.Propose(seals.seal(body, own)), CHIEF)


async def test_a_key_that_fills_its_share_keeps_no_other_key_out_and_not_after_a_restart() -> None:
    office = Office()
    for n in range(limits.PROPOSALS_PER_KEY_MAX):
        await propose(office, n, DUTY["actual"])
    for again in (office, await restarted(office)):
        with pytest.raises(Conflict, match="8 orders of this key"):
            await propose(again, 90, DUTY["actual"])
    await propose(office, 91, OTHER)
    await office.desk.proposals.withdraw(api.Withdraw(make_id(0)), CHIEF)
    await propose(office, 92, DUTY["actual"])
    assert len(await waiting(await restarted(office))) == limits.PROPOSALS_PER_KEY_MAX + 1


async def test_an_office_that_grants_itself_key_after_key_fills_its_branch_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "PROPOSALS_PER_BRANCH_MAX", 3)
    office = Office()
    made = [OFFICES.grant(OFFICES.province, f"hand {n}", purposes=("issue",), statuses=ACTUAL) for n in range(4)]
    for n, own in enumerate(made[:3]):
        await propose(office, n, own)
    with pytest.raises(Conflict, match="or 3 of those that were granted with it"):
        await propose(office, 3, made[3])
    await propose(office, 4, OTHER)


async def test_who_withdraws_too_much_proposes_no_more_and_others_do_also_after_a_restart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "WITHDRAWN_PER_KEY_MAX", 2)
    office = Office()
    for n in range(2):
        await propose(office, n, DUTY["actual"])
        await office.desk.proposals.withdraw(api.Withdraw(make_id(n)), CHIEF)
    for again, n in ((office, 5), (await restarted(office), 6)):
        with pytest.raises(Conflict, match="Too many orders were withdrawn"):
            await propose(again, 90, DUTY["actual"])
        await propose(again, n, OTHER)


def test_a_key_takes_of_its_own_share_and_of_that_of_each_key_above_it_but_the_root() -> None:
    chain = OFFICES.anchors.prove(DUTY["actual"].name, DUTY["actual"].chain)
    mine, above = shares.takers(chain)
    assert above == shares.takers(OFFICES.anchors.prove(OFFICES.province.name, OFFICES.province.chain))[0]
    assert is_full((mine, above), [(mine, above)] * 2, 2, 9) and not is_full((mine, above), [(mine, above)], 2, 9)
    assert not is_full((above,), [(mine, above)] * 2, 2, 9)  # what it granted takes nothing of its own
    assert is_full((b"new", above), [(mine, above), (above,)], 9, 2)
