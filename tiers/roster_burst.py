"""Changes of the roster, gathered into one entry of the audit: an import changes a thousand towns at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusioncmd.audit.entries import Entry


@dataclass(slots=True)
class RosterBurst:
    """`towns`: code → its edition and people, as they are now."""

    towns: dict[str, tuple[int, int]] = field(default_factory=dict)

    def put(self, town: str, edition: int, people: int) -> bool:
        """True for the first of a burst."""
        first = not self.towns
        self.towns[town] = (edition, people)
        return first

    def entry(self, at_ms: int, actor: str) -> Entry | None:
        """What changed since the last one; None when nothing did."""
        if not self.towns:
            return None
        codes = sorted(self.towns)
        people = sum(people for _, people in self.towns.values())
        details = {"towns": str(len(codes)), "people": str(people), "first": codes[0], "last": codes[-1]}
        if len(codes) == 1:
            details["edition"] = str(self.towns[codes[0]][0])
        self.towns.clear()
        return Entry(at_ms, actor, "roster", codes[0], "", details)
