"""What the audit keeps of an order that was asked for and refused: whatever the bytes were. Pure."""

from __future__ import annotations

from hashlib import sha256

from fusioncmd.audit.entries import Entry, order_entry, refusal_entry
from fusioncmd.errors import Problem
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.seals import claimed


def refused_order(at_ms: int, asked_by: str, sealed: bytes, problem: Problem) -> Entry:
    """Under the id that it claims, where it can be read at all; with the hash of its bytes, so that they can be told
    from others that claim the same."""
    details = {"sha256": sha256(sealed).hexdigest()}
    try:
        order, _ = claimed(sealed)
    except Untrusted:
        return refusal_entry(at_ms, asked_by, "issue", problem, details)
    return order_entry(at_ms, asked_by, order, details | {"claims": order.issuer}, problem)
