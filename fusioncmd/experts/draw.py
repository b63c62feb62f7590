"""The double-random draw (双随机): which experts are called, and which official draws, from a committed seed. Pure.

The node keeps a secret seed of 32 bytes and has its SHA-256 in the audit before anybody asks for a draw; so whoever
asks cannot know what a list will give, and whoever keeps the seed cannot change it. A draw names its list in full.
Each name gets the key HMAC-SHA-256(seed, digest of the list | role | name), and those with the smallest keys come
first: an order that is uniform over all, whatever the names are, and has no modulo to be biased. Who declines is passed
over, and the next in the same order comes: no draw is made again, so none can be made again until it pleases.

Afterwards the seed is published with the record, and anybody replays it: PROTOCOL.md, 15, has all that is needed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadInput

SEED_BYTES = 32
LISTED_MAX = 5_000  # experts, or officials, of one draw; reject
NEEDS_MAX = 16
WANTED_MAX = 64  # of one field in one draw; reject
NAME_CHARS_MAX = 64

Name = Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
Hex32 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Role = Literal[b"expert", b"official"]


class Need(Struct, frozen=True):
    """`count` experts of `field`."""

    field: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    count: Annotated[int, Meta(ge=1, le=WANTED_MAX)]


class Listed(Struct, frozen=True):
    """What a draw is made from, all of it: so whoever replays it sees who could have been drawn. `experts`: name and
    the fields in which each is eligible. `excluded`: who would have been, and why not. `about`: the draw's own id,
    which no other draw has."""

    about: Annotated[str, Meta(min_length=1, max_length=NAME_CHARS_MAX)]
    needs: Annotated[tuple[Need, ...], Meta(min_length=1, max_length=NEEDS_MAX)]
    experts: Annotated[dict[Name, tuple[str, ...]], Meta(max_length=LISTED_MAX)]
    officials: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=LISTED_MAX)]
    excluded: Annotated[dict[Name, str], Meta(max_length=LISTED_MAX)] = {}

    def digest(self) -> bytes:
        """SHA-256 of it as canonical JSON: keys sorted, no spaces, UTF-8."""
        plain = msgspec.to_builtins(self)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return hashlib.sha256(text.encode()).digest()


class Drawn(Struct, frozen=True):
    """The official who draws, and the experts by field in the order in which they are asked."""

    official: str
    experts: dict[str, tuple[str, ...]]


def commitment(seed: bytes) -> str:
    return hashlib.sha256(seed).hexdigest()


def order(seed: bytes, digest: bytes, role: Role, names: Iterable[str]) -> list[str]:
    """`names` from the first to be asked to the last."""
    start, digest_of = digest + role, hmac.digest
    return sorted(names, key=lambda name: digest_of(seed, start + name.encode(), "sha256"))


def drawn(listed: Listed, seed: bytes, declined: Sequence[str] = ()) -> Drawn:
    """BadInput: fewer are left than are needed. The needs are met in turn; nobody is drawn for two."""
    found = left(listed, seed, declined)
    for need in listed.needs:
        wanted = sum(each.count for each in listed.needs if each.field == need.field)
        if (there := len(found.experts[need.field])) < wanted:
            raise BadInput(
                f"{wanted} experts in {need.field} are needed, and {there} are left.",
                f"需要 {need.field} 专家 {wanted} 名，现仅剩 {there} 名可抽。",
            )
    return found


def left(listed: Listed, seed: bytes, declined: Sequence[str] = ()) -> Drawn:
    """As `drawn`, and those who are left where they are fewer than are needed."""
    check(seed)
    digest, out = listed.digest(), set(declined)
    ranked = [name for name in order(seed, digest, b"expert", listed.experts) if name not in out]
    taken: set[str] = set()
    found: dict[str, tuple[str, ...]] = {}
    for need in listed.needs:
        fitting = [name for name in ranked if name not in taken and need.field in listed.experts[name]][: need.count]
        taken.update(fitting)
        found[need.field] = (*found.get(need.field, ()), *fitting)
    return Drawn(order(seed, digest, b"official", listed.officials)[0], found)


def check(seed: bytes) -> None:
    if len(seed) != SEED_BYTES:
        raise BadInput(f"A seed has {SEED_BYTES} bytes.", f"种子须为 {SEED_BYTES} 字节。")


def replay(
    listed: Listed, seed: bytes, committed: str, declined: Sequence[str], said: Mapping[str, Sequence[str]]
) -> None:
    """Nothing when the published record is what the seed gives; else BadInput with what is wrong."""
    if not hmac.compare_digest(commitment(seed), committed):
        raise BadInput("The seed is not the one that was committed.", "种子与事先承诺不符。")
    if {field: tuple(names) for field, names in said.items()} != drawn(listed, seed, declined).experts:
        raise BadInput("The seed gives others than the record says.", "按种子重算的结果与记录不符。")
