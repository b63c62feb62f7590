"""Rounds of an epoll in the event loop: the first at once, the next at a pace, and the loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import select
import time

import pytest

from gateways.responder import rounds
from gateways.responder.pace import USUAL, Pace
from gateways.responder.rounds import Rounds


class Pipe:
    """An epoll with the reading end of a pipe, and when its bytes were read."""

    def __init__(self) -> None:
        self.ours, self.theirs = os.pipe()
        self.epoll = select.epoll()
        self.epoll.register(self.ours, select.EPOLLIN)
        self.read_s: list[float] = []
        self.events = 2  # that each round is said to have had

    def handle(self) -> tuple[int, int]:
        assert self.epoll.poll(0)
        os.read(self.ours, 64)
        self.read_s.append(time.monotonic())
        return self.events, 0

    async def write_and_wait(self) -> float:
        """Seconds until one byte was read."""
        began_s, before = time.monotonic(), len(self.read_s)
        os.write(self.theirs, b".")
        async with asyncio.timeout(5):
            while len(self.read_s) == before:
                await asyncio.sleep(0.001)
        return self.read_s[-1] - began_s

    def close(self) -> None:
        self.epoll.close()
        os.close(self.ours)
        os.close(self.theirs)


async def test_a_round_comes_at_once_after_a_silence_and_waits_for_more_while_each_brings_little() -> None:
    pipe = Pipe()
    running = Rounds(pipe.epoll.fileno(), pipe.handle)
    running.start()
    for pipe.events in (2, 3, 4, 5, 7, 9, 12, 16, 21, 28):  # the longer a wait, the more it brings
        took_s = await pipe.write_and_wait()
    assert took_s >= USUAL.wait_s_max / 2
    pipe.events = USUAL.many * 100  # rounds bring much now: waits go
    for _ in range(10):
        took_s = await pipe.write_and_wait()
    assert took_s < USUAL.wait_s_max / 2
    running.stop()
    pipe.close()


async def test_the_loop_goes_on_while_a_round_waits_and_stopped_none_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Pace):
        def before(self, now_s: float) -> float:
            return 0.3

    monkeypatch.setattr(rounds, "Pace", Slow)
    pipe = Pipe()
    running = Rounds(pipe.epoll.fileno(), pipe.handle)
    running.start()
    os.write(pipe.theirs, b".")
    turns, cpu_s = 0, time.process_time()
    until_s = time.monotonic() + 0.2
    while time.monotonic() < until_s:
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 5 and not pipe.read_s
    assert time.process_time() - cpu_s < 0.1  # what waits is not asked for again and again
    running.stop()
    await asyncio.sleep(0.3)
    assert not pipe.read_s
    pipe.close()


async def test_a_fault_in_a_round_is_told_and_the_next_one_comes() -> None:
    told: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    pipe = Pipe()

    def handle() -> tuple[int, int]:
        pipe.handle()
        raise ArithmeticError

    running = Rounds(pipe.epoll.fileno(), handle)
    running.start()
    for _ in range(3):
        await pipe.write_and_wait()
    assert [type(fault) for fault in told] == [ArithmeticError] * 3
    running.stop()
    pipe.close()
