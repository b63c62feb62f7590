"""What is posted to a webhook, and how it is signed. Pure.

JSON; `Fusion-Signature: t=<seconds since 1970>,v1=<hex>` is HMAC-SHA256 (RFC 2104) over `<t>.<body>`, so that nobody
else can post it, nor say it again later; `Idempotency-Key` is the same whenever the same person is tried again.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

import msgspec

from fusioncmd import ids
from gateways.channels.errand import Errand


def body_of(errand: Errand, channel: str) -> bytes:
    notice = errand.notice
    return msgspec.json.encode(
        {
            "kind": "call-down.1", "channel": channel, "order": ids.to_text(notice.order), "step": notice.step + 1,
            "status": notice.status, "text": notice.text, "answers": notice.answers, "left_s": notice.left_s,
            "number": errand.number, "phone": errand.address,
        }
    )  # fmt: skip


def headers_of(errand: Errand, channel: str, body: bytes, secret: bytes, now_s: int) -> dict[str, str]:
    tag = hmac.new(secret, f"{now_s}.".encode() + body, sha256).hexdigest()
    key = f"{ids.to_text(errand.notice.order)}-{errand.notice.step}-{channel}-{errand.number:08x}"
    return {
        "Content-Type": "application/json", "Fusion-Signature": f"t={now_s},v1={tag}", "Idempotency-Key": key,
    }  # fmt: skip
