"""Where units are: as many of a node's as fit. Pure.

24 bits     minute of the newest; then units, each:
  1         one follows
  10        minutes before that                     2   by what it was told (track.Source)
  4 + n     how many digits of its place after the sender's code, and these as a number
  text      its name (smalltext.py)                 3   kind (track.Kind)
  25 + 26   latitude and longitude, of 180 and 360 degrees (0.6 m)
  7         battery in percent; 127: not known
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from fusioncmd.codes import LENGTHS
from fusioncmd.lastline import bounds, smalltext
from fusioncmd.lastline.bits import Reader, Writer, malformed
from fusioncmd.lastline.order_codes import digit_bits, minute_ms, minute_of
from fusioncmd.lastline.reports import LAT_BITS, LON_BITS
from fusioncmd.track.position import Kind, Source, Track

AGE_BITS, SOURCE_BITS, KIND_BITS, BATTERY_BITS = 10, 2, 3, 7
UNITS_MAX = 64  # of one message; wait
_UNKNOWN = (1 << BATTERY_BITS) - 1
_KINDS, _SOURCES = get_args(Kind), get_args(Source)

assert len(_SOURCES) <= 1 << SOURCE_BITS and len(_KINDS) <= 1 << KIND_BITS


def pack(tracks: Iterable[Track], place: str, room_bits: int) -> list[tuple[str, Writer]]:
    """Messages, and each by the address of its first unit: those that were there last go first."""
    waiting = sorted(tracks, key=lambda track: -track.at_ms)
    found = []
    while waiting:
        newest = minute_of(waiting[0].at_ms)
        out = Writer()
        out.put(newest, bounds.MINUTES_BITS)
        held = 0
        for track in waiting:
            one = _written(track, place, newest)
            if out.count + one.count + 2 > room_bits or held == UNITS_MAX:
                break
            out.put(1, 1)
            out.add(one)
            held += 1
        if not held:  # one that fits into no message keeps nobody else waiting
            waiting.pop(0)
            continue
        out.put(0, 1)
        found.append((waiting[0].address, out))
        del waiting[:held]
    return found


def _written(track: Track, place: str, newest: int) -> Writer:
    out = Writer()
    out.put(min(newest - minute_of(track.at_ms), (1 << AGE_BITS) - 1), AGE_BITS)
    out.put(_SOURCES.index(track.source), SOURCE_BITS)
    digits = track.node[len(place) :]
    out.put(len(digits), 4)
    out.put(int(digits or "0"), digit_bits(len(digits)))
    smalltext.write(out, track.unit)
    out.put(_KINDS.index(track.kind), KIND_BITS)
    out.put(round((track.lat_e7 + 900_000_000) / 1_800_000_000 * ((1 << LAT_BITS) - 1)), LAT_BITS)
    out.put(round((track.lon_e7 + 1_800_000_000) / 3_600_000_000 * ((1 << LON_BITS) - 1)), LON_BITS)
    out.put(_UNKNOWN if track.battery is None else track.battery, BATTERY_BITS)
    return out


def read(data: Reader, place: str) -> list[Track]:
    """What the node at `place` says; titles are for who knows the units. `BadMessage` for what no writer writes."""
    newest, found = data.take(bounds.MINUTES_BITS), list[Track]()
    while data.take(1):
        found.append(_read_one(data, place, newest))
        if len(found) > UNITS_MAX:
            raise malformed()
    data.end()
    return found


def _read_one(data: Reader, place: str, newest: int) -> Track:
    age, source, length = data.take(AGE_BITS), data.take(SOURCE_BITS), data.take(4)
    digits, unit, kind = data.take(digit_bits(length)), smalltext.read(data), data.take(KIND_BITS)
    lat = round(data.take(LAT_BITS) * 1_800_000_000 / ((1 << LAT_BITS) - 1)) - 900_000_000
    lon = round(data.take(LON_BITS) * 3_600_000_000 / ((1 << LON_BITS) - 1)) - 1_800_000_000
    battery = data.take(BATTERY_BITS)
    if len(place) + length not in LENGTHS or digits >= 10**length or kind >= len(_KINDS) or age > newest:
        raise malformed()
    if not unit.isascii() or not unit or len(unit) > 32 or 100 < battery < _UNKNOWN:
        raise malformed()
    node = f"{place}{digits:0{length}}" if length else place
    return Track(
        node, unit, _KINDS[kind], unit, lat, lon, minute_ms(newest - age), _SOURCES[source],
        battery=None if battery == _UNKNOWN else battery, link="satellite",
    )  # fmt: skip
