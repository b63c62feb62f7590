"""What a viewer of the benchmark received: packets, those that came late, and those that never came. Pure."""

from __future__ import annotations

HALF = 1 << 15
MISSED_MAX = 4_096  # sequence numbers waited for; beyond, they count as lost
AGAIN_MAX = 3  # times that one is asked for


class Gaps:
    """`came` counts each packet once, `late` those that filled a gap, `again` those that were there already."""

    __slots__ = ("again", "came", "highest", "late", "missed")

    def __init__(self) -> None:
        self.clear()
        self.highest = -1  # extended: sequence numbers go round

    def clear(self) -> None:
        """Counts begin at nought; the sequence goes on."""
        self.came = self.late = self.again = 0
        self.missed: dict[int, int] = {}  # and how often each was asked for

    def take(self, sequence: int) -> None:
        """The next one is by far the most frequent."""
        if self.highest < 0:
            self.highest, self.came = sequence, 1
            return
        ahead = (sequence - self.highest) & 0xFFFF
        if ahead == 1:
            self.highest += 1
            self.came += 1
        elif 0 < ahead < HALF:
            for number in range(self.highest + 1, self.highest + ahead):
                self.missed[number] = 0
            self.highest += ahead
            self.came += 1
        elif self.missed.pop(self.highest - (-ahead & 0xFFFF), None) is None:
            self.again += 1
        else:
            self.late += 1
            self.came += 1

    @property
    def lost(self) -> int:
        return len(self.missed)

    def to_ask(self) -> list[int]:
        """Sequence numbers to ask for again now, 16 bits each."""
        if len(self.missed) > MISSED_MAX:
            return []
        found = [number for number, asked in self.missed.items() if asked < AGAIN_MAX]
        for number in found:
            self.missed[number] += 1
        return [number & 0xFFFF for number in found]
