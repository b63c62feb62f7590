"""Sockets of thousands of terminals in one epoll, which hangs in the event loop as a single reader.

No object, task, timer or closure per terminal: a terminal is its file descriptor, and what is known of it stands in
arrays indexed by that. Unsent output is kept in a dictionary, only while there is any. What terminals say, and when
they are gone, is told to `Sessions`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from array import array
from typing import Protocol

import structlog

from fusioncmd import limits, terminal
from gateways.responder import websocket
from gateways.responder.reader import FrameReader

log = structlog.get_logger("engine")

FREE, OPENING, OPEN, CLOSING = 0, 1, 2, 3
READ_BYTES = 8192
EVENTS_PER_TURN = 256
ACCEPTS_PER_TURN = 64
ACCEPT_PAUSE_S = 1.0
LINGER_S = 2  # a closed connection is read until its end, so that the close frame is not lost to a reset
_READ = select.EPOLLIN | select.EPOLLRDHUP


class Sessions(Protocol):
    def message(self, fd: int, payload: bytes) -> bool:
        """False when this ended the connection."""

    def drained(self, fd: int) -> None:
        """All that was sent to `fd` is with the kernel now, after some of it had to wait."""

    def gone(self, fd: int) -> None: ...

    def turn(self) -> None:
        """A round of events was handled."""


class Engine:
    def __init__(self, listener: socket.socket, descriptors_max: int) -> None:
        self.sessions: Sessions
        self._listener = listener
        self._slots = descriptors_max
        self._phase = bytearray(descriptors_max)
        self.heard_s = array("I", bytes(4 * descriptors_max))
        self._outbox: dict[int, bytearray] = {}
        self._heads: dict[int, bytes] = {}  # request heads that came in pieces
        self._reader = FrameReader(self._message)
        self._epoll = select.epoll()
        self._loop = asyncio.get_running_loop()
        self.open_count = 0
        self.now_s = int(self._loop.time())

    def start(self) -> None:
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def stop_listening(self) -> None:
        self._epoll.unregister(self._listener.fileno())
        self._listener.close()

    def is_open(self, fd: int) -> bool:
        return self._phase[fd] == OPEN

    def descriptors(self) -> list[int]:
        """Every connection, opening or open."""
        return [fd for fd, phase in enumerate(self._phase) if phase]

    def send(self, fd: int, data: bytes) -> bool:
        """True when the kernel took all of it. The rest waits in a bounded outbox, or the connection is closed."""
        waiting = self._outbox.get(fd)
        if waiting is None:
            try:
                written = os.write(fd, data)
            except BlockingIOError:
                written = 0
            except OSError:
                self.drop(fd)
                return False
            if written == len(data):
                return True
            self._outbox[fd] = bytearray(data[written:])
            self._epoll.modify(fd, _READ | select.EPOLLOUT)
        elif len(waiting) + len(data) > limits.OUTBOX_BYTES_MAX:
            log.warning("engine.slow_terminal", bytes=len(waiting))
            self.drop(fd)
        else:
            waiting += data
        return False

    def close(self, fd: int, code: int, reason: str) -> None:
        """Say why, and end the connection."""
        self._end(fd, websocket.close_frame(code, reason) if self._phase[fd] == OPEN else b"")

    def drop(self, fd: int) -> None:
        """End the connection without a word."""
        if self._phase[fd] != FREE:
            self._leave(fd)
            self._phase[fd] = FREE
            self._epoll.unregister(fd)
            os.close(fd)

    def sweep(self) -> None:
        """Once a second: end what is silent, what does not finish opening, and what was told to go."""
        patience_s = {OPENING: limits.HANDSHAKE_S_MAX, OPEN: limits.SILENCE_S_MAX, CLOSING: LINGER_S}
        for fd in self.descriptors():
            if self.now_s - self.heard_s[fd] > patience_s[self._phase[fd]]:
                if self._phase[fd] == OPEN:
                    self.close(fd, terminal.Close.SILENT, "nothing was heard")
                else:
                    self.drop(fd)

    def _end(self, fd: int, last_words: bytes) -> None:
        """Send `last_words` if nothing stands before them, and linger until the peer has read them."""
        if last_words and fd not in self._outbox:
            self.send(fd, last_words)
        if self._phase[fd] in (FREE, CLOSING):
            return
        self._leave(fd)
        self._phase[fd] = CLOSING
        self.heard_s[fd] = self.now_s
        connection = socket.socket(fileno=fd)
        try:
            connection.shutdown(socket.SHUT_WR)
        except OSError:  # the peer was faster
            pass
        finally:
            connection.detach()

    def _leave(self, fd: int) -> None:
        """No longer one of the terminals."""
        if self._phase[fd] != CLOSING:
            self._phase[fd] = CLOSING
            self.open_count -= 1
            self._outbox.pop(fd, None)
            self._heads.pop(fd, None)
            self._reader.forget(fd)
            self.sessions.gone(fd)

    def _turn(self) -> None:
        self.now_s = int(self._loop.time())
        for fd, event in self._epoll.poll(0, EVENTS_PER_TURN):
            if fd == self._listener.fileno():
                self._accept()
                continue
            if event & select.EPOLLOUT and self._phase[fd]:
                self._flush(fd)
            if event & (select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP | select.EPOLLRDHUP) and self._phase[fd]:
                self._read(fd)
        self.sessions.turn()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_PER_TURN):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    self._pause_accepting()
                return
            fd = connection.detach()
            os.set_blocking(fd, False)
            if fd >= self._slots - limits.DESCRIPTORS_SPARE:
                os.write(fd, websocket.Refusal("503 Service Unavailable", "full", "Retry-After: 30\r\n").response)
                os.close(fd)
                continue
            self._phase[fd] = OPENING
            self.heard_s[fd] = self.now_s
            self.open_count += 1
            self._epoll.register(fd, _READ)

    def _pause_accepting(self) -> None:
        log.error("engine.no_descriptors", open=self.open_count)
        self._epoll.modify(self._listener.fileno(), 0)
        self._loop.call_later(ACCEPT_PAUSE_S, self._epoll.modify, self._listener.fileno(), select.EPOLLIN)

    def _read(self, fd: int) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(fd)
        elif self._phase[fd] == OPEN:
            self.heard_s[fd] = self.now_s
            self._frames(fd, data)
        elif self._phase[fd] == OPENING:
            self._handshake(fd, data)

    def _handshake(self, fd: int, data: bytes) -> None:
        data = self._heads.pop(fd, b"") + data
        end = data.find(b"\r\n\r\n") + 4
        if end < 4 and len(data) <= limits.HANDSHAKE_BYTES_MAX:
            self._heads[fd] = data
            return
        try:
            response = websocket.accept(data[:end], terminal.PATH)
        except websocket.Refusal as refusal:
            self._end(fd, refusal.response)
            return
        self._phase[fd] = OPEN
        self.send(fd, response)
        if end < len(data) and self._phase[fd] == OPEN:
            self._frames(fd, data[end:])

    def _frames(self, fd: int, data: bytes) -> None:
        outcome = self._reader.feed(fd, data)
        if outcome is None or self._phase[fd] != OPEN:
            return
        if outcome.over:
            self._end(fd, outcome.reply)
        else:
            self.send(fd, outcome.reply)

    def _message(self, fd: int, payload: bytes) -> bool:
        return self.sessions.message(fd, payload)

    def _flush(self, fd: int) -> None:
        waiting = self._outbox.get(fd)
        if waiting is None:
            return
        try:
            del waiting[: os.write(fd, waiting)]
        except BlockingIOError:
            return
        except OSError:
            self.drop(fd)
            return
        if not waiting:
            del self._outbox[fd]
            self._epoll.modify(fd, _READ)
            self.sessions.drained(fd)
