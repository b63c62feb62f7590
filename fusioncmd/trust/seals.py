"""A signed order: the exact bytes of the order, who signed them and by what right, and who approved them. Pure.

`verify` is the one gate: the node asks it before it stores an order, a gateway before it shows one, a terminal may.

*When* an order is judged: the first time somebody sees it, now. Whoever accepted it before says when (`accepted_ms`),
and it is judged as of then: so a program that starts again can read its own past, and an order that nobody accepted
in time is never accepted later, whatever time it names itself.

One person is not enough for an actual order to many (`check_second`), but corrects what they signed by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, get_args

from msgspec import Meta, Struct

from fusioncmd import ids, limits
from fusioncmd.errors import BadInput
from fusioncmd.messages import Order, Severity, Status
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.form import check_form, order_of
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.statements import Seal

PROVINCE_DIGITS = 2
AUTHOR_BYTES = 16
Author = bytes  # a person who signs, by whatever key (`author_of`)
_SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the gravest first


class SealedOrder(Struct, frozen=True, array_like=True, tag="sealed.1"):
    body: Annotated[bytes, Meta(max_length=limits.ORDER_BYTES_MAX)]  # `order.1`
    seal: Seal
    approvals: Annotated[tuple[Seal, ...], Meta(max_length=limits.APPROVALS_MAX)]


@dataclass(frozen=True, slots=True)
class Verified:
    """An order that its signer may issue, and those who approved it (each another person with another key)."""

    order: Order
    body: bytes
    signer: Chain
    approvals: tuple[Chain, ...]

    @property
    def authors(self) -> tuple[Author, ...]:
        """Who signed it, and then who approved it."""
        return tuple(map(author_of, (self.signer, *self.approvals)))


@dataclass(frozen=True, slots=True)
class Before:
    """The order that an update replaces, and who signed and approved it."""

    order: Order
    authors: tuple[Author, ...]


_form = Form(SealedOrder, limits.SEALED_BYTES_MAX)


def seal(body: bytes, own: Credential) -> bytes:
    return _form.encode(SealedOrder(body, statements.seal("issue", body, own), ()))


def approve(sealed: bytes, own: Credential) -> bytes:
    """The sealed order with one more approval."""
    given = _form.decode(sealed)
    if len(given.approvals) >= limits.APPROVALS_MAX:
        raise refusal("size")
    more = statements.seal("approve", given.body, own)
    return _form.encode(SealedOrder(given.body, given.seal, (*given.approvals, more)))


def claimed(data: bytes) -> tuple[Order, bytes]:
    """The order in `data`, of which nothing is proved yet, and its bytes; `Untrusted` when there is none."""
    body = _form.decode(data).body
    return order_of(body), body


def signers(data: bytes, anchors: Anchors) -> tuple[Chain, ...]:
    """By whose keys `data` says that it was signed and approved. Only their grants are proved, no signature."""
    given = _form.decode(data)
    return tuple(anchors.prove(one.by, one.chain) for one in (given.seal, *given.approvals))


def id_in(data: bytes) -> bytes | None:
    """The id of the order in `data`, of which nothing is proved; None where none can be read."""
    try:
        return claimed(data)[0].id
    except BadInput:
        return None


def verify(
    data: bytes, anchors: Anchors, revocations: Revocations, now_ms: int, accepted_ms: int | None = None
) -> Verified:
    """What `data` proves; `Untrusted`, with its reason, for anything else. It raises nothing else, on any bytes."""
    given = _form.decode(data)
    signer = statements.check_seal(given.seal, "issue", given.body, anchors)
    order = order_of(given.body)
    if order.issuer != signer.leaf.holder:
        raise refusal("issuer")
    if "issue" not in signer.leaf.purposes:
        raise refusal("purpose")
    _check_right(signer, order)
    revocations.check(signer, order.issued_ms, accepted_ms)
    approvals: list[Chain] = []
    for approval in given.approvals:
        other = statements.check_seal(approval, "approve", given.body, anchors)
        if any(other.leaf.holder == one.leaf.holder or other.leaf.key == one.leaf.key for one in (signer, *approvals)):
            raise refusal("same_person")
        if "approve" not in other.leaf.purposes:
            raise refusal("purpose")
        _check_right(other, order)
        revocations.check(other, order.issued_ms, accepted_ms)
        approvals.append(other)
    check_form(order)
    _check_time(order, now_ms if accepted_ms is None else accepted_ms)
    return Verified(order, given.body, signer, tuple(approvals))


def author_of(chain: Chain) -> Author:
    """The person at the end of `chain`: the same for the key that follows theirs, in the same office below the same
    ones, and for no key that somebody else can grant."""
    return sha256("\0".join(grant.holder for grant in chain.grants).encode()).digest()[:AUTHOR_BYTES]


def authors_in(data: bytes, anchors: Anchors) -> tuple[Author, ...]:
    """The authors of an order that was verified before; `Untrusted` when its root is not believed any more."""
    given = _form.decode(data)
    return tuple(author_of(anchors.prove(one.by, one.chain)) for one in (given.seal, *given.approvals))


def needs_second(status: Status, nodes: tuple[str, ...], people: int, above: int) -> bool:
    """Whether one commander is not enough for a new order: an actual one to more than `above` people, or to a whole
    province."""
    return status == "actual" and (people > above or any(len(code) == PROVINCE_DIGITS for code in nodes))


def corrects(order: Order, author: Author, before: Before | None) -> bool:
    """Whether it is an update by somebody who signed or approved what it replaces, and no graver than that.

    Then one touch is enough (in Hawaii, 2018, it took 38 minutes to correct what one had said), and whoever steals the
    key of somebody else still rewrites nothing.
    """
    return (
        order.msg_type == "update"
        and before is not None
        and before.order.id == order.refs
        and (before.order.root or before.order.id) == order.root
        and before.order.audience == order.audience
        and author in before.authors
        and _SEVERITIES.index(order.severity) >= _SEVERITIES.index(before.order.severity)
    )


def check_second(order: Order, authors: tuple[Author, ...], people: int, before: Before | None, above: int) -> None:
    """`SecondNeeded` when a second commander is needed and there is none.

    A cancel is one touch, always: a false alarm must be ended at once. `people` are those meant; `before` is what the
    order replaces, where that is known.
    """
    if order.msg_type == "cancel" or len(authors) > 1 or corrects(order, authors[0], before):
        return
    if needs_second(order.status, order.audience.nodes, people, above):
        raise refusal("second_person")


def _check_right(chain: Chain, order: Order) -> None:
    """Mode, place and time of the grant. A key with both modes, or with the other one, signs no order."""
    grant = chain.leaf
    if grant.statuses != (order.status,):
        raise refusal("mode")
    if not all(code.startswith(grant.path) for code in (order.node, *order.audience.nodes)):
        raise refusal("scope")
    if not grant.not_before_ms <= order.issued_ms <= grant.not_after_ms:
        raise refusal("validity")


def _check_time(order: Order, judged_ms: int) -> None:
    if abs(ids.time_ms(order.id) - order.issued_ms) > CLOCK_APART_MS_MAX:
        raise refusal("id_time")
    if order.issued_ms > judged_ms + limits.CLOCK_SKEW_MS_MAX:
        raise refusal("future")
    # A cancel is good for as long as anybody may show what it ends, and no longer: then its key may be anybody's.
    open_s = limits.ORDER_OPEN_S_MAX if order.msg_type == "cancel" else order.open_s
    if judged_ms >= order.issued_ms + open_s * 1000:
        raise refusal("expired")
