"""How far the commander's figures are behind what terminals answered."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from fusioncmd.errors import NotFound, Unavailable
from loadtest import lateness
from loadtest.lateness import Seen, behind_s, tallied


@pytest.mark.parametrize(
    ("seen", "answered_s", "late_s"),
    [
        ([(10.0, 0), (11.0, 2), (12.0, 3)], [10.5, 10.9, 11.5], 0.0),  # each time all that there was
        ([(13.0, 0)], [11.0, 10.0, 12.0], 3.0),  # none of them: the first is meant
        ([(13.0, 2)], [11.0, 10.0, 12.0], 1.0),
        ([(13.0, 2), (14.0, 2), (14.5, 3)], [11.0, 10.0, 12.0], 2.0),  # the worst that was seen
        ([(10.0, 0)], [11.0], 0.0),  # nobody had answered yet
        ([(10.0, 0)], [], 0.0),
        ([], [11.0], 0.0),
    ],
)
def test_it_is_the_oldest_answer_that_was_not_seen(seen: list[Seen], answered_s: list[float], late_s: float) -> None:
    assert behind_s(seen, answered_s) == late_s


class Figures:
    """What a node says, one after the other, and then the last of it."""

    def __init__(self, *replies: int | Exception) -> None:
        self._replies = list(replies)

    async def ask(self, _: object) -> Any:
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if isinstance(reply, Exception):
            raise reply
        return SimpleNamespace(total=SimpleNamespace(answered=reply))


async def test_what_the_commander_sees_is_noted_and_a_node_that_is_away_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lateness, "EVERY_S", 0.001)
    async with tallied(Figures(1, Unavailable("away", "away"), 7), b"order") as seen:  # type: ignore[arg-type]
        async with asyncio.timeout(5):
            while len(seen) < 3:
                await asyncio.sleep(0.001)
    assert [answered for _, answered in seen[:3]] == [1, 7, 7]
    assert sorted(seen) == seen


async def test_a_fault_of_whoever_asks_is_not_swallowed() -> None:
    with pytest.raises(NotFound):
        async with tallied(Figures(NotFound("none", "none")), b"order"):  # type: ignore[arg-type]
            await asyncio.sleep(0)
