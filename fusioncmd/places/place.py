"""A place of the registry: what it is, where, who is responsible for it, and by which cameras it is seen. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage
from fusioncmd.messages import Code, Latitude, Longitude

PLACES_MAX = 200_000  # of one node's registry; reject
PEOPLE_MAX = 16  # of one place; reject
CAMERAS_MAX = 16  # of one place; reject
RADIUS_M_MAX = 50_000.0  # reject
PLACE_BYTES_MAX = 8_192
KINDS = ("enterprise", "hazard", "protected", "camera")  # the usual ones; any other word will do

Ident = Annotated[str, Meta(pattern=r"\A[^\s\x00-\x1f]{1,64}\Z")]
Kind = Annotated[str, Meta(pattern=r"\A[^\s,;\x00-\x1f]{1,32}\Z")]
Where = tuple[Latitude, Longitude]


class Place(Struct, frozen=True, omit_defaults=True, tag="place.1", tag_field="form"):
    """`id` is what alarms name it by. `node`: the administrative place in which it lies. `where`: latitude and
    longitude, degrees, WGS 84; None: only the node is known. `radius_m`: an alarm so near is of this place; 0: only one
    that names it. `people`: roster ids or phones of who is responsible. `cameras`: sources that show it, such as
    `44.01.06.gate-1`. `removed`: there is none of that id any more."""

    id: Ident
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    kind: Kind
    node: Code
    where: Where | None = None
    radius_m: Annotated[float, Meta(ge=0, le=RADIUS_M_MAX)] = 0.0
    people: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=64)], ...], Meta(max_length=PEOPLE_MAX)] = ()
    cameras: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.-]{1,96}\Z")], ...], Meta(max_length=CAMERAS_MAX)
    ] = ()
    address: Annotated[str, Meta(max_length=256)] = ""
    removed: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Place)


def encode(place: Place) -> bytes:
    return _encoder.encode(place)


def decode(data: bytes) -> Place:
    """BadMessage."""
    if len(data) <= PLACE_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a place.", "不是有效的场所信息。")
