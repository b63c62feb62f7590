"""Who is at the other end of a satellite link: a certificate whose key a node stated to be its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fusioncmd.trust.chains import Anchors, Chain


class Identity(NamedTuple):
    """This end's own: what `fusioncmd.trust.link_keys.ensure_link_certificate(data, code, now_ms)` wrote."""

    code: str
    certificate_pem: bytes
    key_pem: bytes


class Believes(NamedTuple):
    """What is believed at this end: roots, what has ended (`since_ms`: of a chain, None while it holds), the time."""

    anchors: Callable[[], Anchors]
    ended_since_ms: Callable[[Chain], int | None]
    now_ms: Callable[[], int]


def load(data: Path) -> Identity:
    """Of a node's data folder; `NotFound`."""
    raise NotImplementedError
