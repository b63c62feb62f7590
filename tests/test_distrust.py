"""A terminal that does not believe what it was delivered says so: each person is counted once, and logged."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pyroaring import BitMap
from structlog.testing import capture_logs

from fusioncmd import ids, limits
from fusioncmd.terminal import Distrust
from gateways.responder.distrust import Distrusted
from tests.terminals import ALIVE, DISTRUST, a_world
from tests.worlds import make_id

SAID = Distrust(make_id(1), "signature")


def lines(distrusted: Distrusted, *said: tuple[int, Distrust, float]) -> list[Any]:
    with capture_logs() as logs:
        for number, what, now_s in said:
            distrusted.hear(number, what, now_s)
    return logs


def test_each_person_counts_once_and_the_log_says_of_what_and_why() -> None:
    distrusted = Distrusted()
    (line,) = lines(distrusted, (7, SAID, 0.0), (7, SAID, 1.0), (7, Distrust(make_id(2), "root"), 2.0))
    assert (line["event"], line["order"], line["reason"], line["number"]) == (
        "gateway.distrusted", ids.to_text(make_id(1)), "signature", 7,
    )  # fmt: skip
    assert distrusted.numbers == BitMap([7])


@pytest.mark.parametrize(("reason", "written"), [("mode", "mode"), ("x", "other"), ("\n", "other")])
def test_only_reasons_that_are_known_stand_in_the_log(reason: str, written: str) -> None:
    (line,) = lines(Distrusted(), (7, Distrust(None, reason), 0.0))
    assert (line["reason"], line["order"]) == (written, None)


def test_the_log_has_so_many_lines_a_minute_and_everybody_is_counted() -> None:
    distrusted, many = Distrusted(), limits.REFUSALS_LOGGED_MAX + 5
    assert len(lines(distrusted, *((n, SAID, 100.0) for n in range(many)))) == limits.REFUSALS_LOGGED_MAX
    assert len(distrusted.numbers) == many
    assert len(lines(distrusted, (9_999, SAID, 100.0 + limits.REFUSALS_LOGGED_S))) == 1


async def test_a_terminal_says_so_and_stays_connected() -> None:
    async with a_world() as world:
        terminal = await world.enter(7)
        for frame in ((make_id(1), "signature"), (None, "bytes")):
            terminal.say(DISTRUST, *frame)
        terminal.say(ALIVE)
        assert await terminal.hear() == [ALIVE]
        assert world.gateway.distrusted.numbers == BitMap([7])


async def test_what_is_no_such_frame_closes_the_connection() -> None:
    async with a_world() as world:
        terminal = await world.enter(7)
        terminal.say(DISTRUST, make_id(1), "x" * (limits.DISTRUST_REASON_CHARS_MAX + 1))
        async with asyncio.timeout(5):
            assert (await terminal.closing())[0] == 4101
        assert not world.gateway.distrusted.numbers
