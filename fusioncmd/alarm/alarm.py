"""What every alarm becomes, whoever said it: one typed message on `fc.alarm.<path>`. Pure.

The path is the lowest place that covers everything meant. CAP's own words for how grave, how sure and how soon
(CAP 1.2, 3.2.2), in lower case, as orders have them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.codes import LENGTHS, Path
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, Id, Latitude, Longitude, Millis, Severity, Status

ALARM_BYTES_MAX = 32 * 1024  # reject
NODES_MAX = 256  # beyond: the places that cover them
EVIDENCE_MAX = 16  # cut
HEADLINE_CHARS_MAX = 256  # cut
TEXT_CHARS_MAX = 2_048  # cut
TIMES_MAX = 1 << 40

State = Literal["new", "more", "over"]  # CAP's alert, update, cancel; a sensor's crossing, still beyond, back again
Certainty = Literal["observed", "likely", "possible", "unlikely", "unknown"]
Urgency = Literal["immediate", "expected", "future", "past", "unknown"]
Source = Annotated[str, Meta(pattern=r"\A(cap|mqtt|hook|video|node|department)\.[A-Za-z0-9_@:.-]{1,120}\Z")]
Event = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,31}\Z")]  # what playbooks go by: smoke, gas, rainstorm
Words = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]


class Evidence(Struct, frozen=True, array_like=True):
    """`what`: for `reading` a series and its value, for `video` a source and a time, for `still` a picture's id, for
    `web` an address. It is shown, and nothing is fetched from it."""

    kind: Literal["reading", "video", "still", "web", "text"]
    what: Annotated[str, Meta(max_length=512)]


class Alarm(Struct, frozen=True, omit_defaults=True, tag="alarm.1", tag_field="kind"):
    """`source` and `about` together name it: a source says more of the same thing under the same `about`. `nodes`: the
    lowest places that it concerns. `times`: how often it was said since the message before, this one included.
    `only_place`: it says no more of where it is than `place`; `nodes` is then the tier that took it in."""

    id: Id
    source: Source
    about: Annotated[str, Meta(min_length=1, max_length=256)]
    state: State
    event: Event
    status: Status
    severity: Severity
    certainty: Certainty
    urgency: Urgency
    since_ms: Millis
    said_ms: Millis
    nodes: Annotated[tuple[Code, ...], Meta(min_length=1, max_length=NODES_MAX)]
    headline: Annotated[str, Meta(max_length=HEADLINE_CHARS_MAX)]
    text: Words = ""
    until_ms: Millis | None = None
    where: tuple[Latitude, Longitude] | None = None
    radius_m: Annotated[float, Meta(ge=0, le=20_100_000)] = 0.0
    place: Annotated[str, Meta(max_length=64)] = ""  # of the registry of places
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=EVIDENCE_MAX)] = ()
    times: Annotated[int, Meta(ge=1, le=TIMES_MAX)] = 1
    only_place: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.source, self.about

    @property
    def path(self) -> Path:
        """The lowest place that covers all that it concerns."""
        return covering(self.nodes)


def covering(codes: Iterable[str]) -> Path:
    """BadMessage where they are of several provinces."""
    held = list(codes)
    same = [n for n in LENGTHS if all(len(code) >= n and code[:n] == held[0][:n] for code in held)]
    if not same:
        raise BadMessage("An alarm for several provinces at once.", "预警跨越多个省份。")
    return Path(held[0][: same[-1]])


def fewest(codes: Iterable[str], most: int = NODES_MAX) -> tuple[str, ...]:
    """The same ground in at most `most` places: without those that another covers, and if they are too many, those
    above them, tier by tier."""
    held = sorted(set(codes))
    held = [code for code in held if not any(code != other and code.startswith(other) for other in held)]
    for length in reversed(LENGTHS[:-1]):
        if len(held) <= most:
            break
        held = sorted({code[:length] for code in held})
    return tuple(held)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Alarm)


def encode(alarm: Alarm) -> bytes:
    """BadMessage beyond the bound."""
    data = _encoder.encode(alarm)
    if len(data) > ALARM_BYTES_MAX:
        raise BadMessage(f"An alarm of {len(data)} bytes.", f"预警消息长 {len(data)} 字节，超出上限。")
    return data


def decode(data: bytes) -> Alarm:
    """BadMessage."""
    if len(data) <= ALARM_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not an alarm.", "不是有效的预警消息。")
