"""CAP posted to a department without NATS: signed as webhooks are, and what became of it."""

from __future__ import annotations

import hmac
from hashlib import sha256

import httpx

from fusioncmd.departments.wire import TakeReply

POST_S_MAX = 8.0  # less than the node waits
# Their server stands wrong or is busy: tried again. What else it says is about this very message.
AGAIN = frozenset({401, 403, 404, 408, 410, 425, 429})


class Posting:
    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=POST_S_MAX, follow_redirects=False, trust_env=False)

    async def post(self, url: str, kind: str, data: bytes, token: str, now_s: float) -> TakeReply:
        """`kind`: alarm or order."""
        stamp = str(int(now_s))
        tag = hmac.new(token.encode(), f"{stamp}.".encode() + data, sha256).hexdigest()
        headers = {
            "Content-Type": "application/cap+xml", "Fusion-Signature": f"t={stamp},v1={tag}", "Fusion-Kind": kind,
        }  # fmt: skip
        try:
            response = await self._client.post(url, content=data, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _later(error)
        if response.is_success:
            return TakeReply()
        why = f"HTTP {response.status_code}"
        again = response.status_code in AGAIN or response.status_code >= 500
        return TakeReply(later=why) if again else TakeReply(refused=why)

    async def hello(self, url: str) -> TakeReply:
        """Whether anything answers there, whatever it says."""
        try:
            response = await self._client.head(url)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return _later(error)
        return TakeReply(later=f"HTTP {response.status_code}") if response.status_code in (502, 503) else TakeReply()

    async def close(self) -> None:
        await self._client.aclose()


def _later(error: Exception) -> TakeReply:
    return TakeReply(later=(str(error) or type(error).__name__)[:200])
