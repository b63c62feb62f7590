"""Moves a line through time: what is offered goes in, what is due comes out, and one timer is set for what is next."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random

from loadtest.link.packets import Flow, Payload, Receiver
from loadtest.link.quantities import S
from loadtest.link.schedule import Change, Direction
from loadtest.link.shaper import FLYING_BYTES_MAX, Line


class Pump:
    """One direction of a link at work. `began_ns` is when the link began, on the monotonic clock."""

    def __init__(self, direction: Direction, line: Line, seed: int, on_cut: Callable[[], None]) -> None:
        self.direction, self.line = direction, line
        self._seed, self._on_cut = seed, on_cut
        self._flows = 0
        self._cuts = 0  # that were told
        self._full: dict[Flow, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._armed_ns = 0
        self._stopped = False
        self._began_ns = time.monotonic_ns()
        self._loop = asyncio.get_running_loop()

    def begin(self, began_ns: int) -> None:
        self._began_ns = began_ns
        self.run()

    def now_ns(self) -> int:
        return time.monotonic_ns() - self._began_ns

    def flow(self, receiver: Receiver, *, ordered: bool) -> Flow:
        """The nth flow has the nth row of chances of this seed and direction."""
        self._flows += 1
        chance = Random(f"link/{self._seed}/{self.direction}/{self._flows}").random
        return Flow(receiver, ordered, chance)

    def say(self, flow: Flow, payload: Payload) -> None:
        self.line.offer(self.now_ns(), flow, payload)

    def full(self, flow: Flow) -> bool:
        queue_bytes = self.line.profile.queue_bytes
        return flow.waiting_bytes > queue_bytes or self.line.flying_bytes > FLYING_BYTES_MAX

    def when_eased(self, flow: Flow, call: Callable[[], None]) -> None:
        """Call once, when the flow is not full any more."""
        self._full[flow] = call

    def turn(self, *, cut: bool | None = None, deaf: bool | None = None) -> None:
        self.line.switch(Change(self.now_ns(), cut, deaf))
        self.run()

    def abandon(self, flow: Flow) -> None:
        self._full.pop(flow, None)
        self.line.abandon(flow)

    def run(self) -> None:
        """All that is due; then the timer."""
        for flow, payload in self.line.advance(self.now_ns()):
            flow.receiver.arrive(payload)
        for flow in [flow for flow in self._full if not self.full(flow)]:
            self._full.pop(flow)()
        if self.line.counters.cuts != self._cuts:
            self._cuts = self.line.counters.cuts
            self._on_cut()
        self._arm()

    def stop(self) -> None:
        """For good: what still happens to sockets moves nothing any more."""
        self._stopped = True
        self._disarm()

    def _arm(self) -> None:
        next_ns = self.line.next_ns()
        if self._stopped or next_ns is None or (self._timer is not None and self._armed_ns <= next_ns):
            return
        self._disarm()
        self._armed_ns = next_ns
        self._timer = self._loop.call_later(max(0, next_ns - self.now_ns()) / S, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self._timer = None
        self.run()
