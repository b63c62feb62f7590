"""NATS subjects of alarms, of what was decided about them, of experts and of places. Pure."""

from __future__ import annotations

from fusioncmd import subjects
from fusioncmd.codes import Path

EXPERT_ALL, DRAW_ALL = "fc.expert.>", "fc.draw.>"
PLACE_ALL = "fc.place.>"
ALARM_ALL, DECIDED_ALL = "fc.alarm.>", "fc.decided.>"


def alarm(path: Path) -> str:
    """An alarm from outside that concerns the place."""
    return f"fc.alarm.{path.dotted}"


def still(path: Path, ident: bytes) -> str:
    """The picture on which the alarm of the place was seen: among those of reports, of nobody's."""
    return subjects.picture_part(path, 0, ident, 0)


def stills(path: Path) -> tuple[str, ...]:
    """All of the place and below, as a right to say them."""
    return tuple(f"fc.picture.{path.dotted}{'.*' * depth}.{0:08x}.*.0" for depth in range(6 - path.tier))


def decided(path: Path) -> str:
    """What was decided about an alarm of the place; the node's alone."""
    return f"fc.decided.{path.dotted}"


def expert(ident: str) -> str:
    """An expert of the registry; last per id."""
    return f"fc.expert.{ident.encode().hex()}"


def draw(ident: bytes) -> str:
    """A draw of experts, with what became of it; last per draw."""
    return f"fc.draw.{ident.hex()}"


def place(ident: str) -> str:
    """A place of the registry; last per id."""
    return f"fc.place.{ident.encode().hex()}"
