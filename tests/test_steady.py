"""A wall clock that jumps an hour either way, and what is decided by time: by arithmetic, and in a tier that runs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.messages import Selector
from fusioncmd.steady import FOLLOWED_S_MAX, Steady
from loadtest import harness
from loadtest.harness import Running
from loadtest.scenario import Campaign, all_connected, until_quiet
from loadtest.swarm.fleet import launched

HOUR_S = 3600
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")


class Clocks:
    wall_s, boot_s = 1_000_000.0, 50.0

    def steady(self, given: str | None = None) -> Steady:
        return Steady(lambda: self.wall_s, lambda: self.boot_s, given)


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S, FOLLOWED_S_MAX + 0.1])
def test_a_jump_is_not_followed_but_told_and_time_goes_on(jump_s: float) -> None:
    clocks = Clocks()
    steady = clocks.steady()
    clocks.wall_s += jump_s
    assert steady() == 1_000_000 and steady.jumped and steady.off_s == pytest.approx(jump_s)
    clocks.wall_s, clocks.boot_s = clocks.wall_s + 7, clocks.boot_s + 7
    assert steady() == 1_000_007
    clocks.wall_s -= jump_s
    assert steady() == 1_000_007 and not steady.jumped


def test_a_small_correction_is_taken_over() -> None:
    clocks = Clocks()
    steady = clocks.steady()
    clocks.wall_s += FOLLOWED_S_MAX - 1
    assert steady() == clocks.wall_s and not steady.jumped


def test_a_process_that_is_started_again_keeps_the_setting() -> None:
    clocks = Clocks()
    first = clocks.steady()
    clocks.wall_s += HOUR_S
    assert clocks.steady(repr(first.set_s))() == first() and clocks.steady()() == clocks.wall_s
    for wrong in ("", "soon", "nan", "inf"):
        assert clocks.steady(wrong)() == clocks.wall_s


async def problems(tier: Running) -> list[str]:
    return [said for said in (await tier.commander.ask(api.Health())).problems if "clock" in said]


@pytest.mark.skipif(not FAKETIME.exists(), reason="needs libfaketime (apt: faketime)")
async def test_an_order_and_its_tickets_outlive_jumps_and_nobody_is_shown_it_twice(tmp_path: Path) -> None:
    """Node and gateways under libfaketime; commander and terminals have clocks that are right."""
    set_to = tmp_path / "time"
    set_to.write_text("+0")
    env = {
        "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(set_to), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }  # fmt: skip
    async with harness.running(tmp_path, 1, env=env) as tier:
        await tier.fill(60, 1)
        people = await tier.people()
        tickets = tier.tickets(people, 40)
        async with launched(tickets, tier.tier.port, "hasty", 1, tmp_path) as fleet:
            await all_connected(fleet, 20)
            campaign = Campaign(tier.commander, people)
            draft = {"answers": ("here",), "audience": Selector(("44",)), "status": "exercise", "open_s": 1800}
            wanted = {(await campaign.issue(text="before", **draft)).order.id: len(tickets)}
            await until_quiet(fleet, wanted, 20)
            assert await problems(tier) == []
            for jump in ("+3600", "-3600"):
                set_to.write_text(jump)
                (told,) = await problems(tier)
                assert f"{int(jump):+,} s" in told
                after = (await campaign.issue(text=f"after {jump}", **draft)).order
                assert after.id > max(wanted) and abs(after.issued_ms / 1000 - time.time()) < 60
                wanted[after.id] = len(tickets)
                os.kill(tier.pids()["responder-1"], 9)  # what is started now meets a jumped clock from its first moment
                status = await until_quiet(fleet, wanted, 40)
                assert status.shown == wanted
                states = {each.order.id: each.state for each in (await tier.commander.ask(api.Orders())).lines}
                assert states == dict.fromkeys(wanted, "open")
            record = await fleet.record()
            verdict = await campaign.verdict(record, BitMap(n for n, _ in tickets))
            assert verdict.clean, verdict.counts
