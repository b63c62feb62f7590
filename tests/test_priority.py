"""Who comes after others does so with its session, where it leads one, and touches nobody else's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fusioncmd import priority

COME_AFTER = """
from pathlib import Path
from fusioncmd.priority import come_after_others
import os
come_after_others(3)
print(os.nice(0), Path("/proc/self/autogroup").read_text().split()[-1])
"""
grouped = pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no groups of sessions here")


def session_nice() -> int:
    return int(Path("/proc/self/autogroup").read_text().split()[-1])


@grouped
def test_a_session_of_its_own_comes_after_others_too() -> None:
    before = os.nice(0)
    done = subprocess.run([sys.executable, "-c", COME_AFTER], capture_output=True, text=True, start_new_session=True)
    assert done.stdout.split() == [str(before + 3), "3"], done.stderr


@grouped
def test_a_session_that_somebody_else_leads_is_left_alone() -> None:
    before, group_before = os.nice(0), session_nice()
    done = subprocess.run([sys.executable, "-c", COME_AFTER], capture_output=True, text=True)
    assert done.stdout.split() == [str(before + 3), str(group_before)], done.stderr
    assert session_nice() == group_before


def test_a_kernel_without_such_groups_is_no_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lowered: list[int] = []
    monkeypatch.setattr(priority, "_SESSION", tmp_path / "none" / "autogroup")
    monkeypatch.setattr(os, "nice", lowered.append)
    monkeypatch.setattr(os, "getsid", lambda _: os.getpid())
    priority.come_after_others(5)
    assert lowered == [5]
