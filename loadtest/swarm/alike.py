"""A frame that thousands of terminals get alike: what each says to it, and to whom it came in one turn. Pure.

To whom it came is noted one by one, and written down for all of them at the end of the turn, which costs less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Write = Callable[[int, list[int], float], object]  # which reply, the terminals that said it, when


class Alike:
    """`reply_of` is, by terminal, which of `replies` it says next; `came_to` is, by reply, who said it in this turn."""

    __slots__ = ("_write", "came_to", "replies", "reply_of")

    def __init__(self, replies: Sequence[bytes], reply_of: bytearray, write: Write) -> None:
        self.replies, self.reply_of, self._write = replies, reply_of, write
        self.came_to: list[list[int]] = [[] for _ in replies]

    def told(self, i: int, now_s: float) -> bytes:
        """It comes to terminal `i` alone: what that says."""
        which = self.reply_of[i]
        self._write(which, [i], now_s)
        return self.replies[which]

    def write_down(self, now_s: float) -> None:
        for which, terminals in enumerate(self.came_to):
            if terminals:
                self._write(which, terminals, now_s)
                terminals.clear()
