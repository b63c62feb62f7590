"""The upper end of satellite links: one UDP port, many kits, one pipe for each."""

from __future__ import annotations

from collections.abc import Callable

from gateways.satellite.carrying import Pipe
from gateways.satellite.facts import Facts
from gateways.satellite.identity import Believes, Identity


class HubPort:
    """`admits(code)`: whether that kit is one of ours now. `on_kit(code, pipe)` is said once for each kit, when it first
    proved who it is; its pipe outlives its connections."""

    def __init__(
        self,
        host: str,
        port: int,
        identity: Identity,
        believes: Believes,
        admits: Callable[[str], bool],
        on_kit: Callable[[str, Pipe], None],
        rate_bps: int = 64_000,
    ) -> None: ...

    async def open(self) -> int:
        """The port; `Unavailable` when it cannot listen there."""

    def close(self) -> None: ...

    def facts(self) -> list[Facts]: ...
