"""What the audit keeps of one decision, and what a part that decides needs to have it kept. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Protocol

from msgspec import Meta, Struct

from fusioncmd import limits

Deed = Literal[
    "login", "logout", "order", "proposal", "approval", "refusal", "key", "roster", "account", "device", "node"
]
Short = Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]


class Entry(Struct, frozen=True, array_like=True):
    """Somebody did something, or was not let do it: then `refused` is the stable reason, else it is empty."""

    at_ms: int
    actor: Short  # an account, the holder of a key, a gateway or the node itself
    deed: Deed
    about: Short  # an order's id, an account, a device, a key, a place
    refused: Short = ""
    details: Annotated[dict[Short, Short], Meta(max_length=limits.AUDIT_DETAILS_MAX)] = {}


class Recorder(Protocol):
    """Where decisions are written down."""

    async def record(self, entry: Entry) -> None:
        """Returns when `entry` is on disk: what may not happen unseen waits for it. `Unavailable` when it cannot be."""

    def note(self, entry: Entry) -> None:
        """Kept soon, in order; beyond a bound, notes are shed and counted, and the count is kept."""
