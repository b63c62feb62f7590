"""A unit's kit: prepared, let join, started by one command, and under its county by satellite; its disk fills, and the
county hears of it. And a lone kit whose machine has lost the time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from fusioncmd import ids
from fusioncmd.cli import kit_clock
from fusioncmd.cli.keys import make_keys
from fusioncmd.divisions import guangdong
from fusioncmd.terminal import Refused, SendReport, Stored
from loadtest.away import FAKETIME
from tests.kit_process import KitProcess
from tests.nats_server import free_port
from tests.smoke.handset import Handset
from tests.smoke.test_story_tiers import PEOPLE, answered, import_people, people_of, tickets
from tests.tier_process import TierProcess, run, until

HUB, KIT = "440106", "440106001"
OFTEN = {"FUSIONCMD_SNAPSHOT_EVERY_S": "0.5"}
TWO_YEARS_S = 2 * 366 * 86_400


def people(folder: Path) -> Path:
    (folder / "people.csv").write_text(PEOPLE, "utf-8")
    return folder / "people.csv"


class World(NamedTuple):
    hub: TierProcess
    kit: KitProcess
    tickets: list[bytes]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, port = tmp_path_factory.mktemp("kit"), free_port()
    data, asked, granted = folder / KIT / "data", folder / "asked.json", folder / "granted.json"
    at_hub = ("--node", HUB, "--satellite-port", port, "--satellite-host", "127.0.0.1", "--gateways", 1)
    with TierProcess(folder / HUB, *at_hub, more=OFTEN) as hub:
        prepared = run("kit", "prepare", "--node", KIT, "--data", data, "--hub", f"127.0.0.1:{port}", "--out", asked)
        assert prepared.code == 0 and "fusioncmd kit --joined" in prepared.out, prepared.err
        early = run("kit", "--data", data)
        assert early.code == 1 and "No tier above has approved the kit 440106001 yet" in early.err
        assert run("nodes", "approve", asked, "--node", HUB, "--data", hub.data, "--out", granted).code == 0
        with KitProcess(folder / KIT, "--joined", granted, "--disk-gib", 1, more=OFTEN) as kit:
            import_people(hub, folder)
            until(lambda: people_of(kit) == 3, 20.0)
            yield World(hub, kit, tickets(kit, folder))


def test_it_says_what_each_person_does_and_an_order_comes_and_its_answer_goes(world: World) -> None:
    hub, kit = world.hub, world.kit
    for words in ("is ready", "rtmp://127.0.0.1:", "fusioncmd devices code", f"http://127.0.0.1:{kit.console_port}/",
                  "is it the one that you were told?"):  # fmt: skip
        assert words in kit.screen, kit.screen
    until(lambda: f"link to {HUB}: up" in kit.screen, 10.0)
    with Handset(kit.terminals, world.tickets[0]) as device:
        call = ("call", "--to", KIT, "--text", "Where are you?", "--answer", "here", "--exercise")
        issued = str(hub.ask(*call)["id"])
        device.answer(device.order("Where are you?"), "here")
        until(lambda: answered(hub, issued) == [1], 15.0)


def test_a_full_disk_refuses_reports_keeps_orders_and_is_known_above(world: World) -> None:
    hub, kit = world.hub, world.kit
    with Handset(kit.terminals, world.tickets[1]) as device:
        kit.ask("call", "--to", KIT, "--text", "Report.", "--answer", "ok", "--exercise")
        order = device.order("Report.")
        filler = kit.data / "filler"
        filler.touch()
        os.truncate(filler, 980 * 1024**2)  # takes no room of this machine
        until(lambda: "it takes no report any more" in kit.here("health").err, 10.0)
        report = SendReport(order.id, ids.make(order.issued_ms, b"0123456789"), "The road is cut.", None, None)
        device.say(report)
        assert device.hear(Refused).code == "not_stored"
        until(lambda: f"{KIT}: The kit's disk is full: it takes no report" in hub.here("health").err, 15.0)
        assert f"{KIT}：四合一装备磁盘已满" in hub.cli("health", lang="zh").err
        device.answer(order, "ok")  # which is kept all the same
        os.truncate(filler, 1_100 * 1024**2)
        call = ("call", "--to", KIT, "--text", "More.", "--answer", "ok", "--exercise")
        until(lambda: "it takes no order" in kit.here("health").err, 10.0)
        assert "The kit's share of its disk is full" in kit.here(*call).err
        filler.unlink()
        until(lambda: "disk is full" not in kit.here("health").err, 10.0)
        device.say(report)
        assert device.hear(Stored).report == report.report
        device.answer(device.order("More.") if kit.ask(*call) else order, "ok")


@pytest.mark.skipif(not FAKETIME.exists(), reason="faketime is not installed here")
def test_a_kit_whose_clock_is_two_years_behind_goes_on_from_what_it_knew_and_loses_nothing(tmp_path: Path) -> None:
    call = ("call", "--to", KIT, "--answer", "ok", "--exercise", "--text")
    data = tmp_path / "data"
    make_keys(data, KIT, guangdong())
    (data / kit_clock.FILE).write_text(str(round(time.time())))
    wrong = OFTEN | {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"-{TWO_YEARS_S}"}
    with KitProcess(tmp_path, "--node", KIT, "--alone", "--no-media", more=wrong) as kit:
        assert "This machine's clock is wrong" in kit.screen and "is ready" in kit.screen
        assert kit.cli("roster", "import", people(tmp_path)).code == 0
        with Handset(kit.terminals, tickets(kit, tmp_path)[0]) as device:
            ran = run(*call, "During.", "--json", **kit.env, **wrong)
            assert ran.code == 0, ran
            during = str(ran.json["id"])
            device.answer(device.order("During."), "ok")
    with KitProcess(tmp_path, more=OFTEN) as kit:
        assert answered(kit, during) == [1]
        kit.ask(*call, "After.")
        assert kit.here("health").code == 0
