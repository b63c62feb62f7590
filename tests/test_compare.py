"""`python -m loadtest compare`: real servers, a few hundred terminals; who is not installed, what is left."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fusioncmd.errors import BadInput
from loadtest.compare import measuring, scenario, servers
from loadtest.compare.measuring import Row
from loadtest.compare.table import figures
from tests.test_tidy import ROOT

TERMINALS = 300
HERE = [name for name, kind in scenario.KINDS.items() if kind.absent() is None]
# How many processes a row is, with the command itself and two of the swarm: a kind of server each.
PROCESSES = {"floor": 5, "nats-tcp": 5, "mosquitto": 5, "nchan": 7}


def given_for(only: str, terminals: int = TERMINALS) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    scenario.add_arguments(parser)
    return parser.parse_args(["--only", only, "--terminals", str(terminals), "--rounds", "1", "--people", "600"])


def running_in(folder: Path) -> set[int]:
    """The processes whose working folder is this one, as that of all that a command starts."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if os.readlink(link) == str(folder):
                found.add(int(link.parent.name))
        except OSError:  # it is another's, or gone
            continue
    return found


def until_nothing_runs_in(folder: Path) -> None:
    give_up = time.monotonic() + 20.0
    while running_in(folder):
        assert time.monotonic() < give_up, running_in(folder)
        time.sleep(0.1)


def test_the_same_terminals_are_called_down_through_every_server_that_is_here(tmp_path: Path) -> None:
    assert {"floor", "fusioncmd", "nats-ws", "nats-tcp"} <= set(HERE)
    argv = ["--only", ",".join(HERE), "--terminals", str(TERMINALS), "--rounds", "1", "--people", "600"]
    done = subprocess.run(
        [sys.executable, "-m", "loadtest", "compare", *argv, "--json", "found.json"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nats-tcp" in done.stdout and "PASS" in done.stdout  # people get the table, programs the file
    said: dict[str, Any] = json.loads((tmp_path / "found.json").read_text())
    found = said["figures"]
    assert said["good"] and not said["failures"] and said["conditions"]["terminals"] == TERMINALS
    for name in HERE:
        assert (found[f"{name}: deliveries lost"], found[f"{name}: answers lost"]) == (0, 0)
        assert 0 < found[f"{name}: last delivery [s]"] < found[f"{name}: last answer counted [s]"]
        assert (f"{name}: last answer on disk and confirmed [s]" in found) == (name == "fusioncmd")
        assert (f"{name}: last delivery, as a ratio to the floor" in found) == (name != "floor")
    until_nothing_runs_in(tmp_path)


@pytest.mark.parametrize("name", [name for name in PROCESSES if name in HERE])
def test_nothing_is_left_when_it_is_killed(name: str, tmp_path: Path) -> None:
    argv = ["--only", name, "--terminals", "50", "--rounds", "1000"]
    process = subprocess.Popen(
        [sys.executable, "-m", "loadtest", "compare", *argv],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        give_up = time.monotonic() + 60.0
        while len(running_in(tmp_path)) < PROCESSES[name]:
            assert time.monotonic() < give_up
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    until_nothing_runs_in(tmp_path)


def test_a_server_that_is_not_installed_is_a_row_that_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(servers, "SYSTEM_FOLDERS", "")
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    result = asyncio.run(scenario.run(given_for("mosquitto,nchan,websockets,aiohttp")))
    assert result.good
    assert [figure.value for figure in result.figures] == [
        "not installed: apt-get install mosquitto",
        "not installed: apt-get install nginx libnginx-mod-nchan",
        "not installed: pip install websockets",
        "not installed: pip install aiohttp",
    ]
    assert result.remarks[0] == "mosquitto: not installed: apt-get install mosquitto"


def test_a_server_whose_descriptors_do_not_suffice_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario, "raise_descriptors", lambda: 20_000)
    result = asyncio.run(scenario.run(given_for("floor,nats-tcp", 50_000)))
    assert result.good
    assert [figure.value for figure in result.figures] == [
        "2 process(es) of 20,000 descriptors each cannot hold 50,000 connections",
        "1 process(es) of 20,000 descriptors each cannot hold 50,000 connections",
    ]


def test_what_is_lost_is_counted_and_the_floor_and_this_system_may_lose_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measuring, "STALL_S_MAX", 0.5)
    monkeypatch.setattr(servers, "ORDER_BYTES", 200)  # what the floor sends is never a whole order
    result = asyncio.run(scenario.run(given_for("floor", 50)))
    found = {figure.name: figure.value for figure in result.figures}
    assert (found["floor: deliveries lost"], found["floor: answers lost"]) == (50, 50)
    assert not result.good
    assert result.failures == ["floor: 50 deliveries were lost.", "floor: 50 answers were lost."]


def test_a_row_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadInput, match="no row emqx"):
        scenario.chosen_of("floor,emqx")
    assert scenario.chosen_of("nats-tcp, floor") == ["floor", "nats-tcp"]
    assert scenario.chosen_of(None) == list(scenario.KINDS)


def test_ratios_are_to_the_floor_and_there_are_none_without_it() -> None:
    floor = Row("floor", delivered_s=0.2, counted_s=0.4, round_us=20.0, connect_us=10.0, memory_b=30)
    other = Row("other", delivered_s=0.3, counted_s=0.4, round_us=50.0, connect_us=5.0, memory_b=3000)
    ratios = {f.name: f.value for f in figures([floor, other]) if "ratio" in f.name}
    assert list(ratios.values()) == [1.5, 1.0, 2.5, 0.5]
    assert all(name.startswith("other: ") for name in ratios)
    assert not [f for f in figures([other]) if "ratio" in f.name]
