"""By which of several ways a kit reaches its hub, best first. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Way(NamedTuple):
    """`address`: of this machine, to send from; empty: what the system chooses."""

    name: str
    address: str
    rate_bps: int
