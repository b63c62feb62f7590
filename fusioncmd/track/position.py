"""Where a unit is, as a message on the bus: `fc.track.<path>.<unit>`. Pure.

Coordinates are WGS 84 everywhere, in 1e-7 degree (11 mm); `datum.py` is for maps that are not. Nothing of it lies in a
stream: nodes keep the last of each unit.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import subjects
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.ground import distance_m
from fusioncmd.messages import Code, Millis
from fusioncmd.track.bounds import NULL_DEG, TITLE_CHARS_MAX, TRACK_BYTES_MAX

Kind = Literal["person", "vehicle", "drone", "kit", "sensor"]
Bearer = Literal["", "satellite", "4g", "wifi", "radio", "none"]
Source = Literal["mavlink", "cot", "phone", "manual"]
Mark = Literal["", "clock"]
Unit = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]
Title = Annotated[str, Meta(max_length=TITLE_CHARS_MAX)]
LatE7 = Annotated[int, Meta(ge=-900_000_000, le=900_000_000)]
LonE7 = Annotated[int, Meta(ge=-1_800_000_000, le=1_800_000_000)]
AltitudeM = Annotated[int, Meta(ge=-500, le=60_000)]
AccuracyM = Annotated[int, Meta(ge=0, le=1_000_000)]
SpeedDmS = Annotated[int, Meta(ge=0, le=10_000)]
CourseDeg = Annotated[int, Meta(ge=0, lt=360)]
Percent = Annotated[int, Meta(ge=0, le=100)]


class Track(Struct, frozen=True, array_like=True, tag="track.1"):
    """`node` and `unit` are its address; `at_ms`: when it was there, since 1970. `altitude_m` is above the ellipsoid;
    `speed_dm_s` in 0.1 m/s over ground, `course_deg` from true north. `battery` and `quality` (of `link`, by which it
    is reached) are percent. None: not known. `mark`: what is not as it should be: `clock`, the unit's clock is wrong,
    and `at_ms` is when it was heard. `over`: the unit has signed off."""

    node: Code
    unit: Unit
    kind: Kind
    title: Title
    lat_e7: LatE7
    lon_e7: LonE7
    at_ms: Millis
    source: Source
    altitude_m: AltitudeM | None = None
    accuracy_m: AccuracyM | None = None
    speed_dm_s: SpeedDmS | None = None
    course_deg: CourseDeg | None = None
    battery: Percent | None = None
    link: Bearer = ""
    quality: Percent | None = None
    mark: Mark = ""
    over: bool = False

    @property
    def address(self) -> str:
        return f"{parse(self.node).dotted}.{self.unit}"


encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Track] = msgspec.msgpack.Decoder(Track)


def decode(data: bytes) -> Track:
    """Raises BadMessage."""
    if len(data) > TRACK_BYTES_MAX:
        raise BadMessage("A position is too long.", "位置消息过长。")
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("Not a position.", "不是位置消息。") from None


def subject_of(path: Path, unit: str) -> str:
    """The position of a unit; BadInput for a name that is none."""
    named = subjects.token(unit, "A unit", "单位")
    return f"fc.track.{path.dotted}.{named}"


def all_below(path: Path) -> str:
    """All units of that place and below."""
    return f"fc.track.{path.dotted}.>"


def heard(subject: str, data: bytes) -> Track:
    """What lies on `fc.track.….<unit>`, when it is that unit's; BadMessage."""
    found = decode(data)
    if subject != f"fc.track.{found.address}":
        raise BadMessage(
            f"A position of {found.node}.{found.unit} does not belong on {subject}.",
            f"{found.node}.{found.unit} 的位置不应发布在 {subject}。",
        )
    return found


def degrees(lat: float, lon: float) -> tuple[LatE7, LonE7]:
    """Latitude and longitude as integers of 1e-7 degree; BadInput with why it is no place."""
    if not (math.isfinite(lat) and math.isfinite(lon)):
        raise BadInput("The position is not a number.", "位置不是有效数值。")
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise BadInput(f"{lat:g}, {lon:g} is no place on earth.", f"{lat:g}, {lon:g} 不是地球上的位置。")
    if abs(lat) < NULL_DEG and abs(lon) < NULL_DEG:
        raise BadInput("At 0° 0′ is a receiver without a fix.", "0° 0′ 表示接收机尚未定位。")
    return round(lat * 1e7), round(lon * 1e7)


def metres(a: tuple[int, int], b: tuple[int, int]) -> float:
    """Between two places in 1e-7 degree."""
    return distance_m((a[0] / 1e7, a[1] / 1e7), (b[0] / 1e7, b[1] / 1e7))


def place(track: Track) -> tuple[int, int]:
    return track.lat_e7, track.lon_e7
