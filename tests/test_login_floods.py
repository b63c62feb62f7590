"""Who guesses passwords: is heard less and less, learns nothing, and keeps no commander out."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fusioncmd import api, limits
from fusioncmd.client import Commander
from fusioncmd.errors import Forbidden, Unavailable
from tests.login_counter import PASSWORD, counter
from tests.worlds import by_key


async def test_after_failures_nobody_is_heard_for_a_while_but_sessions_and_keys_are(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        chen = await here.login()
        for name in ("chen", "nobody"):
            for left_s in (1, 2, 4):
                with pytest.raises(Forbidden, match="is wrong"):
                    await here.login(name, "wrong wrong wrong")
                with pytest.raises(Forbidden, match=f"try again in {left_s} s"):
                    await here.login(name)
                here.now_s += left_s
        assert (await chen.ask(api.WhoAmI())).name == "chen"
        assert (await here.admin(api.WhoAmI())).name == "duty"
        await here.login()


async def test_health_tells_of_guesses_that_are_not_even_heard(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        for _ in range(limits.LOGIN_FAILURES_NOTED_MAX + 1):
            with pytest.raises(Forbidden):
                await here.login(password="wrong wrong wrong")
        assert len([entry for entry in here.heard.entries if entry.refused]) == 1
        problems = (await here.admin(api.Health())).problems
        assert [p for p in problems if p.startswith("61 logins failed within 60 s")]


async def test_names_that_nobody_has_cost_no_check_and_keep_no_commander_out(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        flood = [here.login(f"nobody-{n}", PASSWORD) for n in range(300)]
        results = await asyncio.gather(*flood, here.login(), return_exceptions=True)
        assert {str(r) for r in results[:-1]} == {"The name, the password or the code is wrong."}
        assert isinstance(results[-1], Commander)
        failures = [entry for entry in here.heard.entries if entry.refused]
        assert len(failures) == limits.LOGIN_FAILURES_NOTED_MAX
        problems = (await here.admin(api.Health())).problems
        assert [p for p in problems if p.startswith("300 logins failed within 60 s")]
        here.now_s += 2 * limits.LOGIN_FAILURES_NOTED_S
        assert not [p for p in (await here.admin(api.Health())).problems if "logins failed" in p]


async def test_beyond_a_queue_everybody_is_told_alike_that_it_is_busy(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        pace = here.node._checks._pace
        for _ in range(limits.LOGIN_CHECKS_WAITING_MAX):
            pace.take(here.now_s)
        for name in ("chen", "nobody"):
            with pytest.raises(Unavailable, match="Too many are logging in"):
                await here.login(name)
        here.now_s += 60
        await here.login()


async def test_a_reply_comes_after_a_whole_number_of_quarter_seconds(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        here.waits = True
        for name in ("chen", "nobody"):
            for behind, quarters in ((0, 1), (5, 3)):  # so many checks wait
                here.now_s = began_s = float(int(here.now_s) + 1000)
                for _ in range(behind):
                    here.node._checks._pace.take(here.now_s)
                with pytest.raises(Forbidden, match="is wrong"):
                    await here.login(name, "wrong wrong wrong")
                assert here.now_s - began_s == pytest.approx(quarters * limits.LOGIN_REPLY_MS / 1000, abs=1e-3)


async def test_who_shows_an_earlier_session_is_not_kept_out_by_others_who_try_the_name(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        earlier = (await here.login()).session
        here.now_s += limits.SESSION_S + 1  # it has expired
        for failures in range(7):
            with pytest.raises(Forbidden, match="is wrong"):
                await here.login(password="wrong wrong wrong")
            with pytest.raises(Forbidden, match=r"try again in \d+ s"):
                await here.login()
            here.now_s += min(2**failures, limits.LOGIN_DELAY_S_MAX)
        for _ in range(limits.LOGIN_CHECKS_WAITING_MAX + 1):
            here.node._checks._pace.take(here.now_s)
        with pytest.raises(Unavailable):
            await here.login()
        here.waits, began_s = True, here.now_s
        chen = await here.login(shown=earlier)
        assert here.now_s - began_s < 1  # 25 others wait for 3 s
        assert (await chen.ask(api.WhoAmI())).name == "chen"


async def test_who_shows_a_session_and_guesses_is_heard_less_and_less_too(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        session = (await here.login()).session
        for left_s in (1, 2, 4):
            with pytest.raises(Forbidden, match="is wrong"):
                await here.login(password="wrong wrong wrong", shown=session)
            with pytest.raises(Forbidden, match=f"try again in {left_s} s"):
                await here.login(shown=session)
            here.now_s += left_s
        await here.login()  # from elsewhere, at once


@pytest.mark.parametrize("what", ["another's", "altered", "ended", "of before a change", "too old", "a key's"])
async def test_a_session_that_is_none_of_the_account_sets_nobody_apart(tmp_path: Path, what: str) -> None:
    async with counter(tmp_path) as here:
        await here.add()
        await here.add("li")
        await here.add("duty")  # as the holder of the office's keys is called
        name = "duty" if what == "a key's" else "chen"
        chen = await here.login(name)
        shown = chen.session
        if what == "another's":
            shown = (await here.login("li")).session
        elif what == "altered":
            shown = shown[:-1] + bytes([shown[-1] ^ 1])
        elif what == "ended":
            await chen.ask(api.Logout())
        elif what == "of before a change":
            await here.admin(api.ChangeAccount(name="chen", roles=("auditor",)))
        elif what == "too old":
            here.now_s += limits.SESSION_S + limits.LOGIN_SHOWN_S_MAX + 1
        else:
            office = Commander(here.bus, log_in=by_key)
            await office.log_in()
            shown = office.session
        with pytest.raises(Forbidden, match="is wrong"):
            await here.login(name, "wrong wrong wrong", shown=shown)
        with pytest.raises(Forbidden, match="try again in 1 s"):
            await here.login(name)
