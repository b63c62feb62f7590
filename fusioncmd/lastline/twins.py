"""Which order is which: by short ids, and that one which a node issued for another is the same to people. Pure.

An order is meant in short messages by 48 bits of SHA-256 over its id, upwards by 32. A node that was told of an order
by the last line issues it under its own office's key, as an order of its own: its *stand-in*. Its id holds the mark
`LINE` and the short id of the order that it stands for, so whoever knows both sees that they are one: terminals are
given whichever came first, and nobody is alarmed twice. One in a thousand million orders holds the mark by chance, and
then it stands for no order that there is.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from fusioncmd import ids
from fusioncmd.lastline import bounds
from fusioncmd.messages import Order

_MARK = b"LINE"
_AT = ids.ID_BYTES - ids.ENTROPY_BYTES

assert len(_MARK) + bounds.SHORT_ID_BYTES == ids.ENTROPY_BYTES


def short_of(ident: bytes) -> bytes:
    """The short id of an order: of a stand-in, of what it stands for."""
    if ident[_AT : _AT + len(_MARK)] == _MARK:
        return ident[_AT + len(_MARK) :]
    return sha256(b"fusioncmd/lastline/order/1\0" + ident).digest()[: bounds.SHORT_ID_BYTES]


def is_stand_in(ident: bytes) -> bool:
    return ident[_AT : _AT + len(_MARK)] == _MARK


def stand_in_id(short: bytes, now_ms: int) -> bytes:
    return ids.make(now_ms, _MARK + short)


def entropy_of_end(ident: bytes) -> bytes:
    """Of the id of what ends that order: one, however often it is asked for, and no stand-in."""
    return sha256(b"fusioncmd/lastline/end/1\0" + ident).digest()[: ids.ENTROPY_BYTES]


def are_one(one: Order, other: Order) -> bool:
    """Whether one of two orders stands in for the other. Never an exercise for an actual order."""
    return (
        is_stand_in(one.id) != is_stand_in(other.id)
        and short_of(one.id) == short_of(other.id)
        and one.status == other.status
        and "cancel" not in (one.msg_type, other.msg_type)
    )


def found(orders: Iterable[Order], short: bytes) -> list[Order]:
    """Those of `orders` that `short` (any beginning of a short id) means."""
    return [order for order in orders if short_of(order.id).startswith(short)]
