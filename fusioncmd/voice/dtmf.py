"""Keys that are pressed in a call: telephone-event of RFC 4733. Pure.

An event is sent again and again while the key is down, and its end three times; `Keypad` says each press once, however
many of its packets arrive: it is known by its RTP timestamp (clause 2.5.1.2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fusioncmd.errors import BadMessage

KEYS = "0123456789*#ABCD"
_EVENT = struct.Struct(">BBH")
_END = 0x80
VOLUME = 10  # of what is built here, in -dBm0


@dataclass(frozen=True, slots=True)
class Event:
    """`duration` so far, in samples of the event's clock (8,000 a second, as a rule)."""

    key: str
    end: bool
    duration: int


def parse(payload: bytes) -> Event | None:
    """None: an event that is no key (tones, hook flash). Raises BadMessage. Of several events in one packet (RFC 4733,
    clause 2.5.1.5 forbids it for keys) the first counts."""
    if len(payload) < _EVENT.size:
        raise BadMessage("Not a telephone event.", "不是有效的电话事件。")
    code, flags, duration = _EVENT.unpack_from(payload)
    return Event(KEYS[code], bool(flags & _END), duration) if code < len(KEYS) else None


def build(event: Event) -> bytes:
    return _EVENT.pack(KEYS.index(event.key), VOLUME | (_END if event.end else 0), event.duration)


class Keypad:
    """Of one call. A key counts when it goes down: its first packet that arrives."""

    def __init__(self) -> None:
        self._last: int | None = None

    def press(self, timestamp: int, payload: bytes) -> str | None:
        """The key, once each time that it is pressed. Raises BadMessage."""
        event = parse(payload)
        if event is None or timestamp == self._last:
            return None
        self._last = timestamp
        return event.key
