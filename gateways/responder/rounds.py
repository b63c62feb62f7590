"""An epoll that hangs in the event loop: its rounds come at once after a silence, and at a pace while there is much."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

from gateways.responder.pace import Pace


class Rounds:
    """Calls `handle`, which tells how many events it had and how many of those who are coming in, whenever there are
    any at the epoll `fd`.

    Between the two stands a valve, an epoll of one: shut while a round waits for more, so that the loop goes on with
    all else meanwhile. To take `fd` out of the loop and add it again would let the kernel walk all of its sockets each
    time (36 % of a gateway, measured); a change of what is asked of it walks past none.
    """

    def __init__(self, fd: int, handle: Callable[[], tuple[int, int]]) -> None:
        self._fd, self._handle = fd, handle
        self._loop = asyncio.get_running_loop()
        self._pace = Pace()
        self._valve = select.epoll()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._valve.register(self._fd, select.EPOLLIN)
        self._loop.add_reader(self._valve.fileno(), self._ready)

    def stop(self) -> None:
        self._loop.remove_reader(self._valve.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._valve.close()

    def _ready(self) -> None:
        if (wait_s := self._pace.before(self._loop.time())) > 0:
            self._valve.modify(self._fd, 0)
            self._timer = self._loop.call_later(wait_s, self._waited)
        else:
            self._round()

    def _waited(self) -> None:
        self._timer = None
        self._valve.modify(self._fd, select.EPOLLIN)  # first: a fault in the round must not leave it shut
        self._round()

    def _round(self) -> None:
        events, entering = self._handle()
        self._pace.had(events, self._loop.time(), entering)
