"""What goes before what on a thin link: six classes, strictly ordered, each with a floor. Pure."""

from __future__ import annotations

from enum import IntEnum


class Class(IntEnum):
    """The lower the number, the sooner. What waits in a class goes before everything in those below it, except that
    each keeps its floor (`FLOORS`); so it waits for at most one packet of a lower one."""

    VOICE = 0  # floor control and voice: datagrams, never said again, dropped when they are late
    ORDERS = 1  # orders, receipts, statements, beats
    POSITIONS = 2
    REPORTS = 3  # reports, rosters
    CLIPS = 4  # pictures, recorded video
    VIDEO = 5  # live video, re-encoded for the link


# Shares of the link, in thousandths, that a class with something to say gets however much goes before it.
FLOORS = {Class.ORDERS: 100, Class.POSITIONS: 20, Class.REPORTS: 20, Class.CLIPS: 20, Class.VIDEO: 10}
# Bytes of a class that wait at one end; beyond: shed, the oldest of VOICE and VIDEO, the newest of all others, whose
# sender says them again or waits for room.
WAITING_BYTES_MAX = {
    Class.VOICE: 8 * 1024, Class.ORDERS: 256 * 1024, Class.POSITIONS: 32 * 1024, Class.REPORTS: 256 * 1024,
    Class.CLIPS: 256 * 1024, Class.VIDEO: 64 * 1024,
}  # fmt: skip
LETTER_BYTES_MAX = 64 * 1024  # of one letter of any class but VOICE; reject
DATAGRAM_BYTES_MAX = 1_100  # of one of VOICE; reject
assert sum(FLOORS.values()) < 500
