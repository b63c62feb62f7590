"""The lower end of a satellite link: it dials the hub for ever, by one of several ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from gateways.satellite.classes import Class
from gateways.satellite.facts import Facts
from gateways.satellite.identity import Believes, Identity
from gateways.satellite.ways import Way


class KitDialer:
    """A `Pipe`. `above`: code of the node that the hub must prove to be."""

    heard: Callable[[Class, bytes], None]
    turned: Callable[[bool], None]
    up: bool
    rate_bps: int

    def __init__(
        self,
        hub: tuple[str, int],
        ways: Sequence[Way],
        identity: Identity,
        believes: Believes,
        above: str,
        ticket_file: Path | None = None,
    ) -> None: ...

    async def open(self) -> None: ...

    def close(self) -> None: ...

    def waiting(self, cls: Class) -> int: ...

    def say(self, cls: Class, letter: bytes, lives_s: float | None = None) -> bool: ...

    def use(self, way: str) -> None:
        """Change over to that way now, if it answers."""

    def facts(self) -> Facts: ...
