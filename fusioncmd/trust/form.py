"""What an order must be, whoever signed it: the rules of `orders.compose` that need no other order. Pure.

A commander's key can sign anything, so whoever shows an order asks again: no text that reads differently than it is
shown, no code that is none, no alert that pretends to follow another.
"""

from __future__ import annotations

import re

from fusioncmd import messages
from fusioncmd.codes import LENGTHS
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Order
from fusioncmd.trust.refusals import refusal

# Also what turns the direction of reading, and half of a character: terminals show orders as they are.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def order_of(body: bytes) -> Order:
    """The order that exactly these bytes are; `Untrusted` for every other spelling."""
    try:
        order = messages.decode(Order, body)
        if messages.encode(order) != body:
            raise refusal("bytes")
    except BadMessage:
        raise refusal("bytes") from None
    return order


def check_form(order: Order) -> None:
    follows = order.msg_type != "alert"
    codes = (order.node, *order.audience.nodes, *order.audience.not_nodes)
    if (
        (order.refs is not None) != follows
        or (order.root is not None) != follows
        or order.id in (order.refs, order.root)
        or not all(code.isascii() and code.isdigit() and len(code) in LENGTHS for code in codes)
        or len({code[:2] for code in order.audience.nodes}) != 1
        or len(set(order.answers)) != len(order.answers)
        or (order.msg_type == "cancel" and order.answers)
        or not order.receive_within_s <= order.answer_within_s <= order.open_s
        or not order.text.strip()
        or UNPRINTABLE.search("".join((order.text, order.issuer, *order.answers)))
    ):
        raise refusal("form")
