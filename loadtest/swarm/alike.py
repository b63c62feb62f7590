"""A frame that thousands of terminals get alike: what each says to it, and to whom it came in one turn. Pure.

To whom it came is noted one by one, and answered and written down for all of them at the end of the turn, which costs
less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Write = Callable[[int, list[int], float], object]  # which reply, the terminals that said it, when


class Alike:
    """`reply_of` is, by terminal, which of `replies` it says next."""

    __slots__ = ("_came_to", "_sockets", "_write", "replies", "reply_of")

    def __init__(self, replies: Sequence[bytes], reply_of: bytearray, write: Write) -> None:
        self.replies, self.reply_of, self._write = replies, reply_of, write
        self._came_to: list[list[int]] = [[] for _ in replies]  # by reply, in this turn
        self._sockets: list[list[int]] = [[] for _ in replies]  # of those who have not said it yet

    def came(self, i: int, fd: int) -> None:
        """It came to terminal `i`, whose descriptor is `fd`."""
        which = self.reply_of[i]
        self._came_to[which].append(i)
        self._sockets[which].append(fd)

    def told(self, i: int, now_s: float) -> bytes:
        """It comes to terminal `i` alone: what that says."""
        which = self.reply_of[i]
        self._write(which, [i], now_s)
        return self.replies[which]

    def reply(self, send_each: Callable[[list[int], bytes], None]) -> None:
        for reply, sockets in zip(self.replies, self._sockets, strict=True):
            if reply and sockets:
                send_each(sockets, reply)
            sockets.clear()

    def write_down(self, now_s: float) -> None:
        for which, terminals in enumerate(self._came_to):
            if terminals:
                self._write(which, terminals, now_s)
                terminals.clear()
