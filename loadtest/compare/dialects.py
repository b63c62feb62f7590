"""A terminal's side of each protocol in a comparison: bytes in, bytes out. Pure.

A dialect serves all terminals of one process: terminal `i`'s answer is that of number `first + i`. What has to be
remembered of one terminal is its phase and the bytes that were no whole message yet, and the caller keeps both.
"""

from __future__ import annotations

import json
from typing import NamedTuple, Protocol

from loadtest.compare.payloads import ANSWER_BYTES, ORDER, ORDER_BYTES, Answers
from loadtest.swarm import wire

OPENING, UPGRADING, LIVE = 0, 1, 2
MASK = b"\x5a\xa5\x3c\xc3"
NONCE = b"comparison-nonce"
ORDERS, ANSWERS = "order", "answers"  # subject or topic


class Broken(Exception):
    """The server says what its protocol does not allow, or closes with a reason."""


class Heard(NamedTuple):
    """What follows from the bytes that terminal `i` heard."""

    phase: int
    reply: bytes = b""
    rest: bytes = b""
    orders: int = 0
    confirmed: int = 0


class Dialect(Protocol):
    first_phase: int

    def opening(self, i: int) -> bytes:
        """What terminal `i` sends as soon as it is connected."""
        ...

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        """`data` is the rest from before and what came now. Raises `Broken`."""
        ...


class Floor:
    """No protocol: so many bytes are an order, so many bytes are its answer."""

    first_phase = LIVE

    def __init__(self, first: int, count: int) -> None:
        self._answers = Answers(first, count, lambda payload: payload)

    def opening(self, i: int) -> bytes:
        return b""

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        orders, left = divmod(len(data), ORDER_BYTES)
        return Heard(phase, self._answers[i] * orders, data[-left:] if left else b"", orders)


class Upgrade:
    """The WebSocket handshake, the same for every terminal."""

    def __init__(self, host: str, path: str) -> None:
        self.request = wire.upgrade_request(host, path, NONCE)
        self._accepted = b"Sec-WebSocket-Accept: " + wire.proof(NONCE)

    def done(self, data: bytes) -> bytes | None:
        """What came after the server's agreement; None before it has come."""
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            return None
        if not head.startswith(b"HTTP/1.1 101 ") or self._accepted not in head:
            raise Broken(head.partition(b"\r\n")[0].decode("latin-1"))
        return rest


class Stream(NamedTuple):
    payloads: list[bytes]
    pongs: bytes
    rest: bytes


def messages(data: bytes) -> Stream:
    """The messages of whole frames, the pongs due for pings among them, and the beginning of the next frame."""
    try:
        found, rest = wire.frames(data)
    except wire.NotWebSocket as error:
        raise Broken(str(error)) from None
    payloads, pongs = [], b""
    for opcode, payload in found:
        if opcode == wire.CLOSE:
            raise Broken(f"closed with {int.from_bytes(payload[:2], 'big')} {payload[2:].decode('utf-8', 'replace')}")
        if opcode == wire.PING:
            pongs += wire.masked(payload, MASK, wire.PONG)
        else:
            payloads.append(payload)
    return Stream(payloads, pongs, rest)


class WebSocket:
    """One message is one order; the answer is one message."""

    first_phase = UPGRADING

    def __init__(self, first: int, count: int, host: str, path: str) -> None:
        self._upgrade = Upgrade(host, path)
        self._answers = Answers(first, count, lambda payload: wire.masked(payload, MASK))
        self._known = b""  # a frame that is an order

    def opening(self, i: int) -> bytes:
        return self._upgrade.request

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        if data == self._known and phase == LIVE:
            return Heard(LIVE, self._answers[i], b"", 1)
        if phase == UPGRADING:
            rest = self._upgrade.done(data)
            if rest is None:
                return Heard(UPGRADING, b"", data)
            data = rest
        payloads, pongs, rest = messages(data)
        orders = payloads.count(ORDER)
        if orders != len(payloads):
            raise Broken(f"not the order: {next(p for p in payloads if p != ORDER)[:60]!r}")
        if orders == 1 and not pongs and not rest:
            self._known = data
        return Heard(LIVE, pongs + self._answers[i] * orders, rest, orders)


NATS_OPTIONS = json.dumps({"verbose": False, "pedantic": False, "echo": False, "lang": "loadtest", "version": "1"})
NATS_OPENING = f"CONNECT {NATS_OPTIONS}\r\nSUB {ORDERS} 1\r\nPING\r\n".encode()


def nats_answer(payload: bytes) -> bytes:
    return f"PUB {ANSWERS} {ANSWER_BYTES}\r\n".encode() + payload + b"\r\n"


class Nats:
    """NATS client protocol, core publish and subscribe (docs.nats.io, NATS protocol): CONNECT, SUB, MSG, PUB."""

    first_phase = OPENING

    def __init__(self, first: int, count: int) -> None:
        self._answers = Answers(first, count, nats_answer)
        self._known = f"MSG {ORDERS} 1 {ORDER_BYTES}\r\n".encode() + ORDER + b"\r\n"

    def opening(self, i: int) -> bytes:
        return NATS_OPENING

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        if data == self._known:
            return Heard(phase, self._answers[i], b"", 1)
        at = orders = 0
        reply = b""
        while (end := data.find(b"\r\n", at)) >= 0:
            line = data[at:end]
            after = end + 2
            if line.startswith(b"MSG "):
                after += int(line.rpartition(b" ")[2]) + 2
                if after > len(data):
                    break
                if data[at:after] != self._known:
                    raise Broken(f"not the order: {line!r}")
                orders += 1
                reply += self._answers[i]
            elif line == b"PING":
                reply += b"PONG\r\n"
            elif line == b"PONG":
                phase = LIVE
            elif not line.startswith((b"INFO ", b"+OK")):
                raise Broken(line.decode("latin-1"))
            at = after
        return Heard(phase, reply, data[at:], orders)


class NatsWebSocket:
    """The same in binary messages; the server may cut them where it likes."""

    first_phase = UPGRADING

    def __init__(self, first: int, count: int, host: str, path: str) -> None:
        self._upgrade, self._nats = Upgrade(host, path), Nats(first, count)
        self._answers = Answers(first, count, lambda payload: wire.masked(nats_answer(payload), MASK))
        self._known = b""

    def opening(self, i: int) -> bytes:
        return self._upgrade.request

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        if data == self._known:
            return Heard(phase, self._answers[i], b"", 1)
        opening = b""
        if phase == UPGRADING:
            after = self._upgrade.done(data)
            if after is None:
                return Heard(UPGRADING, b"", data)
            phase, data, opening = OPENING, after, wire.masked(NATS_OPENING, MASK)
        payloads, pongs, rest = messages(data)
        heard = self._nats.hears(i, phase, b"".join(payloads))
        if phase == LIVE and heard.orders == 1 and not heard.rest and not pongs and not rest:
            self._known = data
        reply = opening + pongs + (wire.masked(heard.reply, MASK) if heard.reply else b"")
        return Heard(heard.phase, reply, _unmasked(heard.rest) + rest, heard.orders)


def _unmasked(payload: bytes) -> bytes:
    """What is left of a message, as the frame that it would have been alone; nothing for nothing."""
    if not payload:
        return b""
    size = len(payload)
    return (bytes((0x82, size)) if size < 126 else b"\x82\x7e" + size.to_bytes(2, "big")) + payload
