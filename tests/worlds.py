"""Small worlds for tests: orders and drafts with everything filled in but what the test is about."""

from __future__ import annotations

from typing import Any

from fusioncmd import api, ids
from fusioncmd.messages import Order, Selector

NOW_MS = 1_790_000_000_000
EVERYONE = Selector(("44",))


def make_id(n: int = 1, now_ms: int = NOW_MS) -> bytes:
    return ids.make(now_ms, n.to_bytes(10, "big"))


def make_order(n: int = 1, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "id": make_id(n), "msg_type": "alert", "status": "exercise", "refs": None, "root": None, "node": "44",
        "issuer": "duty", "issued_ms": NOW_MS, "text": "Report for duty.", "severity": "severe",
        "answers": ("here", "need help"), "audience": EVERYONE, "receive_within_s": 120, "answer_within_s": 600,
        "open_s": 86_400,
    }  # fmt: skip
    return Order(**(fields | changes))


def make_draft(n: int = 1, **changes: Any) -> api.Draft:
    fields: dict[str, Any] = {
        "id": make_id(n), "issuer": "duty officer", "text": "Report for duty.", "answers": ("here", "need help"),
        "audience": EVERYONE, "status": "exercise",
    }  # fmt: skip
    return api.Draft(**(fields | changes))
