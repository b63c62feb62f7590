"""Sockets of thousands of terminals in one epoll, which hangs in the event loop as a single reader.

No object, task, timer or closure per terminal: a terminal is its file descriptor, and what is known of it stands in
arrays indexed by that. Unsent output is kept in a dictionary, only while there is any. What terminals say, and when
they are gone, is told to `Sessions`.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
from array import array
from collections.abc import Callable

import structlog

from fusioncmd import limits, terminal
from gateways.responder import websocket
from gateways.responder.hearing import SHORT_BYTES, Hearing, more
from gateways.responder.listener import Door
from gateways.responder.opening import Opening
from gateways.responder.outbox import READ, Outbox, finish
from gateways.responder.pages import NO_PAGES, Pages
from gateways.responder.peers import Peers
from gateways.responder.phases import CLOSING, FREE, OPEN, OPENING, SERVING, SHAKEN
from gateways.responder.reader import FrameReader
from gateways.responder.rota import PARTS, Rota
from gateways.responder.rounds import Rounds
from gateways.responder.serving import Serving
from gateways.responder.sessions import Sessions
from gateways.responder.strikes import Unproven

log = structlog.get_logger("engine")

EVENTS_PER_ROUND = 512
LINGER_S = 2  # a closed connection is read until its end, so that the close frame is not lost to a reset


class Engine:
    """`listener` is bound, and listens from `start` on; `clock` gives seconds that never go back."""

    def __init__(
        self, listener: socket.socket, descriptors_max: int, clock: Callable[[], float] | None = None,
        peers: Peers | None = None, pages: Pages = NO_PAGES,
    ) -> None:  # fmt: skip
        self._top = 0  # no connection has this descriptor or a higher one
        self._phase = bytearray(descriptors_max)
        self._unproven = Unproven()  # descriptors in any phase but OPEN
        self.heard_s = array("I", bytes(4 * descriptors_max))
        self._reader = FrameReader()
        self._hearing = Hearing(self._phase, self.heard_s, self._reader)
        self._epoll = select.epoll()
        self._outbox = Outbox(self._epoll, self.drop)
        self.send, self.send_each = self._outbox.send, self._outbox.send_each
        self.peers = peers or Peers()
        self._opening = Opening(self.peers, self._named, pages)
        self._serving = Serving(self._epoll, self._end, self.drop)
        self._door = Door(listener, self._epoll, descriptors_max - limits.DESCRIPTORS_SPARE // 2, self.peers.admits)
        self._rounds = Rounds(self._epoll.fileno(), self._round)
        self._clock = clock or asyncio.get_running_loop().time
        self.now_s = int(self._clock())
        self._rota = Rota(self.now_s)

    def serve(self, sessions: Sessions) -> None:
        """Tell `sessions` what happens; before `start`."""
        self.sessions = sessions
        self._reader.take = sessions.message

    def start(self) -> None:
        self._door.open()
        self._rounds.start()

    def stop_listening(self) -> None:
        self._door.close()

    def stop(self) -> None:
        """Let go of everything, without a word."""
        self._door.close()
        self._rounds.stop()
        for fd in self.descriptors():
            self.drop(fd)
        for part in (self._hearing, self._outbox, self._epoll):
            part.close()

    def is_open(self, fd: int) -> bool:
        return self._phase[fd] >= SHAKEN

    def greeted(self, fd: int) -> None:
        """Whoever is at `fd` said a good hello: from now on only silence ends it."""
        self._phase[fd] = OPEN
        self._unproven.discard(fd)
        self.heard_s[fd] = self.now_s

    def descriptors(self) -> list[int]:
        """Every connection: opening, open or lingering."""
        return [fd for fd, phase in enumerate(self._phase[: self._top]) if phase]

    def close(self, fd: int, code: int, reason: str) -> None:
        """Say why, and end the connection."""
        self.peers.closes(fd, code, reason)
        struck = self.peers.wary and self._phase[fd] == SHAKEN and self.peers.is_struck(fd)
        self._end(fd, websocket.close_frame(code, reason) if self._phase[fd] >= SHAKEN else b"")
        if struck:
            self.drop(fd)  # it is told, and keeps no descriptor

    def drop(self, fd: int) -> None:
        """End the connection without a word more."""
        self._outbox.release()
        if self._phase[fd] != FREE:
            self._leave(fd)
            self._phase[fd] = FREE
            self._unproven.discard(fd)
            self._serving.forget(fd)
            self._epoll.unregister(fd)
            os.close(fd)

    def sweep(self) -> None:
        """Once a second: end what does not finish opening, what was told to go and, by turns, what is silent."""
        self.now_s = int(self._clock())  # without events there are no turns, and yet time passes
        self.peers.sweep(self.now_s)
        for fd in self._unproven.list():
            phase = self._phase[fd]
            if self.now_s - self.heard_s[fd] <= (LINGER_S if phase == CLOSING else self._unproven.handshake_s_max(fd)):
                continue
            if phase == SHAKEN:
                self.close(fd, terminal.Close.LATE, "no hello came in time")
            else:
                if phase == OPENING:
                    self.peers.fails(fd)
                self.drop(fd)
        for part in self._rota.due(self.now_s):
            for fd in range(part, self._top, PARTS):
                if self._phase[fd] == OPEN and self.now_s - self.heard_s[fd] > limits.SILENCE_S_MAX:
                    self.close(fd, terminal.Close.SILENT, "nothing was heard")

    def _end(self, fd: int, last_words: bytes = b"") -> None:
        """Send `last_words` if nothing stands before them, and linger until the peer has read them."""
        self._outbox.release()
        if last_words and fd not in self._outbox:
            self.send_each((fd,), last_words)
        if self._phase[fd] in (FREE, CLOSING):
            return
        if fd in self._outbox:
            self._epoll.modify(fd, READ)  # what waited is given up; a socket that is shut is writable for ever
        self._leave(fd)
        self._phase[fd] = CLOSING
        self._unproven.add(fd)
        self.heard_s[fd] = self.now_s
        finish(fd)

    def _leave(self, fd: int) -> None:
        """No longer one of the terminals."""
        if self._phase[fd] != CLOSING:
            self._phase[fd] = CLOSING
            self._outbox.forget(fd)
            self._opening.forget(fd)
            self._reader.forget(fd)
            self.sessions.gone(fd)

    def _round(self) -> tuple[int, int]:
        """Handle what has happened; how much that was, and how much of it by those who are coming in."""
        self.now_s = int(self._clock())
        events = self._epoll.poll(0, EVENTS_PER_ROUND)
        said, early, others = self._hearing.hear(events, self.now_s)
        with self._outbox.holding():
            for fd, data in self.sessions.glance(said):
                if self._phase[fd] == OPEN:  # and was not ended by one before it
                    self._take(fd, data if len(data) < SHORT_BYTES else more(fd, data))
            for fd, data in early:
                self._take(fd, data)
        came = sum(self._handle(fd, event) for fd, event in others)
        self.sessions.turn()
        return len(events) + came, len(early) + came

    def _handle(self, fd: int, event: int) -> int:
        """What is not usual; how much of it came in by that."""
        if fd == self._door.fd:
            return self._let_in()
        # An event may be stale: its connection has ended in this round, and another one has its descriptor now.
        # That is harmless, since every read and write takes what there is and never waits.
        if event & select.EPOLLOUT and self._phase[fd] and not self._serving.go_on(fd) and self._outbox.flush(fd):
            self.sessions.drained(fd)
        if event & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP | select.EPOLLRDHUP) and self._phase[fd]:
            data = self._hearing.one(fd, self.now_s)
            if data is not None:
                self._take(fd, data)
        return 0

    def _let_in(self) -> int:
        """Who is at the door comes in, and is heard; how much that was."""
        accepted = self._door.accept()
        for fd in accepted:
            self._begin(fd)
        early = self._hearing.first(accepted)
        with self._outbox.holding():
            for fd, data in early:
                self._take(fd, data)
        return len(accepted) + len(early)

    def _begin(self, fd: int) -> None:
        self._top = max(self._top, fd + 1)
        self._phase[fd] = OPENING
        self.heard_s[fd] = self.now_s
        self._epoll.register(fd, READ)
        if (oldest := self._unproven.begin(fd)) is not None:
            self.drop(oldest)
        self._opening.begin(fd)

    def _take(self, fd: int, data: bytes) -> None:
        """Handle what came, unless it was told to go meanwhile; nothing is the end."""
        if not data:
            self.drop(fd)
        elif self._phase[fd] >= SHAKEN:
            self._frames(fd, data)
        elif self._phase[fd] == OPENING:
            self._open(fd, data)

    def _named(self, fd: int) -> None:
        """It is known where `fd` comes from, while some addresses are struck."""
        if (address := self.peers.struck_address(fd)) is not None:
            oldest = self._unproven.watch(fd, address)
            if oldest is not None:
                self.drop(oldest)

    def _open(self, fd: int, data: bytes) -> None:
        opened = self._opening.feed(fd, data)
        if opened is None:
            return
        if not opened.good:
            self._phase[fd] = SERVING
            self._serving.begin(fd, opened.response)
            return
        self._phase[fd] = SHAKEN
        self.send(fd, opened.response)
        if opened.rest and self._phase[fd] == SHAKEN:
            self._frames(fd, opened.rest)

    def _frames(self, fd: int, data: bytes) -> None:
        outcome = self._reader.feed(fd, data)
        if self._phase[fd] == SHAKEN and outcome is None:
            outcome = self._reader.too_long(fd, limits.HELLO_BYTES_MAX)
        if outcome is None or self._phase[fd] < SHAKEN:
            return
        if outcome.over:
            self.peers.faults(fd, outcome.fault)
            self._end(fd, outcome.reply)
        else:
            self.send(fd, outcome.reply)
