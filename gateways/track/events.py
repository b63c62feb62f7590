"""Cursor on Target events and units: which unit an event is of, and the event of a unit. Pure.

CoT is MIL-STD-6090 in TAK's use of it. Types: `a-f-G…` on the ground, `a-f-A…` in the air; `t-x-d-d` takes an event
away. A unit of TAK is named by a hash of its uid, so that no client can be another one, or one of ours.
"""

from __future__ import annotations

from base64 import b32encode
from dataclasses import dataclass
from hashlib import blake2s

from fusioncmd.track.bounds import TITLE_CHARS_MAX
from fusioncmd.track.position import Kind, Track, degrees
from gateways.track.bounds import STALE_S

OWN = "fusioncmd."  # how the uid of each unit of ours begins
UNKNOWN = 9_999_999.0  # in CoT, of height and errors
DELETED = "t-x-d-d"
TYPES: dict[str, str] = {
    "person": "a-f-G-U-C", "vehicle": "a-f-G-E-V", "drone": "a-f-A-M-H-Q", "kit": "a-f-G-U-C-S", "sensor": "a-f-G-E-S",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Times in ms since 1970; degrees, m above the ellipsoid, m of circular error; m/s and degrees. `of`: whom a
    deletion means."""

    uid: str
    type: str
    at_ms: int
    stale_ms: int
    lat: float
    lon: float
    height_m: float = UNKNOWN
    error_m: float = UNKNOWN
    callsign: str = ""
    speed_m_s: float | None = None
    course_deg: float | None = None
    battery: int | None = None
    remarks: str = ""
    how: str = "m-g"
    of: str = ""


def unit_of(uid: str) -> str:
    return f"tak-{b32encode(blake2s(uid.encode(), digest_size=10).digest()).decode().lower()}"


def uid_of(track: Track) -> str:
    return OWN + track.address


def track_of(event: Event, node: str, now_ms: int) -> Track | None:
    """None for what is no unit of ours (points, routes, chat, those of others); BadInput where its place is none. Its
    time is when the client said it."""
    if not event.type.startswith("a-f-") or event.uid.startswith(OWN):
        return None
    lat_e7, lon_e7 = degrees(event.lat, event.lon)
    known = 0 <= event.error_m < 1_000_000
    return Track(
        node, unit_of(event.uid), _kind(event.type), (event.callsign or event.uid)[:TITLE_CHARS_MAX], lat_e7, lon_e7,
        event.at_ms, "cot", round(event.height_m) if -500 <= event.height_m <= 60_000 else None,
        round(event.error_m) if known else None,
        None if event.speed_m_s is None else round(min(max(event.speed_m_s, 0.0), 1_000.0) * 10),
        None if event.course_deg is None or not 0 <= event.course_deg <= 360 else int(event.course_deg) % 360,
        event.battery if event.battery is not None and 0 <= event.battery <= 100 else None,
    )  # fmt: skip


def event_of(track: Track, now_ms: int) -> Event:
    """As a TAK client shows it: for `STALE_S` as present."""
    if track.over:
        return Event(f"{uid_of(track)}.over", DELETED, now_ms, now_ms + 60_000, 0.0, 0.0, of=uid_of(track), how="h-g")
    return Event(
        uid_of(track), TYPES[track.kind], track.at_ms, track.at_ms + STALE_S * 1_000, track.lat_e7 / 1e7,
        track.lon_e7 / 1e7, UNKNOWN if track.altitude_m is None else float(track.altitude_m),
        UNKNOWN if track.accuracy_m is None else float(track.accuracy_m), track.title or track.unit,
        None if track.speed_dm_s is None else track.speed_dm_s / 10,
        None if track.course_deg is None else float(track.course_deg), track.battery,
        f"{track.source} {track.link}".strip() + (" clock is off" if track.mark else ""),
        "h-e" if track.source == "manual" else "m-g",
    )  # fmt: skip


def _kind(cot_type: str) -> Kind:
    if cot_type.startswith("a-f-A"):
        return "drone"
    if cot_type.startswith("a-f-G-E-S"):
        return "sensor"
    return "vehicle" if cot_type.startswith(("a-f-G-E", "a-f-S")) else "person"
