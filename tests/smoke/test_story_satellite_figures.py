"""The benchmark of satellite links, small: five people, an outage of six seconds, no leaf connection beside it."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.test_tidy import ROOT

SOON_S = 10.0  # on a machine that does other things too; what is aimed at is the benchmark's


def test_an_outage_is_measured_and_said_beforehand_and_the_status_says_whether_the_aims_hold() -> None:
    argv = [sys.executable, "-m", "loadtest", "satellite", "--rate", "64k", "--rtt", "600ms", "--loss", "1"]
    ran = subprocess.run(
        [*argv, "--only", "outage", "--over", "satellite", "--people", "5", "--outage", "6s", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout, ran.stderr
    assert "minutes" in ran.stderr and "outage" in ran.stderr and "paths" not in ran.stderr
    told = json.loads(ran.stdout)
    assert ran.returncode == (0 if told["good"] else 1) and told["good"] == (told["failures"] == [])
    assert told["conditions"]["rate"] == "64k" and told["conditions"]["loss"] == 1.0
    figures = told["figures"]
    assert figures.keys() == {
        "satellite: after the outage: first order shown [s]",
        "satellite: after the outage: 95 % of rate in use [s]",
    }
    assert all(0.3 < value < SOON_S for value in figures.values()), figures
