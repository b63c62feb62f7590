"""The system is killed, piece by piece, while people answer; and the demo that a newcomer runs, made small."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.test_tidy import ROOT

GOOD = dict.fromkeys(
    ("lost", "double", "phantom", "outside", "undelivered", "unconfirmed", "repeated", "untrusted"), 0
)  # fmt: skip


def run(*arguments: str) -> dict[str, Any]:
    """A scenario in a process of its own, as a person runs it; its one object on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "loadtest", *arguments, "--json"], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    assert said["good"] and said["violations"] == GOOD and not said["failures"]
    return said


def test_nobody_is_lost_or_counted_twice_when_processes_are_killed() -> None:
    said = run("chaos", "--seed", "10", "--kills", "4", "--terminals", "400")
    assert said["figures"]["kills"] == 4
    assert said["figures"]["answers confirmed"] > 100
    assert said["figures"]["connections lost"] > 0


def test_a_kit_that_is_killed_in_part_and_whole_has_all_that_it_accepted() -> None:
    figures = run("kit", "--seed", "2", "--kills", "2", "--terminals", "40")["figures"]
    assert figures["kills"] == 2 and figures["answers confirmed"] > 40 and figures["segments accepted"] > 0


def test_of_three_servers_the_leader_is_killed_or_stands_still_and_nothing_is_lost() -> None:
    said = run("cluster", "--seed", "1", "--rounds", "2", "--terminals", "300")
    figures = said["figures"]
    assert figures["rounds"] == 2 and figures["answers confirmed"] > 600
    assert 0 < figures["written again after: longest [s]"] <= figures["read again after: longest [s]"] <= 20


@pytest.mark.skipif(os.geteuid() != 0, reason="to mount a small file system takes root")
def test_the_disk_is_filled_and_nothing_is_confirmed_that_is_not_on_it() -> None:
    said = run("disk", "--seed", "1", "--rounds", "1", "--terminals", "200")
    figures = said["figures"]
    assert figures["answers confirmed"] > 150  # some are silent, some think again: by chance
    assert 0 < figures["health said so after: longest [s]"] <= 5


def test_a_call_down_is_timed_weighed_and_exact() -> None:
    said = run("calldown", "--people", "3000", "--terminals", "2500", "--rounds", "1")
    figures = said["figures"]
    assert figures["terminals connected"] == 2500  # so many that the kernel, which counts by 10 ms, sees them work
    assert figures["order on disk [s]"] > 0  # as the commander hears of it: by then few terminals may have it all
    assert 0 < figures["last delivery [s]"] <= figures["last answer confirmed [s]"]
    assert figures["last answer on disk [s]"] <= figures["last answer in the node's tally [s]"]
    assert figures["CPU per delivery and answer: gateways [µs]"] > 0
    assert said["conditions"]["streams"] == "file, sync_interval: always"


def test_the_demo_ends_with_the_ledger_and_the_terminals_agreeing() -> None:
    figures = run("demo", "--people", "4000", "--terminals", "200", "--behaviour", "hasty")["figures"]
    names = [name.removesuffix(": ledger") for name in figures if name.endswith(": ledger")]
    assert len(names) == 6
    for name in names:
        assert figures[f"{name}: ledger"] == figures[f"{name}: terminals"]
    assert sum(figures[f"{name}: ledger"] for name in names[1:5]) == 200


def test_a_scenario_that_is_not_there_is_refused() -> None:
    done = subprocess.run([sys.executable, "-m", "loadtest", "nope"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "demo" in done.stderr


@pytest.mark.parametrize("how", ["INT", "TERM"])
def test_a_demo_that_is_interrupted_leaves_nothing_running(how: str) -> None:
    mark = f"demo-{os.getpid()}-{how}"
    with subprocess.Popen(
        [sys.executable, "-m", "loadtest", "demo", "--people", "400", "--terminals", "100"],
        cwd=ROOT, env=os.environ | {"FUSIONCMD_MARK": mark}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        while b"100" not in process.stdout.readline():
            pass
        assert len(marked(mark)) >= 5
        process.send_signal(getattr(signal, f"SIG{how}"))
        process.stdout.read()
        assert process.wait(timeout=30) != 0
    give_up = time.monotonic() + 10
    while marked(mark):
        assert time.monotonic() < give_up, marked(mark)
        time.sleep(0.05)


def marked(mark: str) -> list[str]:
    """Processes whose environment carries `mark`."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"FUSIONCMD_MARK={mark}".encode() in environ.read_bytes():
                found.append(environ.parent.name)
        except OSError:
            continue
    return found
