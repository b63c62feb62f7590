"""The frame of a short message: what it is, its number, what it says, and the mark of who made it. Pure.

    2 bits      version
    3           kind
    24          counter: goes up with each message of this key
    ...         what is said, up to whole bytes
    64          HMAC-SHA-256 (RFC 2104) over all of that, cut to its first 64 bits

Two nodes share a secret since one approved the other (trust/line_keys.py); of it each direction has its own key (HKDF,
RFC 5869). A counter that was heard, or lies 64 behind the highest, is refused: a message is taken once.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from fusioncmd.errors import BadMessage
from fusioncmd.lastline import bounds
from fusioncmd.lastline.bits import Reader, Writer, malformed

Direction = Literal["up", "down"]
HEAD_BITS = 2 + 3 + bounds.COUNTER_BITS
MAC_BYTES = bounds.MAC_BITS // 8


class Repeated(BadMessage):
    """It came before, which is no trouble: a satellite may say it twice."""


class Kind(IntEnum):
    ORDER = 1  # an order as a code, downwards
    SIGNED = 2  # an order as it was signed
    ANSWERS = 3  # who received and who answered, upwards
    REPORT = 4  # what one person wrote, and from where
    HEARD = 5  # which of the other end's messages came
    POSITIONS = 6  # where units are, upwards


class Window(Struct, frozen=True, array_like=True):
    """Which counters came: the highest, and of the 64 up to it a bit each, that of the highest lowest."""

    highest: int = -1
    came: int = 0

    def has(self, counter: int) -> bool:
        behind = self.highest - counter
        return behind >= bounds.WINDOW or (behind >= 0 and bool(self.came >> behind & 1))

    def with_(self, counter: int) -> Window:
        ahead = counter - self.highest
        if ahead > 0:
            return Window(counter, (self.came << ahead | 1) & (1 << bounds.WINDOW) - 1)
        return Window(self.highest, self.came | 1 << -ahead)


def room(bits: int) -> int:
    """What a message of `bits` has for what it says."""
    return bits // 8 * 8 - HEAD_BITS - bounds.MAC_BITS


def key_of(secret: bytes, lower: str, direction: Direction) -> bytes:
    """The key of one direction between the node `lower` and the one above it."""
    extracted = hmac.digest(b"fusioncmd/lastline/1", secret, "sha256")
    return hmac.digest(extracted, f"{lower}/{direction}".encode() + b"\1", "sha256")


def close(key: bytes, kind: Kind, counter: int, said: Writer) -> bytes:
    out = Writer()
    out.put(bounds.VERSION, 2)
    out.put(kind, 3)
    out.put(counter, bounds.COUNTER_BITS)
    out.add(said)
    body = out.packed()
    return body + _mac(key, body)


def open_(key: bytes, data: bytes, window: Window) -> tuple[Kind, int, Reader]:
    """What the message is, its counter, and a reader at what it says. `BadMessage` for one that the other end did not
    make, for one of another version, and for one that was taken before."""
    body, mac = data[:-MAC_BYTES], data[-MAC_BYTES:]
    if len(data) <= MAC_BYTES or not hmac.compare_digest(mac, _mac(key, body)):
        raise BadMessage(
            "A short message that the node whose card it came from did not make, or that was spoilt.",
            "短报文验证失败：并非该卡所属节点发出，或已损坏。",
        )
    reader = Reader(body)
    if reader.take(2) != bounds.VERSION:
        raise BadMessage("A short message of another version.", "短报文版本不符。")
    number, counter = reader.take(3), reader.take(bounds.COUNTER_BITS)
    if number not in Kind.__members__.values():
        raise malformed()
    if window.has(counter):
        raise Repeated("A short message that came before.", "重复的短报文。")
    return Kind(number), counter, reader


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, body, sha256)[:MAC_BYTES]


def write_heard(window: Window) -> Writer:
    """What says that these came: the highest counter, and a bit for each of the 64 up to it."""
    out = Writer()
    out.put(max(window.highest, 0), bounds.COUNTER_BITS)
    out.put(window.came, bounds.WINDOW)
    return out


def read_heard(said: Reader) -> tuple[int, ...]:
    """The counters that came to the other end."""
    highest, came = said.take(bounds.COUNTER_BITS), said.take(bounds.WINDOW)
    said.end()
    return tuple(highest - behind for behind in range(bounds.WINDOW) if came >> behind & 1 and behind <= highest)
