"""Temporary talkgroups: who is meant to be in one, and until when. As they stand in the trust stream. Pure.

Anybody may dial any name ad hoc; one of these is made by a commander, its members are called into it, and it ends. A
record has a tag (BLAKE2b keyed with the tier's ticket key, RFC 7693), as an account of a radio has.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.codes import LENGTHS, Path
from fusioncmd.errors import BadInput
from fusioncmd.messages import Code, Millis
from fusioncmd.messages import Number as Person
from fusioncmd.radios import Account
from fusioncmd.voice.bounds import GROUP_MEMBERS_MAX, GROUPS_MAX

_TAG_BYTES = 16
Name = Annotated[str, Meta(pattern=r"\A[A-Za-z][A-Za-z0-9_-]{0,31}\Z")]
Slot = Annotated[int, Meta(ge=0, lt=GROUPS_MAX)]
Places = Annotated[tuple[Code, ...], Meta(max_length=GROUP_MEMBERS_MAX)]
People = Annotated[tuple[Person, ...], Meta(max_length=GROUP_MEMBERS_MAX)]
Radios = Annotated[tuple[Account, ...], Meta(max_length=GROUP_MEMBERS_MAX)]


class Talkgroup(Struct, frozen=True, array_like=True, tag="talkgroup.1"):
    """`slot` is where it stands in the stream: one that has ended leaves it to the next. Members are all who belong to
    one of `places` or below, `people` by number, and `radios` by account."""

    slot: Slot
    place: Code
    name: Name
    places: Places
    people: People
    radios: Radios
    by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    made_ms: Millis
    until_ms: Millis
    ended: bool = False

    @property
    def where(self) -> str:
        """As it is dialled."""
        return f"{self.place}.{self.name}"

    def means(self, place: str, number: int | None, account: str = "") -> bool:
        """Whether who belongs to `place` is a member, as a person or as a radio."""
        return (
            any(place.startswith(one) for one in self.places)
            or (number is not None and number in self.people)
            or account in self.radios
        )


def common(codes: Iterable[str]) -> str:
    """The lowest place that covers all; empty: none does."""
    held = [*codes]
    same = [n for n in LENGTHS if all(len(code) >= n and code[:n] == held[0][:n] for code in held)]
    return held[0][: same[-1]] if same and held else ""


def of_branch(place: str, member: str) -> bool:
    """A member can dial the talkgroups of places above it and below."""
    return Path(place).covers(Path(member)) or Path(member).covers(Path(place))


def pack(group: Talkgroup, key: bytes) -> bytes:
    payload = msgspec.msgpack.encode(group)
    return payload + _tag(payload, key)


def unpack(data: bytes, key: bytes) -> Talkgroup:
    """`BadInput` for what no node of this tier wrote."""
    payload = data[:-_TAG_BYTES]
    if not compare_digest(data[-_TAG_BYTES:], _tag(payload, key)):
        raise BadInput("Not a talkgroup that this tier's node wrote.", "不是本级节点写入的通话组。")
    try:
        return msgspec.msgpack.decode(payload, type=Talkgroup)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"Not a talkgroup: {error}.", f"不是有效的通话组：{error}。") from None


def _tag(body: bytes, key: bytes) -> bytes:
    return blake2b(body, key=key, person=b"fc-talkgroup", digest_size=_TAG_BYTES).digest()
