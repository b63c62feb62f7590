"""Somebody sits at a terminal: an actual order is not sent by a key that is hit by habit; and a drill never asks."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Iterator

import pytest

from tests.tier_process import PROGRAM, TierProcess, environment

PLACE = ("call", "--to", "440106001", "--text", "Go.")


@pytest.fixture(autouse=True)
def all_clear(tier: TierProcess) -> Iterator[None]:
    """Nothing of a test is open after it."""
    yield
    for name in sent(tier):
        tier.ask("cancel", name)


def sent(tier: TierProcess) -> list[str]:
    lines = tier.ask("orders", "--open")["orders"]
    return [line["order"]["id"] for line in lines if line["order"]["text"] == "Go."]


def typed_at_a_terminal(tier: TierProcess, typed: str, *command: object) -> tuple[int, str]:
    """How a command ends when a person sits there and types."""
    here, there = pty.openpty()
    env = environment(FUSIONCMD_NATS=tier.nats, FUSIONCMD_DATA=str(tier.data), COLUMNS="200")
    argv = [str(PROGRAM), *map(str, command)]
    with subprocess.Popen(argv, env=env, stdin=there, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        os.close(there)
        os.write(here, f"{typed}\n".encode())
        out, err = running.communicate(timeout=20)
    os.close(here)
    return running.returncode, (out + err).decode()


@pytest.mark.parametrize("typed", ["", "y", "yes", "1", "EXERCISE"])
def test_at_a_terminal_no_key_that_is_hit_by_habit_sends_an_actual_order(tier: TierProcess, typed: str) -> None:
    code, said = typed_at_a_terminal(tier, typed, *PLACE)
    assert code == 1 and " ACTUAL " in said and "not confirmed" in said
    assert sent(tier) == []


def test_at_a_terminal_the_number_of_people_or_the_word_sends_it_and_a_drill_does_not_ask(tier: TierProcess) -> None:
    people = tier.ask(*PLACE, "--dry-run")["targeted"]
    for typed, more in ((str(people), ()), ("实战", ()), ("", ("--yes",)), ("", ("--exercise",))):
        code, said = typed_at_a_terminal(tier, typed, *PLACE, *more)
        assert code == 0 and "It is on disk" in said and ("Type" in said) == (more == ())
