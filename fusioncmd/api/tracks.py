"""Questions about where units are. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Code, Latitude, Longitude, Millis
from fusioncmd.track.bounds import TOLD_MAX
from fusioncmd.track.position import AltitudeM, Bearer, CourseDeg, Kind, Percent, Title, Unit

Address = Annotated[str, Meta(min_length=4, max_length=64)]  # `<dotted path>.<unit>`
AGE_S_MAX = 7 * 86_400


class Tracks(Question["TracksReply"], frozen=True):
    """`tracks`: units at `node` and below (none: the asker's place), of `kinds` (none: all), heard of in the last
    `age_s` (0: at any time), within `within_m` of `near`. `since`: the `edition` of an earlier reply; then only what is
    new since. `after`: the page after that address. `trails`: with the points where each was."""

    node: CodeOrNone = ""
    kinds: Annotated[tuple[Kind, ...], Meta(max_length=8)] = ()
    age_s: Annotated[int, Meta(ge=0, le=AGE_S_MAX)] = 0
    near: tuple[Latitude, Longitude] | None = None
    within_m: Annotated[int, Meta(ge=1, le=5_000_000)] = 10_000
    since: Annotated[int, Meta(ge=0, lt=1 << 53)] = 0
    after: Annotated[str, Meta(max_length=64)] = ""
    limit: Annotated[int, Meta(ge=1, le=TOLD_MAX)] = TOLD_MAX
    trails: bool = False


class TrackLine(Struct, frozen=True):
    """`lat` and `lon` in degrees, WGS 84; of `trail` too, with ms since 1970, the oldest first. `at_ms`: when it was
    there, `heard_ms`: when the node heard of it. The rest as in `track.position.Track`."""

    address: str
    node: Code
    unit: str
    kind: str
    title: str
    lat: float
    lon: float
    at_ms: Millis
    heard_ms: Millis
    source: str
    altitude_m: int | None
    accuracy_m: int | None
    speed_m_s: float | None
    course_deg: int | None
    battery: int | None
    link: str
    quality: int | None
    mark: str
    trail: tuple[tuple[float, float, int], ...] = ()


class TracksReply(Struct, frozen=True):
    """`lines` are the first of `total`. `whole`: they are all there are; else what is new, and `gone` are addresses of
    units that are no more. `edition`: for the next question; `next`: the `after` of the next page."""

    now_ms: Millis
    edition: int
    whole: bool
    lines: tuple[TrackLine, ...]
    total: int
    gone: tuple[str, ...] = ()
    next: str | None = None


class PutTrack(Question[TrackLine], frozen=True):
    """`put-track`: somebody says where a unit is. `node`: the place that it is of; none: the asker's."""

    unit: Unit
    lat: Latitude
    lon: Longitude
    node: CodeOrNone = ""
    kind: Kind = "person"
    title: Title = ""
    altitude_m: AltitudeM | None = None
    course_deg: CourseDeg | None = None
    battery: Percent | None = None
    link: Bearer = ""


class EndTrack(Question["TrackEnded"], frozen=True):
    """`end-track`: the unit is shown no more, until it is heard of again."""

    address: Address


class TrackEnded(Struct, frozen=True):
    address: str


VERBS: Verbs = {
    Tracks: ("tracks", TracksReply), PutTrack: ("put-track", TrackLine), EndTrack: ("end-track", TrackEnded),
}  # fmt: skip
