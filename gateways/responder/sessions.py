"""What the engine tells of its connections, and to whom. Pure."""

from __future__ import annotations

from typing import Protocol


class Sessions(Protocol):
    def glance(self, fd: int, data: bytes) -> bool:
        """True when `data`, all that came, was understood at a glance, and taken; False changes nothing."""

    def message(self, fd: int, payload: bytes) -> bool:
        """False when this ended the connection."""

    def drained(self, fd: int) -> None:
        """All that was sent to `fd` is with the kernel now, after some of it had to wait."""

    def gone(self, fd: int) -> None: ...

    def turn(self) -> None:
        """A round of events was handled."""
