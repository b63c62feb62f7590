"""What the engine tells of its connections, and to whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gateways.responder.hearing import Said


class Sessions(Protocol):
    def glance(self, said: list[Said]) -> Iterator[Said]:
        """Of what came from connections that said a good hello: take what is understood at a glance, give the rest."""

    def message(self, fd: int, payload: bytes) -> bool:
        """False when this ended the connection."""

    def drained(self, fd: int) -> None:
        """All that was sent to `fd` is with the kernel now, after some of it had to wait."""

    def gone(self, fd: int) -> None: ...

    def turn(self) -> None:
        """A round of events was handled."""
