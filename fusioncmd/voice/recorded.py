"""What is known of a recorded burst: who, where, when, in which talkgroup, and by whose word. Pure.

Recordings lie in folders by the hour (UTC), each with an index of one line a burst; a name says where its file is.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.codes import Path
from fusioncmd.messages import Code, Millis
from fusioncmd.messages import Number as Person
from fusioncmd.voice.bounds import USER_CHARS_MAX

HOUR_MS = 3_600_000
MAIN = "main"  # the talkgroup of a place that is dialled by its code alone
_LAST_MS = 253_402_300_799_000  # of the year 9999
Id = Annotated[str, Meta(pattern=r"\A[0-9]{10}-[0-9]{7}-[0-9a-f]{8}\Z")]


class Recorded(Struct, frozen=True):
    """`place` and `group` are the talkgroup's, `node` the speaker's own place; `granted` is the node that let them
    speak, with which `priority` (0 to 255). `lost` counts packets that did not come here."""

    id: Id
    at_ms: Millis
    lasts_ms: Millis
    place: Code
    group: str
    number: Person | None
    node: Code
    name: Annotated[str, Meta(max_length=USER_CHARS_MAX)]
    gateway: str
    granted: Code
    priority: int
    packets: int
    lost: int


_line = msgspec.json.Decoder(Recorded)


def hour_of(at_ms: int) -> str:
    """The folder in which bursts of that time lie; in the order of time."""
    return datetime.fromtimestamp(min(at_ms, _LAST_MS) / 1_000, UTC).strftime("%Y%m%d%H")


def id_of(at_ms: int, key: str) -> str:
    """`key` tells the burst from others of the same millisecond."""
    return f"{hour_of(at_ms)}-{at_ms % HOUR_MS:07d}-{zlib.crc32(key.encode()):08x}"


def line(one: Recorded) -> bytes:
    return msgspec.json.encode(one) + b"\n"


def lines(data: bytes) -> Iterator[Recorded]:
    """Of an index. The last line may have been cut off when the machine was: it is passed over."""
    for text in data.split(b"\n"):
        try:
            yield _line.decode(text)
        except msgspec.MsgspecError:
            continue


def matches(one: Recorded, place: str, person: str) -> bool:
    """`place`: the talkgroup's, the speaker's, or one above either; `person`: a number, or part of a name."""
    there = one.place.startswith(place) or one.node.startswith(place)
    return there and (not person or person == str(one.number) or person.casefold() in one.name.casefold())


def was_in(one: Recorded, where: str) -> bool:
    """In that talkgroup; where none is named, in any."""
    code, _, name = where.partition(".")
    return not where or (one.place, one.group) == (code, name or MAIN)


def could_hear(one: Recorded, place: str, groups: Collection[str]) -> bool:
    """Whether somebody of `place` could have heard it live: in the talkgroup of a place of their branch, or one of the
    temporary `groups` of which they are a member."""
    if one.group != MAIN:
        return f"{one.place}.{one.group}" in groups
    return Path(one.place).covers(Path(place)) or Path(place).covers(Path(one.place))


def may_hear(one: Recorded, actor: Path) -> bool:
    """The talkgroup or the speaker is of the actor's place."""
    return actor.covers(Path(one.place)) or actor.covers(Path(one.node))
