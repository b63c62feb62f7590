"""Positions in few bytes, for a thin link: a unit is introduced once, and then is a number and a few offsets. Pure.

A letter is a version (1 byte), seconds since 2020 (4 bytes, big-endian; just after the newest position in it), and
entries. An entry begins with a varint, twice the unit's number on this link, plus 1 for an introduction: which is a
length and the unit's `track.1` in full, whose place is the anchor of what follows. A position is one byte of flags, one
of age (0.1 s before the letter's time; or four of seconds since 2020), latitude and longitude as signed 16 bit of 5e-6
degree (0.56 m) from the anchor, and then what the flags say: altitude (2 bytes; 2 m, from -500 m), accuracy (1; 255 m
at most), speed (1, `_speed`) and course (1; 360/256 degree), battery (1), link and quality (4 bit each; fifteenths). A
unit that moves out of reach of its anchor (18 km) is introduced anew under another number: no entry depends on the
order of letters.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple, get_args

from msgspec import structs

from fusioncmd.exchange.varints import Reader, malformed, put
from fusioncmd.track.position import Bearer, Mark, Track, decode, encode

VERSION = 1
EPOCH_S = 1_577_836_800  # 2020-01-01T00:00:00Z
STEP_E7 = 50  # 5e-6 degree
REACH = 32_767 * STEP_E7
POSITION_BYTES_MAX = 18
NUMBERS = 1 << 13  # two bytes with the bit beside it; then again from 0
_HEAD = struct.Struct(">BI")
_PLACE = struct.Struct(">hh")
_OLD, _ALTITUDE, _MOVING, _BATTERY, _LINK, _CLOCK, _OVER, _ACCURACY = 1, 2, 4, 8, 16, 32, 64, 128
_BEARERS = get_args(Bearer)


class Position(NamedTuple):
    """`lat` and `lon` are steps from the unit's anchor; the rest as in `Track`."""

    lat: int
    lon: int
    at_ms: int
    altitude_m: int | None
    accuracy_m: int | None
    speed_dm_s: int | None
    course_deg: int | None
    battery: int | None
    link: Bearer
    quality: int | None
    mark: Mark
    over: bool


class Entry(NamedTuple):
    """One of both: who `number` is from now on, or where it is."""

    number: int
    introduction: Track | None
    position: Position | None


