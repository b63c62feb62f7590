"""Logs are JSON for programs, and never the reason why something else fails."""

from __future__ import annotations

import json
import subprocess
import sys

SAY = """
import structlog, sys
from fusioncmd.logs import configure_logs
configure_logs()
log = structlog.get_logger("x")
log.debug("quiet")
log.warning("bus.lost", url="nats://here", name="广州")
sys.stderr.close()
log.error("nobody.listens")
print("went on")
"""


def test_a_log_line_is_one_json_object_and_one_that_cannot_be_written_is_lost() -> None:
    done = subprocess.run([sys.executable, "-c", SAY], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and done.stdout == "went on\n"
    (line,) = done.stderr.splitlines()
    said = json.loads(line)
    assert (said["event"], said["level"], said["name"]) == ("bus.lost", "warning", "广州")
    assert "广州" in line and said["timestamp"].endswith("Z")


def test_a_reader_of_the_log_that_went_away_ends_nothing() -> None:
    noisy = SAY.replace("sys.stderr.close()", "for _ in range(20_000): log.error('much', text='x' * 100)")
    process = subprocess.Popen(
        [sys.executable, "-c", noisy], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None and process.stderr is not None
    process.stderr.close()
    with process.stdout as out:
        assert out.read() == "went on\n"
    assert process.wait(10) in (0, 120)  # 120: the interpreter could not flush what was left
