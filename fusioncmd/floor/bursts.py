"""What a gateway knows of its own participants who speak or wait, and what it tells them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd.floor.messages import FloorMessage


@dataclass(slots=True)
class Burst:
    """What one participant wants or has."""

    number: int
    participant: str
    request: FloorMessage
    began_ms: int  # asked; once it speaks: spoke
    heard_ms: int  # an arbiter answered; once it speaks: RTP came
    asked_ms: int = -1
    asked: str | None = None  # which node
    granted: FloorMessage | None = None  # it speaks
    until_ms: int = 0  # the grant
    position: int | None = None  # as told last

    @property
    def holding(self) -> bool:
        return self.granted is not None


@dataclass(frozen=True, slots=True)
class Told:
    """`message` to the participant `to`; None: to all but `but`."""

    message: FloorMessage
    to: str | None = None
    but: str | None = None
