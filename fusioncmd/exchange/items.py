"""What a node's state consists of: items, each a key and a value, in kinds that merge each in their own way. Pure.

| kind | key after the byte of the kind | value | merge |
|---|---|---|---|
| statements | family, place, `/`, name | opaque, signed | a set (the name is the digest), or the highest wins |
| orders | order id | as signed, and its audience with the node's statement | one; of two, the lesser bytes |
| containers | order id, town number | `evidence` | join |
| roster | code of the town | `slice.1` | the highest edition wins, of two the greater bytes |
| reports | order id, person's number, report id | `report.1` | the earliest wins, of two the lesser bytes |

Keys sort by kind, then by order or place: what changes together lies together, and digests of ranges stay few.
"""

from __future__ import annotations

from enum import IntEnum
from hashlib import blake2b
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.exchange.evidence import Evidence, canonical
from fusioncmd.exchange.varints import malformed

HASH_BYTES = 16
KEY_BYTES_MAX = 64
HEIGHT_BYTES = 8
NAME_BYTES = 16


class Kind(IntEnum):
    """In the order in which they are sent: without revocations no order is believed, without orders nothing counts."""

    STATEMENT = 1
    ORDER = 2
    CONTAINER = 3
    ROSTER = 4
    REPORT = 5


class Family(IntEnum):
    """Of statements. A `TOWNS` is the table of town numbers: it comes from above only."""

    TOWNS = 0
    REVOKED = 1
    LOST = 2
    HEAD = 3


HIGHEST = (Family.TOWNS, Family.HEAD)  # the others are sets


class OrderValue(Struct, frozen=True, array_like=True):
    """The order as it was signed, and `audience.1` with the statement of the node that accepted it."""

    sealed: Annotated[bytes, Meta(max_length=limits.SEALED_BYTES_MAX)]
    audience: Annotated[bytes, Meta(max_length=limits.AUDIENCE_BYTES_MAX)]


_order_values = msgspec.msgpack.Decoder(OrderValue)
Value = bytes | Evidence
VALUE_BYTES_MAX = {
    Kind.STATEMENT: max(limits.STATEMENT_BYTES_MAX, limits.TOWN_TABLE_BYTES_MAX) + HEIGHT_BYTES,
    Kind.ORDER: limits.SEALED_BYTES_MAX + limits.AUDIENCE_BYTES_MAX + 16,
    Kind.ROSTER: limits.SLICE_BYTES_MAX,
    Kind.REPORT: limits.REPORT_BYTES_MAX,
}


def statement_key(family: Family, place: str, name: bytes) -> bytes:
    return bytes((Kind.STATEMENT, family)) + place.encode() + b"/" + name


def order_key(order: bytes) -> bytes:
    return bytes((Kind.ORDER,)) + order


def container_key(order: bytes, town: int) -> bytes:
    return bytes((Kind.CONTAINER,)) + order + town.to_bytes(2, "big")


def roster_key(code: str) -> bytes:
    return bytes((Kind.ROSTER,)) + code.encode()


def report_key(order: bytes, number: int, ident: bytes) -> bytes:
    return bytes((Kind.REPORT,)) + order + number.to_bytes(4, "big") + ident


def name_of(data: bytes) -> bytes:
    """What a statement of a set is called by."""
    return blake2b(data, digest_size=NAME_BYTES).digest()


def kind_of(key: bytes) -> Kind:
    """`BadMessage` for a key of no kind, or of a length that its kind does not have."""
    sizes = {Kind.ORDER: (17,), Kind.CONTAINER: (19,), Kind.ROSTER: (10,), Kind.REPORT: (37,)}
    try:
        kind = Kind(key[0])
    except (ValueError, IndexError):
        raise malformed() from None
    if (kind in sizes and len(key) not in sizes[kind]) or len(key) > KEY_BYTES_MAX:
        raise malformed()
    return kind


def order_of(key: bytes) -> bytes:
    """The order that an order, container or report is about."""
    return key[1:17]


def town_of(key: bytes) -> int:
    """Of a container or report."""
    return int.from_bytes(key[17:19], "big")


def statement_of(key: bytes) -> tuple[Family, str, bytes]:
    place, slash, name = key[2:].partition(b"/")
    try:
        family, code = Family(key[1]), place.decode("ascii")
    except (ValueError, IndexError):
        raise malformed() from None
    if not slash or not code.isdigit() or len(code) not in (2, 4, 6, 9, 12):
        raise malformed()
    return family, code, name


def code_of(key: bytes) -> str:
    """The town of a roster slice."""
    code = key[1:].decode("ascii", "replace")
    if not (code.isascii() and code.isdigit()):
        raise malformed()
    return code


def height_of(value: bytes) -> int:
    if len(value) < HEIGHT_BYTES:
        raise malformed()
    return int.from_bytes(value[:HEIGHT_BYTES], "big")


def order_value(data: bytes) -> OrderValue:
    try:
        return _order_values.decode(data)
    except msgspec.MsgspecError as error:
        raise BadMessage(f"Not an order with its audience: {error}.", f"不是带对象的指令：{error}。") from None


def pack_order(sealed: bytes, audience: bytes) -> bytes:
    return msgspec.msgpack.encode(OrderValue(sealed, audience))


def digest(key: bytes, value: Value) -> int:
    """128 bits that stand for the item."""
    packed = value if isinstance(value, bytes) else canonical(value)
    return int.from_bytes(blake2b(bytes((len(key),)) + key + packed, digest_size=HASH_BYTES).digest(), "big")
