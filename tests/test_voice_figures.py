"""The voice benchmark in small: real processes, and nothing is lost or late where little is asked."""

from __future__ import annotations

import json
import subprocess
import sys


def test_few_listen_and_hear_all_of_it() -> None:
    few = ("--listeners", "10", "--seconds", "1", "--requests", "5", "--json")
    ran = subprocess.run([sys.executable, "-m", "loadtest", "voice", *few], capture_output=True, timeout=60)
    said = json.loads(ran.stdout)
    assert said["figures"]["lost [%]"] == 0 and said["figures"]["packets to listeners"] == 500, said
    assert said["figures"]["packets of G.711 that were not there [of 50]"] <= 1, said
    assert 0 < said["figures"]["floor request to granted, median [ms]"] < 100, said
