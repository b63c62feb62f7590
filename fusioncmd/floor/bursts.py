"""What a gateway knows of its own participants who speak or wait, and what it tells them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd.floor.messages import FloorMessage
from fusioncmd.floor.timers import SERVER


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
    told: int = 0  # how often it was granted
    spoke: bool = False
    position: int | None = None  # as told last

    @property
    def holding(self) -> bool:
        return self.granted is not None

    def is_told_again(self, now_ms: int) -> bool:
        """T20: who waited may not have heard Floor Granted, as long as no RTP comes."""
        due = self.holding and not self.spoke and self.told <= SERVER.c20
        return due and now_ms - self.began_ms >= self.told * SERVER.t20_ms


@dataclass(frozen=True, slots=True)
class Told:
    """`message` to the participant `to`; None: to all but `but`."""

    message: FloorMessage
    to: str | None = None
    but: str | None = None
