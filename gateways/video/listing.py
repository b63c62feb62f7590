"""The sources of video as somebody who may watch them is shown them, in JSON."""

from __future__ import annotations

from msgspec import Struct

from fusioncmd.codes import parse
from fusioncmd.video.source import Source
from gateways.radio.calls import Caller
from gateways.video.forwarding import Forwarding
from gateways.video.sources import address_of
from gateways.video.who import may_watch


class Row(Struct, frozen=True):
    """`viewers`: at all gateways for what is published here, at this one for others. `place`: latitude and longitude.
    `codec` is the picture's; `of`: for what a
    place puts before everybody, the address of the source, `<dotted path>.<source>`."""

    node: str
    name: str
    title: str
    kind: str
    since_ms: int
    number: int
    width: int
    height: int
    place: tuple[float, float] | None
    of: str
    trouble_en: str
    trouble_zh: str
    codec: str
    viewers: int
    thin: str


def rows(forwarding: Forwarding, caller: Caller) -> list[Row]:
    """What `caller` may watch, by place and name."""
    may = [one for one in forwarding.sources if may_watch(caller, parse(one.node), one.name)]
    return [_row(one, forwarding) for one in sorted(may, key=lambda one: (one.node, one.name))]


def _row(one: Source, forwarding: Forwarding) -> Row:
    return Row(
        one.node, one.name, one.title, one.kind, one.since_ms, one.number, one.width, one.height, one.place, one.of,
        *one.trouble, next((track.codec for track in one.tracks if track.codec != "opus"), ""),
        forwarding.viewers_of(address_of(parse(one.node), one.name)), one.thin,
    )  # fmt: skip