def head(newest_ms: int) -> bytes:
    return _HEAD.pack(VERSION, min(max(newest_ms // 1_000 + 1 - EPOCH_S, 0), (1 << 32) - 1))


def introduction(number: int, track: Track) -> bytes:
    out, said = bytearray(), encode(track)
    put(out, 2 * number + 1)
    put(out, len(said))
    return bytes(out) + said


def in_reach(anchor: Track, track: Track) -> bool:
    """Whether a position can be said from that introduction, and the unit is still what was introduced."""
    same = (anchor.kind, anchor.title, anchor.source) == (track.kind, track.title, track.source)
    return same and abs(track.lat_e7 - anchor.lat_e7) <= REACH and abs(track.lon_e7 - anchor.lon_e7) <= REACH


def position(number: int, anchor: Track, track: Track, head_bytes: bytes) -> bytes:
    """An entry of the letter that begins with `head_bytes`; `in_reach` holds."""
    newest_ms = (_HEAD.unpack(head_bytes)[1] + EPOCH_S) * 1_000
    tenths = max(0, newest_ms - track.at_ms) // 100
    flags, more, out = 0, bytearray(), bytearray()
    if tenths > 255:
        flags |= _OLD
        age = struct.pack(">I", min(max(track.at_ms // 1_000 - EPOCH_S, 0), (1 << 32) - 1))
    else:
        age = bytes((tenths,))
    if track.altitude_m is not None:
        flags |= _ALTITUDE
        more += struct.pack(">H", min(max((track.altitude_m + 500) // 2, 0), 65_535))
    if track.accuracy_m is not None:
        flags |= _ACCURACY
        more.append(min(track.accuracy_m, 255))
    if track.speed_dm_s is not None:
        flags |= _MOVING
        more += bytes((_speed(track.speed_dm_s), round((track.course_deg or 0) * 256 / 360) % 256))
    if track.battery is not None:
        flags |= _BATTERY
        more.append(track.battery)
    if track.link or track.quality is not None:
        flags |= _LINK
        quality = 0 if track.quality is None else 1 + round(track.quality * 14 / 100)
        more.append(_BEARERS.index(track.link) << 4 | quality)
    flags |= (_CLOCK if track.mark == "clock" else 0) | (_OVER if track.over else 0)
    offsets = _PLACE.pack(
        round((track.lat_e7 - anchor.lat_e7) / STEP_E7), round((track.lon_e7 - anchor.lon_e7) / STEP_E7)
    )  # fmt: skip
    put(out, 2 * number)
    return bytes(out) + bytes((flags,)) + age + offsets + bytes(more)


def entries(letter: bytes) -> Iterator[Entry]:
    """What a letter says; BadMessage while it is read."""
    reader = Reader(letter)
    version, seconds = _HEAD.unpack(reader.take(_HEAD.size))
    if version != VERSION:
        raise malformed()
    while reader.left:
        first = reader.varint()
        if first & 1:
            yield Entry(first >> 1, decode(reader.take(reader.varint())), None)
        else:
            yield Entry(first >> 1, None, _read(reader, (seconds + EPOCH_S) * 1_000))


def placed(anchor: Track, said: Position) -> Track:
    """The position in full, by the introduction of its unit."""
    lat_e7 = min(max(anchor.lat_e7 + said.lat * STEP_E7, -900_000_000), 900_000_000)
    lon_e7 = min(max(anchor.lon_e7 + said.lon * STEP_E7, -1_800_000_000), 1_800_000_000)
    return structs.replace(
        anchor, lat_e7=lat_e7, lon_e7=lon_e7, at_ms=said.at_ms, altitude_m=said.altitude_m, accuracy_m=said.accuracy_m,
        speed_dm_s=said.speed_dm_s, course_deg=said.course_deg, battery=said.battery, link=said.link,
        quality=said.quality, mark=said.mark, over=said.over,
    )  # fmt: skip


def _read(reader: Reader, newest_ms: int) -> Position:
    flags = reader.byte()
    if flags & _OLD:
        at_ms = (int.from_bytes(reader.take(4), "big") + EPOCH_S) * 1_000
    else:
        at_ms = newest_ms - reader.byte() * 100
    lat, lon = _PLACE.unpack(reader.take(_PLACE.size))
    altitude = min(int.from_bytes(reader.take(2), "big") * 2 - 500, 60_000) if flags & _ALTITUDE else None
    accuracy = reader.byte() if flags & _ACCURACY else None
    speed, course = (_speed_of(reader.byte()), reader.byte()) if flags & _MOVING else (None, None)
    battery = min(reader.byte(), 100) if flags & _BATTERY else None
    bearer, quality = divmod(reader.byte() if flags & _LINK else 0, 16)
    if bearer >= len(_BEARERS):
        raise malformed()
    return Position(
        lat, lon, at_ms, altitude, accuracy, speed, None if course is None else round(course * 360 / 256) % 360,
        battery, _BEARERS[bearer], round((quality - 1) * 100 / 14) if quality else None,
        "clock" if flags & _CLOCK else "", bool(flags & _OVER),
    )  # fmt: skip


def _speed(dm_s: int) -> int:
    """0.2 m/s up to 25.4 m/s, then 2.5 m/s up to 345 m/s."""
    return round(dm_s / 2) if dm_s < 254 else min(127 + round((dm_s - 254) / 25), 255)


def _speed_of(said: int) -> int:
    return said * 2 if said <= 127 else 254 + (said - 127) * 25
