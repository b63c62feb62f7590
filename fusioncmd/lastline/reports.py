"""What one person wrote, and from where, as much as fits. Pure.

    32 bits     short id of the order           128  the report's own id
    32          the person's number             24   minute
    1           from where: 25 latitude, 26 longitude, of 180 and 360 degrees (0.6 m)
    1           it was cut; and the text (smalltext.py)

The whole report follows by the exchange under the same id, and stands in place of this one (exchange/merging.py: the
earliest does, and this one names the minute after).
"""

from __future__ import annotations

from fusioncmd.lastline import bounds, smalltext
from fusioncmd.lastline.bits import Reader, Writer
from fusioncmd.lastline.order_codes import minute_ms, minute_of
from fusioncmd.lastline.twins import short_of
from fusioncmd.messages import Report

LAT_BITS, LON_BITS = 25, 26
_CUT = "…"


def write(report: Report, room_bits: int) -> Writer:
    """At least the place or the beginning of the text has to fit, which in 560 bits it does."""
    out = Writer()
    out.raw(short_of(report.order)[: bounds.ANSWERED_ID_BYTES])
    out.raw(report.id)
    out.put(report.number, 32)
    out.put(minute_of(report.at_ms) + 1, bounds.MINUTES_BITS)
    placed = report.lat is not None and report.lon is not None
    out.put(placed, 1)
    if report.lat is not None and report.lon is not None:
        out.put(_share(report.lat, 180, LAT_BITS), LAT_BITS)
        out.put(_share(report.lon, 360, LON_BITS), LON_BITS)
    text = smalltext.fitted(report.text, room_bits - out.count - 1)
    out.put(text != report.text, 1)
    smalltext.write(out, text)
    return out


def read(data: Reader) -> tuple[bytes, Report]:
    """The short id of the order, and the report; its order is for who knows the orders to put in."""
    short, ident = data.raw(bounds.ANSWERED_ID_BYTES), data.raw(16)
    number, minute = data.take(32), data.take(bounds.MINUTES_BITS)
    lat = lon = None
    if data.take(1):
        lat = round(data.take(LAT_BITS) * 180 / ((1 << LAT_BITS) - 1) - 90, 6)
        lon = round(data.take(LON_BITS) * 360 / ((1 << LON_BITS) - 1) - 180, 6)
    cut = data.take(1)
    text = smalltext.read(data)
    data.end()
    return short, Report(ident, bytes(16), number, minute_ms(minute), text + (_CUT if cut else ""), lat, lon)


def _share(degrees: float, of: int, bits: int) -> int:
    return round((degrees + of / 2) / of * ((1 << bits) - 1))
