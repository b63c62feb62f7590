"""Two and more press in the same millisecond, over bad links that are cut: 60 races; and a race can fail."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable

import pytest

from fusioncmd.floor import seat
from fusioncmd.floor.arbiter import Arbiter
from fusioncmd.floor.frames import Beacon
from loadtest import floor_races
from loadtest.floor_races import race


@pytest.mark.parametrize("first", range(1, 61, 20))
def test_one_speaks_and_the_floor_is_freed(first: int) -> None:
    bursts = 0
    for seed in range(first, first + 20):
        found = race(seed)
        bursts += found.bursts
        assert found.wrong == [], f"python -m loadtest floor --seed {seed} --races 1"
    assert bursts > 3 * 20


def test_a_seed_is_the_same_race_again_in_another_process_too() -> None:
    found = race(7)
    assert found == race(7) != race(8)
    for hashes in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", "from loadtest.floor_races import race; print(race(7))"],
            env={**os.environ, "PYTHONHASHSEED": hashes}, capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert ran.stdout.strip() == str(found)


def breaks_the_revoke(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arbiter that grants before who is revoked has let go."""
    revoke = Arbiter._revoke
    monkeypatch.setattr(Arbiter, "_revoke", lambda self, cause, ms: [*revoke(self, cause, ms), *self._free(ms)])


def breaks_the_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that grants although it hears somebody speak by the word of the arbiter before it."""
    monkeypatch.setattr(seat.Seat, "_withheld_ms", lambda self, burst, now_ms: 0)


def breaks_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    """An arbiter that does not hear of a release, nor that nobody speaks any more."""
    monkeypatch.setattr(Arbiter, "release", lambda self, key, now_ms: [])
    monkeypatch.setattr(Arbiter, "_tick_taken", lambda self, now_ms: [])


def breaks_the_return(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that goes on arbitrating beside a better one."""

    def hear(self: seat.Seat, beacon: Beacon, now_ms: int) -> None:
        self._nodes.hear(beacon.node, now_ms)

    monkeypatch.setattr(seat.Seat, "hear", hear)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (breaks_the_revoke, "speak at once"),
        (breaks_the_evidence, "speak at once"),
        (breaks_the_release, "is not freed"),
        (breaks_the_return, "arbitrate"),
    ],
)
def test_a_race_fails_where_the_floor_is_broken(
    how: Callable[[pytest.MonkeyPatch], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    how(monkeypatch)
    assert any(re.search(said, one) for seed in range(1, 400) for one in race(seed).wrong)


async def test_the_scenario_says_which_seed_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = argparse.Namespace(races=3, seed=1, json=True)
    assert await floor_races.main(given) == 0
    breaks_the_release(monkeypatch)
    assert await floor_races.main(given) == 1
    assert "--seed 1 --races 1" in capsys.readouterr().out
