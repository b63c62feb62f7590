"""One TAK client by TCP: its stream cut into events, ours written to it in the form that it asked for.

It has no task and no timer. What it does not read waits in bounds; then it is disconnected, and delays nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import structlog

from fusioncmd.errors import BadMessage
from gateways.track import cot
from gateways.track.bounds import EVENTS_BURST, EVENTS_PER_S, UNREAD_MAX, WAITING_BYTES_MAX
from gateways.track.events import OWN, Event
from gateways.track.paces import pace
from gateways.track.splitting import Piece, Splitter

log = structlog.get_logger("track")


class Client(asyncio.Protocol):
    """`said` is told each event, `count` of what was not taken: `unread`, `flooded`, `full`."""

    def __init__(
        self, begun: Callable[[Client], bool], said: Callable[[Client, Event], None], over: Callable[[Client], None],
        count: Callable[[str], None], now_s: Callable[[], float],
    ) -> None:  # fmt: skip
        self._begun, self._said, self._over, self._count, self._now_s = begun, said, over, count, now_s
        self._splitter, self._pace = Splitter(), pace(EVENTS_PER_S, EVENTS_BURST, now_s())
        self._unread = 0
        self._transport: asyncio.Transport | None = None
        self.is_proto = False
        self.at = ""
        self.heard_s = now_s()
        self.units: set[str] = set()  # which it said

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.at = str(self._transport.get_extra_info("peername", ("?",))[0])
        self._transport.set_write_buffer_limits(high=WAITING_BYTES_MAX)
        if not self._begun(self):
            self.end()

    def data_received(self, data: bytes) -> None:
        self.heard_s = self._now_s()
        try:
            for piece in self._splitter.feed(data):
                if self._transport is None:
                    return
                self._take(piece)
        except BadMessage as problem:
            log.info("track.unreadable", peer=self.at, problem=problem.en)
            self._count("unread")
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._over(self)

    def write(self, data: bytes) -> None:
        if self._transport is None:
            return
        if self._transport.get_write_buffer_size() + len(data) > WAITING_BYTES_MAX:
            self._count("full")
            self._transport.abort()
            self._transport = None
            return
        self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _take(self, piece: Piece) -> None:
        if not self._pace.lets(self._now_s()):
            self._count("flooded")
            return
        try:
            event = cot.read_proto(piece.data) if piece.form == "proto" else cot.read_xml(piece.data)
        except BadMessage as problem:
            self._count("unread")
            self._unread += 1
            if self._unread >= UNREAD_MAX:
                log.info("track.unreadable", peer=self.at, problem=problem.en)
                self.end()
            return
        self._unread = 0
        if event.type == cot.PING:
            self.write(cot.pong(f"{OWN}gateway", round(self._now_s() * 1_000), self.is_proto))
        elif event.type == cot.ASKS_VERSION:
            self.write(cot.say_version(f"{OWN}gateway", round(self._now_s() * 1_000)))
            self.is_proto = True
        else:
            self.is_proto = self.is_proto or piece.form == "proto"
            self._said(self, event)
