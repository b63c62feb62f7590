"""Web Push and webhooks, against endpoints that decrypt, check and refuse for real."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import http_ece
import msgspec
import pytest

from fusioncmd import ids
from fusioncmd.errors import BadInput, Problem
from fusioncmd.ladder.config import Push, Webhook, read_channels
from fusioncmd.ladder.settings import secret
from fusioncmd.ladder.wire import Notice
from gateways.channels.errand import Errand
from gateways.channels.http import PushSender, WebhookSender
from gateways.channels.push_crypto import Vapid, encrypt
from tests.http_ends import HttpEnd
from tests.push_devices import PushDevice, pem, signed_by
from tests.worlds import make_id

NOW_S = 1_790_000_000


def errand(address: str) -> Errand:
    notice = Notice(b"w" * 16, b"", make_id(), 0, "actual", "到岗" * 900, ("在岗", "求援"), 3_600)
    return Errand(notice, 7, address, 1e9)


def settings(**changes: Any) -> Push:
    return Push(
        **{"contact": "mailto:duty@example.org", "key_env": "X", "hosts": ("127.0.0.1",), "plain": True} | changes
    )


@contextlib.asynccontextmanager
async def pusher(**changes: Any) -> AsyncIterator[tuple[PushSender, Vapid]]:
    vapid = Vapid(pem(), "mailto:duty@example.org")
    sender = PushSender(settings(**changes), vapid, lambda: NOW_S)
    running = asyncio.create_task(sender.run())
    await asyncio.sleep(0)
    yield sender, vapid
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def addresses(*devices: dict[str, str]) -> str:
    return msgspec.json.encode(devices).decode()


async def test_a_push_message_is_read_by_its_device_alone_and_signed_for_that_service_alone() -> None:
    browser, other = PushDevice(), PushDevice()
    async with HttpEnd() as end, pusher() as (sender, vapid):
        assert (await sender.send(errand(addresses(browser.address(end.url))))).fate == "accepted"
        post = end.posts[0]
        read = browser.read(post.body)
        assert (read["order"], read["answers"]) == (ids.to_text(make_id()), ["在岗", "求援"]) and len(post.body) < 4_096
        with pytest.raises(http_ece.ECEException):
            other.read(post.body)
        assert (post.headers["ttl"], post.headers["urgency"]) == ("3600", "high")
        assert post.headers["content-encoding"] == "aes128gcm"
        point, claims = signed_by(post, end.url, exp=False)
        assert base64.urlsafe_b64encode(point).decode().rstrip("=") == vapid.public
        assert claims["sub"] == "mailto:duty@example.org" and 0 < claims["exp"] - NOW_S <= 86_400


async def test_a_subscription_is_gone_only_when_all_devices_are_and_a_busy_service_is_asked_again() -> None:
    one, two = PushDevice(), PushDevice()
    async with HttpEnd() as end, pusher() as (sender, _):
        both = addresses(one.address(end.url), two.address(end.url))
        for replies, fate in (
            (("410 Gone", "404 Not Found"), "gone"), (("410 Gone", "201 Created"), "accepted"),
            (("429 Too Many Requests\r\nRetry-After: 7", "410 Gone"), "later"), (("400 Bad Request",) * 2, "failed"),
            (("302 Found\r\nLocation: http://127.0.0.1:1/", "410 Gone"), "failed"),
        ):  # fmt: skip
            end.script.extend(replies)
            result = await sender.send(errand(both))
            assert result.fate == fate and (fate != "later" or result.wait_s == 7)


async def test_nobody_makes_this_process_write_to_another_host() -> None:
    browser = PushDevice()
    async with HttpEnd() as end, pusher(hosts=("push.example", ".notify.example")) as (sender, _):
        for host in (end.url, "https://evil.example", "https://notpush.example", "https://push.example.evil.example"):
            assert (await sender.send(errand(addresses(browser.address(host))))).fate == "failed"
        assert (await sender.send(errand("no json"))).fate == "failed" and not end.posts
    async with HttpEnd() as end, pusher(plain=False) as (sender, _):
        assert (await sender.send(errand(addresses(browser.address(end.url))))).fate == "failed" and not end.posts


async def test_a_webhook_is_signed_and_said_again_under_the_same_key() -> None:
    async with HttpEnd() as end:
        sender = WebhookSender("voice", Webhook(f"{end.url}/call", secret_env="X"), b"key", lambda: NOW_S)
        end.script.append("503 Service Unavailable")
        fates = [(await sender.send(errand("13800000007"))).fate for _ in range(2)]
        assert fates == ["later", "accepted"]
        first, second = end.posts
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        tag = hmac.new(b"key", f"{NOW_S}.".encode() + second.body, sha256).hexdigest()
        assert second.headers["fusion-signature"] == f"t={NOW_S},v1={tag}"
        assert msgspec.json.decode(second.body)["phone"] == "13800000007"
        end.script.append("410 Gone")
        assert (await sender.send(errand("1"))).fate == "failed"
    assert (await sender.send(errand("1"))).fate == "later"  # nobody listens there any more


GOOD = '[voice]\nurl = "https://calls.example/x"\nsecret_env = "S"\n'


def test_a_configuration_that_is_wrong_gets_one_sentence() -> None:
    assert read_channels(GOOD).voice is not None
    for bad in (
        "", "[fax]\nx = 1", "[voice]", GOOD + 'secret_file = "x"', GOOD.replace("https", "http"), GOOD + "per_s = 0",
        GOOD.replace('secret_env = "S"', ""), GOOD + "rate = 3", "not toml", '[sms]\nhost = "x"\nport = 70000',
    ):  # fmt: skip
        with pytest.raises(BadInput) as problem:
            read_channels(bad)
        assert "channels.toml" in problem.value.en and "\n" not in problem.value.en


def test_a_secret_is_refused_that_others_can_read_or_that_is_none(tmp_path: Path) -> None:
    hook, file = Webhook("https://calls.example/x", secret_file="s"), tmp_path / "s"
    for content, mode, good in ((b"key\n", 0o600, True), (b"key", 0o640, False), (b" \n", 0o600, False)):
        file.write_bytes(content)
        file.chmod(mode)
        if good:
            assert secret(tmp_path, hook) == b"key"
        else:
            with pytest.raises(Problem):
                secret(tmp_path, hook)
    with pytest.raises(Problem):
        secret(tmp_path, Webhook("https://calls.example/x", secret_env="FUSIONCMD_NOT_SET"))
    with pytest.raises(BadInput):
        Vapid(b"no key", "mailto:x")
    with pytest.raises(BadInput):
        encrypt(b"x", b"\x04" + bytes(64), bytes(16))
