"""Logging in by a signing key at a real node: for its place, until the key ends, and no longer than it is believed."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd import api
from fusioncmd.client import Commander, key_login
from fusioncmd.codes import Path as Place
from fusioncmd.errors import Forbidden, NoSession
from fusioncmd.trust import grants, revocations
from fusioncmd.trust.grants import Credential
from tests.login_counter import Counter, counter
from tests.worlds import NOW_MS, OFFICES

HOUR_S = 3_600


async def login(here: Counter, own: Credential) -> api.LoggedIn:
    return await key_login(Commander(here.bus), (own,), lambda: here.now_s)


async def test_a_session_ends_with_the_key_that_it_was_given_for(tmp_path: Path) -> None:
    own = OFFICES.grant(OFFICES.city, "Chen Wei", purposes=("issue",), not_after_ms=NOW_MS + HOUR_S * 1000)
    async with counter(tmp_path) as here:
        made = await login(here, own)
        assert (await Commander(here.bus, made.session).ask(api.WhoAmI())).expires_s == NOW_MS // 1000 + HOUR_S
        here.now_s += HOUR_S - 1
        assert (await Commander(here.bus, made.session).ask(api.WhoAmI())).name == "Chen Wei"
        here.now_s += 1
        with pytest.raises(NoSession, match="has expired"):
            await Commander(here.bus, made.session).ask(api.WhoAmI())


async def test_a_key_of_a_place_beside_the_nodes_logs_nobody_in(tmp_path: Path) -> None:
    """Another province's key, under a root that both believe."""
    async with counter(tmp_path) as here:
        own, here.node.logins._node = here.node.logins._node, Place("45")
        with pytest.raises(Forbidden, match="The key is for 4401; this node is 45"):
            await login(here, OFFICES.people["exercise", "Chen Wei"])
        here.node.logins._node = own
        assert (await login(here, OFFICES.people["exercise", "Chen Wei"])).session


async def test_a_key_that_ended_itself_through_one_grant_has_no_session_through_another(tmp_path: Path) -> None:
    """Its holder says that it was stolen by whichever grant is at hand: the key is the same."""
    first = OFFICES.grant(OFFICES.city, "Chen Wei", purposes=("issue",), may_delegate=True)
    again = OFFICES.draft(OFFICES.province, "Chen Wei", first.signer, path="4401", purposes=("issue",))
    second = grants.credential(first.signer, (*OFFICES.province.chain, grants.issue(OFFICES.province, again)))
    below = OFFICES.grant(first, "Li Na")
    async with counter(tmp_path) as here:
        mine, theirs = await login(here, first), await login(here, below)
        here.node._judge.revocations.add(revocations.revoke(second, second.chain, NOW_MS))
        for one in (mine, theirs):
            with pytest.raises(NoSession, match="was ended"):
                await Commander(here.bus, one.session).ask(api.WhoAmI())
