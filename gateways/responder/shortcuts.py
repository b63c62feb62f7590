"""Frames that thousands of terminals send alike: that they have an order, or which answer it gets. Pure.

The first is decoded and judged as every frame is; what it came to is kept under its bytes, so that the next costs a
look-up. Kept for a second at most: an order may end, and be forgotten, meanwhile.
"""

from __future__ import annotations

from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import terminal
from fusioncmd.messages import ANSWERED, RECEIVED
from gateways.responder.board import Posted
from gateways.responder.gather import Key

SHORTCUTS_MAX = 1_024  # shed: what is not kept is decoded


class Shortcut(NamedTuple):
    audience: BitMap  # for these, and nobody else, it is
    key: Key  # what is gathered
    until_ms: int


class Shortcuts:
    def __init__(self) -> None:
        self.known: dict[bytes, Shortcut] = {}

    def learn(self, payload: bytes, said: terminal.FromTerminal, posted: Posted) -> None:
        """`payload` was decoded as `said`, about an order that is here."""
        match said:
            case terminal.Received(order):
                key: Key = (order, RECEIVED, None)
            case terminal.Answer(order, answer) if answer < len(posted.order.answers):
                key = (order, ANSWERED, answer)
            case _:
                return
        if len(self.known) < SHORTCUTS_MAX:
            self.known[payload] = Shortcut(posted.audience, key, posted.order.expires_ms)

    def forget(self) -> None:
        self.known.clear()
