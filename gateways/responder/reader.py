"""From the bytes of many connections to their messages. Pure: sockets are in `engine.py`.

Keeps something for a connection only while a frame is incomplete or not of the usual kind.
"""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd.errors import BadMessage
from gateways.responder import websocket
from gateways.responder.odd import OddFrames, Outcome

Take = Callable[[int, bytes], bool]  # connection, message → is the connection still open


class FrameReader:
    def __init__(self) -> None:
        self.take: Take
        self._partial: dict[int, bytes] = {}
        self._odd: dict[int, OddFrames] = {}

    def forget(self, fd: int) -> None:
        self._partial.pop(fd, None)
        self._odd.pop(fd, None)

    @property
    def busy(self) -> bool:
        """Whether any of the connections is midway in something."""
        return bool(self._partial or self._odd)

    def is_between(self, fd: int) -> bool:
        """True when the next byte of `fd` begins a frame that depends on nothing before it."""
        return fd not in self._partial and fd not in self._odd

    def too_long(self, fd: int, bytes_max: int) -> Outcome | None:
        """The end of `fd`, if more than `bytes_max` is kept of an incomplete frame or message."""
        odd = self._odd.get(fd)
        if len(self._partial.get(fd, b"")) + (0 if odd is None else odd.bytes) <= bytes_max:
            return None
        fault = f"A hello may have {bytes_max} bytes."
        return Outcome(websocket.close_frame(1009, fault), over=True, fault=f"1009 {fault}")

    def feed(self, fd: int, data: bytes) -> Outcome | None:
        """Hand every message in `data` to `take`. An outcome is what has to be sent, and whether that ends it."""
        if self._partial:
            data = self._partial.pop(fd, b"") + data
        start, size = 0, len(data)
        reply = b""
        while start < size:
            if (short := websocket.short(data, start)) is not None and not (self._odd and fd in self._odd):
                payload, start = short
                if not self.take(fd, payload):
                    return None
                continue
            try:
                found = websocket.extent(data, start)
            except BadMessage as problem:
                return Outcome(reply + websocket.close_frame(1009, problem.en), over=True, fault=f"1009 {problem.en}")
            if found is None:
                self._partial[fd] = data[start:]
                break
            body, end = found
            if websocket.is_usual(data, start) and fd not in self._odd:
                if not self.take(fd, websocket.unmask(data, body, end)):
                    return None
            else:
                outcome = self._unusual(fd, data[start:end])
                if outcome is None:
                    return None
                reply += outcome.reply
                if outcome.over:
                    return Outcome(reply, over=True, fault=outcome.fault)
            start = end
        return Outcome(reply) if reply else None

    def _unusual(self, fd: int, whole_frame: bytes) -> Outcome | None:
        """None when a message in it closed the connection: not a byte after that is read."""
        odd = self._odd.pop(fd, None) or OddFrames()
        outcome = odd.feed(whole_frame)
        if not odd.idle:
            self._odd[fd] = odd
        for message in outcome.messages:
            if not self.take(fd, message):
                return None
        return outcome
