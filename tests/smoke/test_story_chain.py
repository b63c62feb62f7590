"""`python -m loadtest chain`: what it measures is what five real tiers did, and every order of it is exact."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WHERE = ("order on disk in the province", "order at the village terminal", "answer in the province's tally")


def test_orders_go_down_five_tiers_and_answers_come_up_exact() -> None:
    argv = [sys.executable, "-m", "loadtest", "chain", "--orders", "3", "--seed", "7", "--json"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads(done.stdout)
    figures = found["figures"]
    assert found["good"] and found["conditions"]["tiers"] == 5
    assert figures["orders that came back answered"] == 3
    assert found["violations"] and not any(found["violations"].values())
    for which in ("median", "p99"):
        on_disk, shown, counted = (figures[f"{name}, {which} [s]"] for name in WHERE)
        assert 0 < on_disk < shown < counted < 30
    for name in WHERE:
        assert figures[f"{name}, median [s]"] <= figures[f"{name}, p99 [s]"]
