"""What the audit keeps of one decision, and what a part that decides needs to have it kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from fusioncmd import ids, limits
from fusioncmd.errors import Problem
from fusioncmd.messages import Millis, Order
from fusioncmd.trust.refusals import Untrusted

Deed = Literal[
    "login",
    "logout",
    "order",
    "proposal",
    "approval",
    "refusal",
    "key",
    "roster",
    "account",
    "device",
    "node",
    "ladder",
    "radio",
    "camera",
    "voice",
    "video",
    "track",
    "alarm",
    "expert",
    "place",
    "department",
]
Short = Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]


class Entry(Struct, frozen=True, array_like=True):
    """Somebody did something, or was not let do it: then `refused` is the stable reason, else it is empty."""

    at_ms: Millis
    actor: Short  # an account, the holder of a key, a gateway or the node itself
    deed: Deed
    about: Short  # an order's id, an account, a device, a key, a place
    refused: Short = ""
    details: Annotated[dict[Short, Short], Meta(max_length=limits.AUDIT_DETAILS_MAX)] = {}


class Recorder(Protocol):
    """Where decisions are written down."""

    async def record(self, entry: Entry) -> None:
        """Returns when `entry` is on disk: what may not happen unseen waits for it. `Unavailable` when it cannot be."""

    async def record_after(self, entry: Entry) -> None:
        """Of what holds already, because it takes a right away: as `record`, but where the audit cannot be written now
        the entry stays and is written as soon as it can be. It raises nothing; health says that the audit is behind."""

    def note(self, entry: Entry) -> None:
        """Kept soon, in order; beyond a bound, notes are shed and counted, and the count is kept."""


def fitted(entry: Entry) -> Entry:
    """`entry` within its bounds: what is too long is cut, and what is no text is made some."""
    return Entry(
        entry.at_ms, _short(entry.actor), entry.deed, _short(entry.about), _short(entry.refused),
        {_short(k): _short(v) for k, v in [*entry.details.items()][: limits.AUDIT_DETAILS_MAX]},
    )  # fmt: skip


def reason_of(problem: Problem) -> str:
    """The stable word for why something was refused."""
    return problem.reason if isinstance(problem, Untrusted) else problem.code


def order_entry(
    at_ms: int, actor: str, order: Order, details: Mapping[str, str], problem: Problem | None = None
) -> Entry:
    """An order that is being issued, or that `problem` kept from it."""
    told = {"msg_type": order.msg_type, "status": order.status, "place": order.node, **details}
    if order.refs is not None:
        told["refs"] = ids.to_text(order.refs)
    return Entry(at_ms, actor, "order", ids.to_text(order.id), "" if problem is None else reason_of(problem), told)


def refusal_entry(at_ms: int, actor: str, about: str, problem: Problem, details: Mapping[str, str] = {}) -> Entry:
    """Something that was asked for, or lay on the bus, and was not taken."""
    return Entry(at_ms, actor, "refusal", about, reason_of(problem), dict(details))


def _short(text: str) -> str:
    return text[: limits.AUDIT_FIELD_CHARS_MAX].encode("utf-8", "replace").decode()
