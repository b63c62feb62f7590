"""NATS subjects of alarms, of what was decided about them, of experts and of places. Pure."""

from __future__ import annotations

from fusioncmd.codes import Path

EXPERT_ALL, DRAW_ALL = "fc.expert.>", "fc.draw.>"
PLACE_ALL = "fc.place.>"
ALARM_ALL, DECIDED_ALL = "fc.alarm.>", "fc.decided.>"


def alarm(path: Path) -> str:
    """An alarm from outside that concerns the place."""
    return f"fc.alarm.{path.dotted}"


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
