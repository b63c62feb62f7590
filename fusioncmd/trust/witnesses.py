"""A tier node says, under its own key, that it accepted an order, when, and whom it meant. Pure.

The audience is resolved by the node and not by the commander, so the node signs it: a broker that is taken over cannot
widen it. The same statement lets others take an order that they see late, although its key was revoked since: the node
saw it before.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Id, Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.form import order_of
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]  # SHA-256


class Acceptance(Struct, frozen=True, array_like=True, tag="accepted.1"):
    """`order_digest` is of the order's bytes, `audience_digest` of the bitmap of numbers that it means."""

    order: Id
    order_digest: Digest
    audience_digest: Digest
    accepted_ms: Millis


_form = Form(Acceptance, 256)


def accept(order_body: bytes, numbers: bytes, own: Credential, now_ms: int) -> bytes:
    """The node's statement; `numbers` is the audience's bitmap as it is stored."""
    order = order_of(order_body).id
    said = Acceptance(order, sha256(order_body).digest(), sha256(numbers).digest(), now_ms)
    return statements.state("node", _form.encode(said), own)


def accepted_ms(
    data: bytes, order_body: bytes, numbers: bytes, anchors: Anchors, revocations: Revocations, now_ms: int
) -> int:
    """When a node whose key covers the order accepted exactly these bytes for exactly this audience."""
    return accepted(data, order_body, numbers, anchors, revocations, now_ms)[0]


def accepted(
    data: bytes, order_body: bytes, numbers: bytes, anchors: Anchors, revocations: Revocations, now_ms: int
) -> tuple[int, Chain]:
    """As `accepted_ms`, and which node it was."""
    body, node = statements.read(data, "node", anchors)
    said, order = _form.decode(body), order_of(order_body)
    if (said.order, said.order_digest) != (order.id, sha256(order_body).digest()):
        raise refusal("stale")
    if said.audience_digest != sha256(numbers).digest():
        raise refusal("stale")
    if "node" not in node.leaf.purposes:
        raise refusal("purpose")
    if order.status not in node.leaf.statuses:
        raise refusal("mode")
    if not all(code.startswith(node.leaf.path) for code in order.audience.nodes):
        raise refusal("scope")
    if not node.leaf.not_before_ms <= said.accepted_ms <= node.leaf.not_after_ms:
        raise refusal("validity")
    if said.accepted_ms > now_ms + limits.CLOCK_SKEW_MS_MAX:
        raise refusal("future")
    revocations.check(node, said.accepted_ms, None)
    return said.accepted_ms, node
