"""The application's side of each broker: how it publishes the order, and how answers come in. Pure.

Answers all have the same size, so that a stream of them is cut by one `struct`: a builder who counts hundreds of
thousands of answers in Python would do it so, and nothing slower should be held against the broker.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from loadtest.compare import dialect_mqtt
from loadtest.compare.dialects import ANSWERS, NATS_OPTIONS, ORDERS, Broken, Upgrade, messages
from loadtest.compare.payloads import ANSWER_BYTES, ORDER


class Came(NamedTuple):
    """What came: whether answers will be sent from now on, answers, what to send for it, and what is left."""

    subscribed: bool
    answers: list[bytes]
    reply: bytes = b""
    rest: bytes = b""


class Records:
    """Answers that each stand between the same bytes."""

    def __init__(self, head: bytes, tail_bytes: int = 0) -> None:
        self._head = head
        self._layout = struct.Struct(f"{len(head)}s{ANSWER_BYTES}s{tail_bytes}x")

    def cut(self, data: bytes) -> tuple[list[bytes], bytes]:
        """The answers at the start of `data`, and what comes after them."""
        size = self._layout.size
        found: list[bytes] = []
        for head, payload in self._layout.iter_unpack(data[: len(data) // size * size]):
            if head != self._head:
                break
            found.append(payload)
        return found, data[len(found) * size :]

    def begins(self, data: bytes) -> bool:
        """True when `data` may be the beginning of an answer."""
        return data[: len(self._head)] == self._head[: len(data)]


class NatsApplication:
    """One connection: SUB to answers, PUB the order."""

    subscribe = f"CONNECT {NATS_OPTIONS}\r\nSUB {ANSWERS} 1\r\nPING\r\n".encode()
    publish = f"PUB {ORDERS} {len(ORDER)}\r\n".encode() + ORDER + b"\r\n"

    def __init__(self) -> None:
        self._records = Records(f"MSG {ANSWERS} 1 {ANSWER_BYTES}\r\n".encode(), 2)

    def hears(self, data: bytes) -> Came:
        subscribed, answers, reply = False, [], b""
        while True:
            found, data = self._records.cut(data)
            answers += found
            if data.startswith(b"MSG"):
                if not self._records.begins(data):
                    raise Broken(f"not an answer: {data[:60]!r}")
                break
            line, end, after = data.partition(b"\r\n")
            if not end:
                break
            if line == b"PING":
                reply += b"PONG\r\n"
            elif line == b"PONG":
                subscribed = True
            elif not line.startswith((b"INFO ", b"+OK")):
                raise Broken(line.decode("latin-1"))
            data = after
        return Came(subscribed, answers, reply, data)


class MqttApplication:
    """One connection: SUBSCRIBE to answers, PUBLISH the order."""

    subscribe = dialect_mqtt.opening("application", ANSWERS)
    publish = dialect_mqtt.publish(ORDERS, ORDER)

    def __init__(self) -> None:
        self._records = Records(dialect_mqtt.publish(ANSWERS, bytes(ANSWER_BYTES))[:-ANSWER_BYTES])

    def hears(self, data: bytes) -> Came:
        answers, rest = self._records.cut(data)
        if not rest or self._records.begins(rest):
            return Came(False, answers, rest=rest)
        subscribed = False
        found, rest = dialect_mqtt.packets(rest)
        for kind, body in found:
            if kind == dialect_mqtt.PUBLISH:
                answers.append(body[-ANSWER_BYTES:])
            elif kind == dialect_mqtt.SUBACK and body[-1] < dialect_mqtt.REFUSED:
                subscribed = True
            elif kind != dialect_mqtt.CONNACK or body[1]:
                raise Broken(f"packet {kind:#04x} {body[:60]!r}")
        return Came(subscribed, answers, rest=rest)


class NchanApplication:
    """A WebSocket for the answers; the order goes as a POST over a connection of its own."""

    def __init__(self, host: str) -> None:
        self._upgrade = Upgrade(host, "/answers")
        self._upgraded = False
        self._records = Records(bytes((0x82, ANSWER_BYTES)))
        self.subscribe = self._upgrade.request
        self.publish = (
            f"POST /publish HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {len(ORDER)}\r\n\r\n"
        ).encode() + ORDER

    def hears(self, data: bytes) -> Came:
        subscribed = False
        if not self._upgraded:
            after = self._upgrade.done(data)
            if after is None:
                return Came(False, [], rest=data)
            self._upgraded, subscribed, data = True, True, after
        answers, rest = self._records.cut(data)
        if not rest or self._records.begins(rest):
            return Came(subscribed, answers, rest=rest)
        payloads, pongs, rest = messages(rest)
        return Came(subscribed, answers + payloads, pongs, rest)


Application = NatsApplication | MqttApplication | NchanApplication
