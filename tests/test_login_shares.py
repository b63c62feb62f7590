"""Who holds a key, or grants many, takes neither the logins nor the logouts of others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fusioncmd import api, limits, subjects
from fusioncmd.accounts.proofs import Proofs, prove
from fusioncmd.bus.port import Stored
from fusioncmd.client import Commander, key_login
from fusioncmd.errors import Forbidden, NoSession, StorageFull
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.revocations import Revocations
from tests.login_counter import Counter, counter
from tests.worlds import ADMIN_KEY, NOW_MS, OFFICES
from tiers.accounts import EndedBefore

OTHER = OFFICES.grant(OFFICES.root, "Other Office", purposes=("issue",))


def log_in(desk: Proofs, own: Credential, n: int, at_ms: int = NOW_MS) -> None:
    desk.check([prove(own, "44", at_ms, n.to_bytes(16))], at_ms)


def desk() -> Proofs:
    return Proofs("44", OFFICES.anchors, Revocations(OFFICES.anchors))


def test_a_key_has_a_burst_and_then_a_pace_and_keeps_no_other_out() -> None:
    here = desk()
    for n in range(limits.LOGIN_KEY_BURST_MAX):
        log_in(here, ADMIN_KEY, n)
    with pytest.raises(Forbidden, match="try again in 1 s"):
        log_in(here, ADMIN_KEY, 9_999)
    log_in(here, OTHER, 1)
    log_in(here, OFFICES.people["exercise", "Li Na"], 1)
    for n in range(limits.LOGIN_KEY_PER_S):
        log_in(here, ADMIN_KEY, 10_000 + n, NOW_MS + 1_000)
    with pytest.raises(Forbidden):
        log_in(here, ADMIN_KEY, 20_000, NOW_MS + 1_000)


def test_all_keys_that_one_key_granted_have_a_pace_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGIN_BRANCH_BURST_MAX", 3)
    here = desk()
    for n in range(3):
        log_in(here, OFFICES.grant(OFFICES.province, f"hand {n}", purposes=("issue",)), n)
    with pytest.raises(Forbidden, match="granted with it"):
        log_in(here, OFFICES.grant(OFFICES.province, "hand 3", purposes=("issue",)), 3)
    log_in(here, OTHER, 4)


def test_what_is_known_of_paces_is_forgotten_with_the_proofs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGIN_PROOFS_MAX", 1)
    here = desk()
    log_in(here, ADMIN_KEY, 0)
    log_in(here, OTHER, 1, NOW_MS + 2 * limits.CLOCK_SKEW_MS_MAX)
    assert len(here._own) == 1 and len(here._branches) == 0


async def by_key(here: Counter, own: Credential) -> Commander:
    at = Commander(here.bus)
    return Commander(here.bus, (await key_login(at, (own,), lambda: here.now_s)).session)


async def test_who_logs_out_again_and_again_fills_their_own_share_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_ENDED_PER_HOLDER_MAX", 2)
    async with counter(tmp_path) as here:
        await here.add()
        for _ in range(2):
            await (await here.login()).ask(api.Logout())
            await (await by_key(here, ADMIN_KEY)).ask(api.Logout())
        for full in (await here.login(), await by_key(here, ADMIN_KEY)):
            with pytest.raises(StorageFull, match="ends by itself"):
                await full.ask(api.Logout())
        await (await by_key(here, OTHER)).ask(api.Logout())
        here.now_s += limits.SESSION_S + 1
        await (await here.login()).ask(api.Logout())


async def test_keys_of_one_branch_log_out_for_that_branch_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_ENDED_PER_BRANCH_MAX", 1)
    async with counter(tmp_path) as here:
        await (await by_key(here, ADMIN_KEY)).ask(api.Logout())
        with pytest.raises(StorageFull):
            await (await by_key(here, OFFICES.people["exercise", "Li Na"])).ask(api.Logout())
        await (await by_key(here, OTHER)).ask(api.Logout())


async def test_sessions_that_a_version_before_ended_stay_ended(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        admin = await by_key(here, ADMIN_KEY)
        ident = here.node.logins._actor(admin.session).session
        before = msgspec.msgpack.encode(EndedBefore(((ident, int(here.now_s) + 60),)))
        here.node.accounts.fold(Stored(subjects.ENDED_SESSIONS, before, 1 << 20))
        with pytest.raises(NoSession, match="was ended"):
            await admin.ask(api.WhoAmI())
