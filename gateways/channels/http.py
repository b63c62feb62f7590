"""Channels that are an HTTP POST: webhooks, calls by webhook, and Web Push (RFC 8030)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec

from fusioncmd import ids
from fusioncmd.errors import BadInput
from fusioncmd.ladder.config import Push, Webhook
from fusioncmd.ladder.replies import tag_of
from gateways.channels.errand import Errand, Result
from gateways.channels.push_crypto import Vapid, encrypt
from gateways.channels.webhook import body_of, headers_of

POST_S_MAX = 10.0
RETRY_AFTER_S_MAX = 300.0
PUSH_TEXT_CHARS_MAX = 500  # a push message has at most 4,096 bytes (RFC 8030, 7.2); the terminal fetches the order


class _Posting:
    ready = True

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(timeout=POST_S_MAX, follow_redirects=False, trust_env=False)

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await self._client.aclose()

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> Result:
        try:
            response = await self._client.post(url, content=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Result("later", why=str(error) or type(error).__name__)
        if response.is_success:
            return Result("accepted")
        why = f"HTTP {response.status_code}"
        if response.status_code in (404, 410):
            return Result("gone", why=why)
        if response.status_code == 429 or response.status_code >= 500:
            return Result("later", _seconds(response.headers.get("retry-after", "")), why)
        return Result("failed", why=why)


class WebhookSender(_Posting):
    """Tried again with the same key: whoever takes it knows that it is the same."""

    def __init__(self, channel: str, settings: Webhook, secret: bytes, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._channel, self._url, self._secret, self._now_s = channel, settings.url, secret, now_s

    async def send(self, errand: Errand) -> Result:
        body = body_of(errand, self._channel)
        headers = headers_of(errand, self._channel, body, self._secret, int(self._now_s()))
        result = await self._post(self._url, body, headers)
        return Result("failed", why=result.why) if result.fate == "gone" else result


class PushSender(_Posting):
    """To all devices of a person: accepted if one was. Said again, a message takes the place of itself (`Topic`)."""

    def __init__(self, settings: Push, vapid: Vapid, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._settings, self._vapid, self._now_s = settings, vapid, now_s

    async def send(self, errand: Errand) -> Result:
        try:
            devices = msgspec.json.decode(errand.address, type=list[dict[str, str]])
            results = [await self._one(errand, device) for device in devices]
        except (msgspec.MsgspecError, KeyError, ValueError, BadInput) as error:
            return Result("failed", why=f"no subscription: {error}")
        for fate in ("accepted", "later", "failed", "gone"):  # gone only when all are
            for result in results:
                if result.fate == fate:
                    return result
        return Result("failed", why="no subscription")

    async def _one(self, errand: Errand, device: dict[str, str]) -> Result:
        endpoint, notice = urlsplit(device["endpoint"]), errand.notice
        if not self._is_known(endpoint.scheme, endpoint.hostname or ""):
            return Result("failed", why=f"no push service of ours: {endpoint.hostname}")
        payload = msgspec.json.encode(
            {
                "kind": "call-down.1", "id": notice.order.hex(), "order": ids.to_text(notice.order),
                "tag": tag_of(notice.order),
                "status": notice.status, "text": notice.text[:PUSH_TEXT_CHARS_MAX], "answers": notice.answers,
            }
        )  # fmt: skip
        audience = f"{endpoint.scheme}://{endpoint.netloc}"
        headers = {
            "Authorization": self._vapid.authorization(audience, int(self._now_s())), "TTL": str(notice.left_s),
            "Urgency": "high", "Topic": ids.to_text(notice.order), "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
        }  # fmt: skip
        key, auth = bytes.fromhex(device["key"]), bytes.fromhex(device["auth"])
        return await self._post(device["endpoint"], encrypt(payload, key, auth), headers)

    def _is_known(self, scheme: str, host: str) -> bool:
        known = any(host == one or (one.startswith(".") and host.endswith(one)) for one in self._settings.hosts)
        return known and (scheme == "https" or (scheme == "http" and self._settings.plain))


def _seconds(text: str) -> float:
    return min(float(text), RETRY_AFTER_S_MAX) if text.isascii() and text.isdigit() else 0.0
