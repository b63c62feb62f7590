"""A terminal's side of MQTT 3.1.1, quality of service 0: bytes in, bytes out. Pure. Sections are the standard's."""

from __future__ import annotations

from loadtest.compare.dialects import ANSWERS, LIVE, OPENING, ORDERS, Broken, Heard
from loadtest.compare.payloads import ORDER, Answers

CONNACK, PUBLISH, SUBACK = 0x20, 0x30, 0x90
_CONNECT, _SUBSCRIBE = 0x10, 0x82
_CLEAN_SESSION = 0x02
_KEEP_ALIVE_OFF = bytes(2)
REFUSED = 0x80


def packet(kind: int, body: bytes) -> bytes:
    """A control packet: type, remaining length (2.2.3), the rest."""
    size, length = len(body), b""
    while True:
        size, low = size >> 7, size & 0x7F
        length += bytes((low | (0x80 if size else 0),))
        if not size:
            return bytes((kind,)) + length + body


def text(value: str) -> bytes:
    """A UTF-8 string with its length (1.5.3)."""
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def opening(client: str, topic: str) -> bytes:
    """CONNECT with a clean session (3.1) and SUBSCRIBE (3.8), which need not wait for CONNACK (3.1.4)."""
    connect = text("MQTT") + bytes((4, _CLEAN_SESSION)) + _KEEP_ALIVE_OFF + text(client)
    return packet(_CONNECT, connect) + packet(_SUBSCRIBE, b"\x00\x01" + text(topic) + b"\x00")


def publish(topic: str, payload: bytes) -> bytes:
    return packet(PUBLISH, text(topic) + payload)


def packets(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole packets at the start of `data` as type and body, and the bytes after them."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while True:
        size = shift = 0
        body = at + 1
        while body < len(data) and data[body] & 0x80 and shift < 21:
            size |= (data[body] & 0x7F) << shift
            shift, body = shift + 7, body + 1
        if body >= len(data):
            return found, data[at:]
        size |= data[body] << shift
        body += 1
        if body + size > len(data):
            return found, data[at:]
        found.append((data[at], data[body : body + size]))
        at = body + size


class Mqtt:
    first_phase = OPENING

    def __init__(self, first: int, count: int) -> None:
        self._first = first
        self._answers = Answers(first, count, lambda payload: publish(ANSWERS, payload))
        self._known = publish(ORDERS, ORDER)
        self._body = text(ORDERS) + ORDER

    def opening(self, i: int) -> bytes:
        return opening(f"terminal-{self._first + i}", ORDERS)

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        if data == self._known:
            return Heard(phase, self._answers[i], b"", 1)
        found, rest = packets(data)
        orders = 0
        for kind, body in found:
            if kind == PUBLISH and body == self._body:
                orders += 1
            elif kind == SUBACK and body[-1] < REFUSED:
                phase = LIVE
            elif kind != CONNACK or body[1]:
                raise Broken(f"packet {kind:#04x} {body[:60]!r}")
        return Heard(phase, self._answers[i] * orders, rest, orders)
