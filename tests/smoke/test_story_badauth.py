"""Somebody tries every lock, two hundred times a second; people who are called down do not notice."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.test_tidy import ROOT


def test_an_attack_lets_nobody_in_and_keeps_nobody_out() -> None:
    argv = [sys.executable, "-m", "loadtest", "badauth", "--json", "--rate", "200", "--seconds", "4", "--every", "1.5"]
    ran = subprocess.run(
        [*argv, "--logins", "50", "--calm", "2", "--terminals", "150", "--addresses", "2", "--attackers", "1"],
        cwd=ROOT,
        capture_output=True,
        timeout=100,
    )
    assert ran.stdout, ran.stderr.decode()
    told = json.loads(ran.stdout)
    assert told["good"] and ran.returncode == 0, told["failures"]
    figures = told["figures"]
    assert figures["legitimate success [%]"] == "100.000" and figures["orders"] >= 3
    assert figures["bad authentications"] > 400
    kinds = {name.strip().partition(":")[0] for name in figures if name.startswith("  ")}
    assert {
        "guessed password",
        "guessed code",
        "made-up name",
        "forged session",
        "forged proof",
        "altered proof",
    } <= kinds
    assert {"used proof", "no question"} <= kinds
    for deed in ("asked", "logged in by key", "logged in by password", "logged in under the attacked name"):
        done, _, tried = figures[deed].partition(" of ")
        assert done == tried
    assert {"forged ticket", "expired ticket", "noise", "made-up code", "made-up device", "another's device"} <= kinds
    assert not any("LET IN" in name for name in figures)
    assert any("4202" in name for name in figures), "two addresses that fail so often are struck"
