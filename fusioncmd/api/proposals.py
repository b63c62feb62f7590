"""Orders that wait for a second commander's signature. Pure.

Such an order is signed, and judged as when it is issued; only the second signature is missing. Who approves adds it
and asks for `Issue`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import Question, Verbs
from fusioncmd.messages import Id, Order


class Propose(Question["Proposal"], frozen=True):
    """`propose`: keep the order until a second commander approves it. The same again: the same answer."""

    sealed: Annotated[bytes, Meta(max_length=limits.SEALED_BYTES_MAX)]
    until_ms: int | None = None  # as in `Issue`


class Proposal(Struct, frozen=True):
    """What waits. Who approves believes the seal, and not what a node says is in it."""

    order: Order
    sealed: bytes
    targeted: int
    reachable: int
    left_s: int  # then it is dropped


class Proposals(Question["ProposalsReply"], frozen=True):
    """`proposals`: what waits now, oldest first."""


class ProposalsReply(Struct, frozen=True):
    proposals: tuple[Proposal, ...]


class Withdraw(Question["Withdrawn"], frozen=True):
    """`withdraw`: the order is not to be issued any more."""

    order: Id


class Withdrawn(Struct, frozen=True):
    order: Order


VERBS: Verbs = {
    Propose: ("propose", Proposal),
    Proposals: ("proposals", ProposalsReply),
    Withdraw: ("withdraw", Withdrawn),
}
