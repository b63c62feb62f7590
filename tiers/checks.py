"""Argon2 beside the event loop: one thread, at a pace, with a bounded queue.

A check takes 50 to 100 ms of a core. A flood of them must take no more than half a core from a call-down, and must
not make a commander wait behind thousands of others: who shows an earlier session of the account has a queue apart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fusioncmd import limits
from fusioncmd.accounts import passwords
from fusioncmd.accounts.limiter import Pace
from fusioncmd.errors import Unavailable

T = TypeVar("T")
Pause = Callable[[float], Awaitable[None]]


class Checks:
    """`monotonic` gives seconds, `pause` waits for some."""

    def __init__(self, monotonic: Callable[[], float], pause: Pause) -> None:
        self._monotonic, self._pause = monotonic, pause
        self._pace = Pace(limits.LOGIN_CHECKS_PER_S_MAX, limits.LOGIN_CHECKS_WAITING_MAX)
        self._pace_shown = Pace(limits.LOGIN_CHECKS_SHOWN_PER_S_MAX, limits.LOGIN_CHECKS_SHOWN_WAITING_MAX)
        self._thread = ThreadPoolExecutor(1, "passwords")
        self._took_s = 0.06

    def check_free(self, shown: bool) -> None:
        """`Unavailable` when too many wait: told to everybody alike, but to those who show an earlier session."""
        if self._of(shown).is_full(self._monotonic()):
            raise Unavailable("Too many are logging in now; try again in a moment.", "登录请求过多，请稍后再试。")

    async def fits(self, hash_: str, password: str, shown: bool) -> bool:
        await self._pause(self._of(shown).take(self._monotonic()))
        began_s = self._monotonic()
        found = await self._run(lambda: passwords.fits(hash_, password))
        self._took_s = self._monotonic() - began_s
        return found

    async def pretend(self) -> None:
        """As long as a check would take now, without one: who asks for a name that nobody has takes no time from
        those who ask for their own."""
        await self._pause(self._pace.wait_s(self._monotonic()) + self._took_s)

    async def hashed(self, password: str) -> str:
        return await self._run(lambda: passwords.hashed(password))

    def _of(self, shown: bool) -> Pace:
        return self._pace_shown if shown else self._pace

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
