"""Frames that thousands of terminals send alike: that they have an order, which answer it gets, or that they are there.
Pure.

The first is decoded and judged as every frame is; what it came to is kept under its payload, so that the next costs a
look-up and a place in a list, and all who said it in one turn are judged at once. Kept for a second at most: an order
may end, and be forgotten, meanwhile. That one is there depends on nothing, and is always known.

A frame is masked by four bytes that are different each time (RFC 6455, 5.3). It is read as one integer, little-endian:
sixteen bits of head, thirty-two of mask, then the payload, which one multiplication and one exclusive-or unmask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from pyroaring import BitMap

from fusioncmd import terminal
from fusioncmd.messages import ANSWERED, RECEIVED
from gateways.responder import websocket
from gateways.responder.board import Posted
from gateways.responder.gather import Key
from gateways.responder.hearing import Said

SHORTCUTS_MAX = 1_024  # shed: what is not kept is decoded
_MASK = 0xFFFFFFFF
_ALIVE = terminal.encode(terminal.Alive())


class _Length:
    """The known payloads of one length, and what unmasks them."""

    __slots__ = ("cut", "frame_bytes", "known", "spread")

    def __init__(self, size: int) -> None:
        self.frame_bytes, self.spread, self.cut = size + 6, websocket.SPREAD[size], websocket.CUT[size]
        self.known: dict[int, Shortcut] = {}


class Shortcut:
    """One frame's bytes: what it says, what is gathered for it, and who said it in this turn."""

    __slots__ = ("key", "numbers", "posted", "said")

    def __init__(self, said: terminal.Received | terminal.Answer, key: Key, posted: Posted) -> None:
        self.said, self.key, self.posted = said, key, posted
        self.numbers: list[int] = []

    def judged(self, now_ms: float) -> tuple[BitMap, BitMap]:
        """Of those who said it: whose word counts, and whose has to be judged one by one."""
        numbers = BitMap(self.numbers)
        self.numbers.clear()
        if now_ms >= self.posted.order.expires_ms:
            return BitMap(), numbers
        if numbers <= self.posted.audience:  # as nearly always, and a third of what the two below cost
            return numbers, BitMap()
        meant = numbers & self.posted.audience
        return meant, numbers - meant


class Shortcuts:
    """`alive` is told at which descriptor somebody says only that."""

    def __init__(self, alive: Callable[[int], None]) -> None:
        self._alive = alive
        self._lengths: dict[int, _Length] = {}  # by the first two bytes of a frame
        self._count = 0
        self._heard: list[Shortcut] = []

    def learn(self, payload: bytes, said: terminal.FromTerminal, posted: Posted) -> None:
        """`payload` was decoded as `said`, about an order that is here."""
        match said:
            case terminal.Received(order):
                key: Key = (order, RECEIVED, None)
            case terminal.Answer(order, answer) if answer < len(posted.order.answers):
                key = (order, ANSWERED, answer)
            case _:
                return
        if self._count < SHORTCUTS_MAX and (size := len(payload)) < websocket.SHORT:
            length = self._lengths.setdefault((0x80 | size) << 8 | websocket.BINARY_FINAL, _Length(size))
            length.known[int.from_bytes(payload, "little")] = Shortcut(said, key, posted)
            self._count += 1

    def hear(self, said: list[Said], number_at: Sequence[int]) -> Iterator[Said]:
        """Note who said something known, in exactly one frame. Give all else, one by one: what is learned from one is
        known for the next."""
        lengths, as_integer, mask = self._lengths, int.from_bytes, _MASK
        for both in said:
            fd, data = both
            frame = as_integer(data, "little")
            length = lengths.get(frame & 0xFFFF)
            if length is None or len(data) != length.frame_bytes:
                if websocket.short(data, 0) == (_ALIVE, len(data)):
                    self._alive(fd)
                else:
                    yield both
                continue
            shortcut = length.known.get((frame >> 48) ^ ((frame >> 16 & mask) * length.spread & length.cut))
            if shortcut is None:
                yield both
                continue
            if not shortcut.numbers:
                self._heard.append(shortcut)
            shortcut.numbers.append(number_at[fd])

    def take(self) -> list[Shortcut]:
        """Those that somebody said since the last time."""
        heard, self._heard = self._heard, []
        return heard

    def forget(self) -> None:
        self._lengths.clear()
        self._count = 0
