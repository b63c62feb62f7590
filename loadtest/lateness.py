"""How late the commander sees who answered: the node's tally, asked for over and over, held against when each terminal
answered by its own record."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable

from fusioncmd import api
from fusioncmd.client import Commander
from fusioncmd.errors import Unavailable

EVERY_S = 0.5
Seen = tuple[float, int]  # when (monotonic clock), and how many had answered by the node's figures


@contextlib.asynccontextmanager
async def tallied(commander: Commander, order: bytes) -> AsyncIterator[list[Seen]]:
    """What the commander sees while the block runs."""
    seen: list[Seen] = []
    ended = asyncio.Event()

    async def ask() -> None:
        while not ended.is_set():
            with contextlib.suppress(Unavailable):  # the next one says how late it is
                answered = (await commander.ask(api.Tally(order))).total.answered
                seen.append((time.monotonic(), answered))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), EVERY_S)

    asking = asyncio.create_task(ask())
    try:
        yield seen
    finally:
        ended.set()
        await asking


def behind_s(seen: Iterable[Seen], answered_s: Iterable[float]) -> float:
    """How old the oldest answer was, at most, that the figures did not have when the commander saw them."""
    given_s = sorted(answered_s)
    waits = (at_s - given_s[count] for at_s, count in seen if count < len(given_s))
    return max((wait_s for wait_s in waits if wait_s > 0), default=0.0)
