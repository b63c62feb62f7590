"""One person to be reached by one channel, and what became of it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from fusioncmd.ladder.wire import Notice

Fate = Literal["accepted", "failed", "gone", "later", "unsure"]


@dataclass(slots=True)
class Errand:
    """`until_s` by the process's monotonic clock: the order has ended then."""

    notice: Notice
    number: int
    address: str
    until_s: float
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """`later`: surely not taken now, and may be tried again, not before `wait_s`. `gone`: there is no such address any
    more. `unsure`: nobody knows; not tried again, because a person would be reached twice."""

    fate: Fate
    wait_s: float = 0.0
    why: str = ""


Delivered = Callable[[bytes, int, int], None]  # order, step, number: the device has it
Replied = Callable[[str, str], Awaitable[bool]]  # address, text: True when it need not be said again


class Sender(Protocol):
    """What a channel has to do. `memory.py` is its twin without a network."""

    async def send(self, errand: Errand) -> Result: ...

    async def run(self) -> None:
        """What keeps it connected, until it is cancelled."""

    @property
    def ready(self) -> bool:
        """Whether it would get anywhere now; while not, nothing is taken from the node."""
