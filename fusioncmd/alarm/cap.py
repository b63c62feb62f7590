"""A CAP alert (OASIS Common Alerting Protocol 1.2; ITU-T X.1303 bis), as far as anything here goes by it. Pure.

`cap_xml.py` makes one of XML and XML of one. What is here is already checked: codes are the standard's, times are UTC,
areas are closed and on earth.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

XML_BYTES_MAX = 512 * 1024  # reject
INFOS_MAX = 32  # one for each language and event; reject
AREAS_MAX = 256  # of one info; reject
POINTS_MAX = 20_000  # of all polygons; reject
REFERENCES_MAX = 64  # reject
PAIRS_MAX = 256  # value names and values in one place; reject
TEXT_CHARS_MAX = 8_192  # of one element that people read; cut
NAME_CHARS_MAX = 256  # of one that names something; reject

Status = Literal["Actual", "Exercise", "System", "Test", "Draft"]
MsgType = Literal["Alert", "Update", "Cancel", "Ack", "Error"]
Scope = Literal["Public", "Restricted", "Private"]
Category = Literal[
    "Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other",
]  # fmt: skip
Urgency = Literal["Immediate", "Expected", "Future", "Past", "Unknown"]
Severity = Literal["Extreme", "Severe", "Moderate", "Minor", "Unknown"]
Certainty = Literal["Observed", "Likely", "Possible", "Unlikely", "Unknown"]
SEVERITIES: tuple[str, ...] = get_args(Severity)  # the gravest first
Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Text = Annotated[str, Meta(max_length=TEXT_CHARS_MAX)]
Millis = Annotated[int, Meta(ge=0, lt=1 << 48)]
Lat = Annotated[float, Meta(ge=-90, le=90)]
Lon = Annotated[float, Meta(ge=-180, le=180)]
Polygon = tuple[tuple[Lat, Lon], ...]
Pair = tuple[str, str]


class Circle(Struct, frozen=True):
    """`radius_km` 0: a point."""

    lat: Lat
    lon: Lon
    radius_km: Annotated[float, Meta(ge=0, le=20_100)]


class Area(Struct, frozen=True):
    """The ground meant is all of its polygons, circles and geocodes together (3.2.4); `described` is for people."""

    described: Text
    polygons: tuple[Polygon, ...] = ()
    circles: tuple[Circle, ...] = ()
    geocodes: tuple[Pair, ...] = ()


class Info(Struct, frozen=True):
    """One event in one language. Times are milliseconds since 1970, None where the alert says none."""

    language: str
    categories: tuple[Category, ...]
    event: Text
    urgency: Urgency
    severity: Severity
    certainty: Certainty
    responses: tuple[str, ...] = ()
    event_codes: tuple[Pair, ...] = ()
    effective_ms: Millis | None = None
    onset_ms: Millis | None = None
    expires_ms: Millis | None = None
    sender_name: Text = ""
    headline: Text = ""
    description: Text = ""
    instruction: Text = ""
    web: Text = ""
    contact: Text = ""
    parameters: tuple[Pair, ...] = ()
    areas: tuple[Area, ...] = ()


class Reference(Struct, frozen=True):
    """An earlier alert, as updates and cancels name it."""

    sender: str
    identifier: str
    sent_ms: Millis


class CapAlert(Struct, frozen=True):
    """`identifier`, `sender` and `sent_ms` together name it, as references do (3.2.1)."""

    identifier: Name
    sender: Name
    sent_ms: Millis
    status: Status
    msg_type: MsgType
    scope: Scope
    infos: tuple[Info, ...]
    references: tuple[Reference, ...] = ()
    source: Text = ""
    addresses: Text = ""
    note: Text = ""
    codes: tuple[str, ...] = ()
    incidents: Text = ""

    @property
    def reference(self) -> Reference:
        return Reference(self.sender, self.identifier, self.sent_ms)

    def info(self, *languages: str) -> Info | None:
        """The one in the first of `languages` (RFC 5646, by its beginning) that there is; else the first of all."""
        for language in languages:
            for info in self.infos:
                if info.language.lower().startswith(language.lower()):
                    return info
        return self.infos[0] if self.infos else None


def severity_rank(severity: str) -> int:
    """4 for Extreme down to 0 for Unknown."""
    return len(SEVERITIES) - 1 - SEVERITIES.index(severity)
