"""What an account, a session and a proof are: bytes that prove something, and every way in which they do not."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from fusioncmd import limits, subjects
from fusioncmd.accounts import account as accounts
from fusioncmd.accounts import passwords, sessions
from fusioncmd.accounts.account import Account, key_of, normal
from fusioncmd.accounts.proofs import Proofs, prove
from fusioncmd.accounts.sessions import Session
from fusioncmd.errors import BadInput, NoSession, Unavailable
from fusioncmd.trust import revocations
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations
from tests.login_counter import counter
from tests.worlds import ADMIN_KEY, DUTY, NODE_KEY, NOW_MS, OFFICES

KEY = bytes(range(32))
NONCE = bytes(16)
SESSION = Session(
    ident=bytes(8), by="account", name="陈伟", epoch=1, grants=(), roles=("commander",), path="4401", expires_s=2_000,
)  # fmt: skip
ACCOUNT = Account(
    name="陈伟", roles=("commander",), path="4401", password="", totp=b"", totp_step=0, disabled=False, epoch=1,
    subject="", changed_ms=NOW_MS,
)  # fmt: skip


def nothing_revoked() -> Revocations:
    return Revocations(OFFICES.anchors)


def test_a_session_is_what_was_minted_until_it_expires() -> None:
    data = sessions.mint(SESSION, KEY)
    assert sessions.check(data, KEY, 1_999.0) == SESSION
    with pytest.raises(NoSession, match="expired"):
        sessions.check(data, KEY, 2_000.0)


def test_no_other_bytes_are_a_session() -> None:
    data = sessions.mint(SESSION, KEY)
    for n in range(len(data)):
        for bit in range(8):
            with pytest.raises(NoSession, match="log in again"):
                sessions.check(data[:n] + bytes([data[n] ^ 1 << bit]) + data[n + 1 :], KEY, 0.0)
    for other in (data[:-1], data + b"\0", data[16:], bytes(limits.SESSION_BYTES_MAX + 1)):
        with pytest.raises(NoSession):
            sessions.check(other, KEY, 0.0)
    with pytest.raises(NoSession):
        sessions.check(data, bytes(32), 0.0)
    with pytest.raises(NoSession, match="Nobody is logged in"):
        sessions.check(b"", KEY, 0.0)


def test_the_longest_session_fits_its_bound() -> None:
    longest = structs.replace(
        SESSION, name="\U00020000" * 64, by="key", path="440106001001", roles=accounts.ROLES, expires_s=1 << 40,
        epoch=1 << 60, grants=(bytes(16),) * 2 * (limits.CHAIN_GRANTS_MAX + 1) * limits.LOGIN_KEYS_MAX,
    )  # fmt: skip
    assert sessions.check(sessions.mint(longest, KEY), KEY, 0.0) == longest


@pytest.mark.parametrize("name", ["", " ", "a\x00b", "a\nb", "a\tb", "\u202etxt", "x" * 65, "\ud800"])
def test_a_name_without_sense_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match="1 to 64 characters"):
        normal(name)


def test_one_name_in_many_spellings_is_one_account() -> None:
    spelled = unicodedata.normalize("NFD", "Zoë")
    assert normal(f" {spelled} ") == "Zoë" and key_of(spelled) == key_of("ZOË ") == key_of("zoë")
    assert key_of("陈伟") != key_of("陈炜")


def test_an_account_is_what_a_node_stated() -> None:
    data = accounts.state(ACCOUNT, NODE_KEY)
    assert accounts.read(data, OFFICES.anchors, nothing_revoked()) == ACCOUNT
    for n in range(0, len(data), 7):
        with pytest.raises(Untrusted):
            accounts.read(data[:n] + bytes([data[n] ^ 1]) + data[n + 1 :], OFFICES.anchors, nothing_revoked())


@pytest.mark.parametrize(
    ("account", "own", "reason"),
    [
        (ACCOUNT, DUTY["exercise"], "purpose"),
        (structs.replace(ACCOUNT, path="44"), OFFICES.node, "scope"),
        (structs.replace(ACCOUNT, changed_ms=1), NODE_KEY, "validity"),
    ],
)
def test_an_account_that_no_node_may_state_is_refused(account: Account, own: Credential, reason: str) -> None:
    with pytest.raises(Untrusted) as caught:
        accounts.read(accounts.state(account, own), OFFICES.anchors, nothing_revoked())
    assert caught.value.reason == reason


def proofs() -> Proofs:
    return Proofs("44", OFFICES.anchors, nothing_revoked())


def test_keys_prove_who_holds_them_and_together_have_the_roles_of_all() -> None:
    given = [prove(own, "44", NOW_MS, NONCE) for own in (DUTY["exercise"], ADMIN_KEY)]
    proved = proofs().check(given, NOW_MS)
    assert (proved.holder, proved.path) == ("duty", "44")
    assert proved.roles == {"commander", "administrator"} and ADMIN_KEY.name in proved.grants
    assert proofs().check(given[:1], NOW_MS).roles == {"commander"}


def test_a_proof_is_good_once() -> None:
    desk, given = proofs(), [prove(ADMIN_KEY, "44", NOW_MS, NONCE)]
    desk.check(given, NOW_MS)
    with pytest.raises(Untrusted, match="used already"):
        desk.check(given, NOW_MS + 1)
    desk.check([prove(ADMIN_KEY, "44", NOW_MS, b"1" * 16)], NOW_MS)


REVOKED = Revocations(OFFICES.anchors)
REVOKED.add(revocations.revoke(OFFICES.province, ADMIN_KEY.chain, NOW_MS))


@pytest.mark.parametrize(
    ("node", "own", "later_ms", "reason"),
    [
        ("4401", ADMIN_KEY, 0, "stale"), ("44", NODE_KEY, 0, "purpose"),
        ("44", ADMIN_KEY, limits.CLOCK_SKEW_MS_MAX + 1, "login_time"),
        ("44", ADMIN_KEY, -limits.CLOCK_SKEW_MS_MAX - 1, "login_time"),
    ],
)  # fmt: skip
def test_a_proof_of_something_else_is_refused(node: str, own: Credential, later_ms: int, reason: str) -> None:
    with pytest.raises(Untrusted) as caught:
        proofs().check([prove(own, node, NOW_MS, NONCE)], NOW_MS + later_ms)
    assert caught.value.reason == reason


def test_a_revoked_key_logs_nobody_in_and_keys_of_two_people_are_nobody() -> None:
    with pytest.raises(Untrusted, match="revoked"):
        Proofs("44", OFFICES.anchors, REVOKED).check([prove(ADMIN_KEY, "44", NOW_MS, NONCE)], NOW_MS)
    assert REVOKED.ended([b"other", ADMIN_KEY.name]) and not REVOKED.ended([NODE_KEY.name])
    other = OFFICES.people["exercise", "Li Na"]
    with pytest.raises(Untrusted):
        proofs().check([prove(own, "44", NOW_MS, NONCE) for own in (ADMIN_KEY, other)], NOW_MS)


def test_the_table_of_proofs_is_bounded_and_forgets_only_what_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOGIN_PROOFS_MAX", 2)
    desk = proofs()
    for n in range(2):
        desk.check([prove(ADMIN_KEY, "44", NOW_MS, bytes([n]) * 16)], NOW_MS)
    with pytest.raises(Unavailable, match="Too many logins"):
        desk.check([prove(ADMIN_KEY, "44", NOW_MS, b"2" * 16)], NOW_MS)
    later_ms = NOW_MS + limits.CLOCK_SKEW_MS_MAX + 1
    desk.check([prove(ADMIN_KEY, "44", later_ms, b"2" * 16)], later_ms)


@pytest.mark.parametrize(
    "password", ["short", "x" * 257, "password1234", "PassWord1234", "aaaaaaaaaaaa", "abababababab", "Commander Chen"]
)
def test_a_password_that_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(BadInput):
        passwords.check_new(password, "commander chen")
    passwords.check_new("correct horse battery", "commander chen")


def test_a_password_fits_its_hash_and_no_other_in_whatever_form_it_was_typed() -> None:
    hash_ = passwords.hashed("Zoë rides at dawn")
    assert hash_.startswith("$argon2id$") and not passwords.is_outdated(hash_)
    assert passwords.fits(hash_, unicodedata.normalize("NFD", "Zoë rides at dawn"))
    assert not passwords.fits(hash_, "Zoe rides at dawn") and not passwords.fits("", "Zoe rides at dawn")
    assert passwords.is_outdated("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$tiSH3xTYU2Hg1P0NPZUqfw")


def test_the_parameters_are_at_least_what_owasp_asks_for() -> None:
    assert passwords.MEMORY_KIB >= 19_456 and passwords.PASSES >= 2


def test_codes_are_those_of_rfc_6238_and_each_is_good_once() -> None:
    secret: Any = b"12345678901234567890"
    at_s = 1_111_111_109  # appendix B: 07081804
    step = at_s // 30
    assert passwords.code_now(secret, at_s) == "081804"
    assert passwords.totp_step(secret, " 081 804", at_s, 0) == step
    assert passwords.totp_step(secret, "081804", at_s + 30, 0) == step
    assert passwords.totp_step(secret, "081804", at_s, step) is None
    for code, when_s in (
        ("081804", at_s + 90),
        ("081804", at_s - 61),
        ("081805", at_s),
        ("", at_s),
    ):
        assert passwords.totp_step(secret, code, when_s, 0) is None


async def test_no_account_is_pushed_out_by_a_statement_that_nobody_would_believe(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        subject = subjects.account(key_of("chen"))
        before = await here.bus.last(subject)
        own = here.node._keys.own
        here.node._judge.revocations.add(revocations.revoke(own, own.chain, NOW_MS))
        here.node.accounts._own = lambda: own  # as one that signs on with a key that has ended
        with pytest.raises(Untrusted):
            await here.node.accounts.put(here.node.accounts.get(key_of("chen")))
        assert await here.bus.last(subject) == before


def test_what_a_key_of_the_node_stated_before_its_end_counts_and_nothing_since() -> None:
    ends = Revocations(OFFICES.anchors)
    ends.add(revocations.revoke(OFFICES.province, NODE_KEY.chain, NOW_MS + 1))
    assert accounts.read(accounts.state(ACCOUNT, NODE_KEY), OFFICES.anchors, ends) == ACCOUNT
    since = structs.replace(ACCOUNT, changed_ms=NOW_MS + 1)
    with pytest.raises(Untrusted) as caught:
        accounts.read(accounts.state(since, NODE_KEY), OFFICES.anchors, ends)
    assert caught.value.reason == "revoked"
