"""Logging in at a real node over the memory bus: what lets somebody in, what ends it, and what a flood does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fusioncmd import api, limits, subjects
from fusioncmd.accounts import passwords
from fusioncmd.accounts.account import key_of
from fusioncmd.bus.port import ACCOUNT
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, Conflict, Forbidden, NoSession, NotFound, Problem, StorageFull
from fusioncmd.messages import Selector
from fusioncmd.trust import revocations
from tests.login_counter import NEXT, PASSWORD, counter
from tests.test_node import province
from tests.worlds import ADMIN_KEY, NOW_MS, OFFICES, by_key


async def test_an_account_lets_its_person_in_with_its_roles_and_place(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        chen = await here.login("CHEN ")
        who = await chen.ask(api.WhoAmI())
        assert (who.name, who.roles, who.path, who.node, who.by) == ("chen", ("commander",), "4401", "44", "account")
        assert who.expires_s == NOW_MS // 1000 + limits.SESSION_S
        assert (await chen.ask(api.Preview(Selector(("440106",))))).targeted == 4
        with pytest.raises(Forbidden, match="beyond 4401"):
            await chen.ask(api.Preview(Selector(("44",))))
        with pytest.raises(Forbidden, match="it is for: administrator"):
            await chen.ask(api.Accounts())
        assert here.heard.deeds() == [("duty", "login", ""), ("duty", "account", ""), ("chen", "login", "")]


async def test_whatever_was_wrong_the_sentence_is_the_same_and_no_password_is_written_down(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add("off")
        await here.add("token", password="", subject="t-1")
        await here.admin(api.ChangeAccount(name="off", disabled=True))
        await here.add("chen", totp=True)
        for name, password, code in (
            ("chen", "wrong wrong wrong", ""), ("nobody", PASSWORD, ""), ("off", PASSWORD, ""), ("token", "", ""),
            (PASSWORD, "chen", ""), ("", "", ""),
        ):  # fmt: skip
            with pytest.raises(Forbidden) as caught:
                await here.login(name, password, code)
            assert caught.value.en == "The name, the password or the code is wrong."
        assert PASSWORD not in repr(here.heard.entries) and "wrong wrong" not in repr(here.heard.entries)
        assert [actor for actor, deed, refused in here.heard.deeds() if refused] == [
            "chen", "unknown", "off", "token", "unknown", "unknown",
        ]  # fmt: skip


async def test_a_code_is_asked_for_and_is_good_once_even_after_a_restart(tmp_path: Path) -> None:
    bus = await province()
    async with counter(tmp_path, bus) as here:
        secret = await here.add(totp=True)
        with pytest.raises(Forbidden):
            await here.login()
        here.now_s += 1
        code = passwords.code_now(secret, here.now_s)
        await here.login(code=code)
        with pytest.raises(Forbidden, match="is wrong"):
            await here.login(code=code)
        now_s = here.now_s
    async with counter(tmp_path, bus) as here:
        here.now_s = now_s + 2
        with pytest.raises(Forbidden, match="is wrong"):
            await here.login(code=code)
        here.now_s += 30
        await here.login(code=passwords.code_now(secret, here.now_s))


async def test_a_restart_logs_nobody_out_and_a_logout_stays_one(tmp_path: Path) -> None:
    bus = await province()
    async with counter(tmp_path, bus) as here:
        await here.add()
        stays, leaves = await here.login(), await here.login()
        assert (await leaves.ask(api.Logout())).name == "chen"
    async with counter(tmp_path, bus) as here:
        assert (await stays.ask(api.WhoAmI())).name == "chen"
        with pytest.raises(NoSession, match="was ended"):
            await leaves.ask(api.WhoAmI())
        here.now_s += limits.SESSION_S
        with pytest.raises(NoSession, match="has expired"):
            await stays.ask(api.WhoAmI())


@pytest.mark.parametrize(
    "change",
    [
        {"disabled": True}, {"password": NEXT}, {"totp": True}, {"roles": ("auditor",)}, {"path": "440106"},
        {"subject": "c-1"}, {},
    ],
)  # fmt: skip
async def test_a_change_of_an_account_ends_its_sessions_at_once_and_no_others(
    change: dict[str, Any], tmp_path: Path
) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        await here.add("li")
        chen, li = await here.login(), await here.login("li")
        await here.admin(api.ChangeAccount(name="chen", **change))
        with pytest.raises(NoSession, match="was ended"):
            await chen.ask(api.Orders())
        assert (await li.ask(api.WhoAmI())).name == "li"


async def test_a_changed_account_is_what_counts(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        await here.admin(api.ChangeAccount(name="chen", password=NEXT, roles=("auditor",), path="440106"))
        with pytest.raises(Forbidden, match="is wrong"):
            await here.login()
        here.now_s += 1
        who = await (await here.login(password=NEXT)).ask(api.WhoAmI())
        assert (who.roles, who.path) == (("auditor",), "440106")
        (line,) = (await here.admin(api.Accounts())).accounts
        assert (line.name, line.has_password, line.has_totp, line.disabled) == ("chen", True, False, False)


async def test_an_administrator_of_a_city_knows_and_makes_accounts_of_that_city_alone(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add("root", "44", roles=("administrator",))
        await here.add("chen", "4419")
        await here.add("wang", "4401", roles=("administrator",))
        wang = await here.login("wang")
        assert [line.name for line in (await wang.ask(api.Accounts())).accounts] == ["wang"]
        for name in ("chen", "root", "nobody"):
            with pytest.raises(NotFound, match=f"no account {name}"):
                await wang.ask(api.ChangeAccount(name=name, disabled=True))
        for path in ("44", "4419"):
            with pytest.raises(Forbidden):
                await wang.ask(api.AddAccount(name="li", roles=("commander",), path=path, password=PASSWORD))
            with pytest.raises(Forbidden):
                await wang.ask(api.ChangeAccount(name="wang", path=path))
        await wang.ask(api.AddAccount(name="li", roles=("commander",), path="440106", password=PASSWORD))


@pytest.mark.parametrize(
    ("asked", "kind"),
    [
        ({"password": "short"}, BadInput), ({"password": ""}, BadInput), ({"name": "a\nb"}, BadInput),
        ({"path": "4499"}, NotFound), ({"name": "CHEN"}, Conflict), ({"name": "li", "subject": "c-1"}, Conflict),
    ],
)  # fmt: skip
async def test_an_account_that_cannot_be_is_one_sentence_and_nothing_is_stored(
    asked: dict[str, Any], kind: type[Problem], tmp_path: Path
) -> None:
    async with counter(tmp_path) as here:
        await here.add(subject="c-1")
        before = await here.bus.edge(ACCOUNT)
        with pytest.raises(kind):
            await here.add(**{"name": "new"} | asked)
        assert await here.bus.edge(ACCOUNT) == before


async def test_an_account_that_somebody_put_on_the_bus_lets_nobody_in(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        await here.add("li", "440106")
        stored = await here.bus.last(subjects.account(key_of("li")))
        assert stored is not None
        await here.bus.store(subjects.account(key_of("chen")), stored.data)  # another's, under this name
        await here.bus.store(subjects.account(key_of("wang")), b"noise")
        assert (await (await here.login()).ask(api.WhoAmI())).path == "4401"
        assert here.node.accounts.get(key_of("wang")) is None


async def test_a_disk_that_is_full_changes_nothing(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        chen = await here.login()
        here.bus.fail = [StorageFull("The store is full.", "存储已满。") for _ in range(2)]
        with pytest.raises(StorageFull):
            await here.admin(api.ChangeAccount(name="chen", disabled=True))
        with pytest.raises(StorageFull):
            await chen.ask(api.Logout())
        assert (await chen.ask(api.WhoAmI())).name == "chen"


async def test_an_old_hash_is_made_anew_at_the_next_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with counter(tmp_path) as here:
        with monkeypatch.context() as weaker:
            weaker.setattr(passwords, "_hasher", passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
            await here.add()
        before = here.node.accounts.get(key_of("chen"))
        chen = await here.login()
        after = here.node.accounts.get(key_of("chen"))
        assert before is not None and after is not None and before.password != after.password
        assert not passwords.is_outdated(after.password) and (await chen.ask(api.WhoAmI())).name == "chen"
        await here.login()


async def test_a_key_that_is_revoked_ends_its_sessions(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        admin = Commander(here.bus, await by_key(Commander(here.bus)))
        assert (await admin.ask(api.WhoAmI())).by == "key"
        here.node._judge.revocations.add(revocations.revoke(OFFICES.province, ADMIN_KEY.chain, NOW_MS))
        with pytest.raises(NoSession, match="was ended"):
            await admin.ask(api.WhoAmI())


async def test_a_table_of_ended_sessions_that_is_full_refuses_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SESSIONS_ENDED_MAX", 1)
    async with counter(tmp_path) as here:
        await here.add()
        await (await here.login()).ask(api.Logout())
        with pytest.raises(StorageFull, match="ends by itself"):
            await (await here.login()).ask(api.Logout())
