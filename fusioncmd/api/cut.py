"""A branch that is cut: what a tally says beside figures that may be old. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from fusioncmd.api.health import LinkLine
from fusioncmd.codes import Path


class CutLine(Struct, frozen=True):
    """The link to the node of `code`. `cut`: nothing comes from there, so its figures are those of `since_ms` (ms since
    1970); `deaf`: what comes is of now, and nothing arrives there."""

    code: str
    state: Literal["deaf", "cut"]
    since_ms: int


def cut_at(links: Iterable[LinkLine], place: Path) -> tuple[CutLine, ...]:
    """The links whose cut concerns the figures of `place`: to nodes in it, and to those that it lies in."""
    return tuple(
        CutLine(link.peer, link.state, link.since_ms)
        for link in links
        if link.state != "up" and (place.covers(Path(link.peer)) or Path(link.peer).covers(place))
    )
