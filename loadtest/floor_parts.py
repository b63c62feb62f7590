"""What a race for the floor is made of: links, talkers, and what was found."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusioncmd.floor.participant import Participant

NEVER_CUT = -1 << 40


@dataclass(slots=True)
class Link:
    """Between a station and the one above it. `cut_ms`: when it was cut for the last time, or still was."""

    loss: float
    delay_ms: tuple[int, int]
    doubled: float
    cuts: list[tuple[int, int]] = field(default_factory=list)

    def is_cut(self, now_ms: int) -> bool:
        return any(begin <= now_ms < end for begin, end in self.cuts)

    def whole_since(self, now_ms: int) -> int | None:
        """None: it is cut now."""
        if self.is_cut(now_ms):
            return None
        return max((end for _, end in self.cuts if end <= now_ms), default=NEVER_CUT)


@dataclass(slots=True)
class Talker:
    participant: Participant
    gateway: str
    priority: int
    emergency: bool
    dead: bool = False  # its battery came out: it says nothing any more


@dataclass(slots=True)
class Found:
    """What was wrong, and what was measured."""

    wrong: list[str] = field(default_factory=list)
    granted_ms: list[int] = field(default_factory=list)  # from the button to the grant, where nothing else was going on
    together_ms: int = 0  # how long two sides that met again had two holders, at most
    bursts: int = 0
