"""A branch that is cut or carries nothing: what a tally says beside figures that may be old. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from fusioncmd.canary import Fault
from fusioncmd.codes import Path


class CutLine(Struct, frozen=True):
    """The link from the node of `by` to that of `code`. `cut`: nothing comes from there, so its figures are those of
    `since_ms` (ms since 1970); `deaf`: what comes is of now, and nothing arrives there; `mute`: it is up, and no canary
    has come back since, so orders may not get through: where `code` is `by`, through `gateway` or the order stream."""

    code: str
    state: Fault
    since_ms: int
    by: str = ""
    gateway: str = ""


def cut_at(cuts: Iterable[CutLine], place: Path) -> tuple[CutLine, ...]:
    """Those that concern the figures of `place`: of nodes in it, and of those that it lies in."""
    return tuple(cut for cut in cuts if place.covers(Path(cut.code)) or Path(cut.code).covers(place))
