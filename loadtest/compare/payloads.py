"""What is sent in a comparison: one order for everyone, one answer from each, and a count of who answered. Pure.

Everything is ASCII, so that it fits text and binary messages alike. Every server has to tell who answered, so each
answer carries its terminal's number, and a number counts once.
"""

from __future__ import annotations

from collections.abc import Callable

ORDER_BYTES = 608  # of a delivery here: the order, who signed it, and by what right
ANSWER_BYTES = 40
NUMBER_DIGITS = 8
ORDER = b"Typhoon red alert: report for duty at once. ".ljust(ORDER_BYTES, b".")
_DEED = b" on duty".ljust(ANSWER_BYTES - NUMBER_DIGITS, b".")


def answer(number: int) -> bytes:
    """The answer of the terminal with this number, without any framing."""
    return b"%08x" % number + _DEED


class Answers:
    """The framed answers of terminals `first` to `first + count - 1`, side by side in one piece of memory."""

    def __init__(self, first: int, count: int, frame: Callable[[bytes], bytes]) -> None:
        framed = [frame(answer(number)) for number in range(first, first + count)]
        self._size = len(framed[0]) if framed else 0
        self._all = b"".join(framed)

    def __getitem__(self, i: int) -> bytes:
        return self._all[i * self._size : (i + 1) * self._size]


class Count:
    """Who of `total` terminals answered, one round at a time."""

    def __init__(self, total: int) -> None:
        self._total = total
        self.begin()

    def begin(self) -> None:
        self._seen = bytearray(self._total)
        self.answered = self.again = self.strange = 0
        self.last_s = 0.0

    def take(self, payload: bytes, now_s: float) -> None:
        try:
            number = int(payload[:NUMBER_DIGITS], 16)
            seen = self._seen[number]
        except (ValueError, IndexError):
            self.strange += 1
            return
        if seen:
            self.again += 1
            return
        self._seen[number] = 1
        self.answered += 1
        self.last_s = now_s

    def figures(self) -> dict[str, float]:
        return {"answered": self.answered, "again": self.again, "strange": self.strange, "last_s": self.last_s}
