"""The page that a gateway serves: its files, whole, with the headers that keep it safe, and nobody's place is lost."""

from __future__ import annotations

import asyncio
import gzip
import os
from collections.abc import AsyncIterator, Callable

import pytest

from fusioncmd import limits
from fusioncmd.pages import source_of, with_talk
from gateways.responder.pages import POLICY, Pages
from tests.terminals import World, a_world

SCRIPT = os.urandom(300_000)  # more than kernel buffers take
FILES = {
    "responder.html": b"<!doctype html>" + b" " * 2000,
    "responder.html.gz": gzip.compress(b"<!doctype html>" + b" " * 2000),
    "assets/responder-abc.js": SCRIPT,
    "sw.js": b"self",
    "secret.pem": b"not a page",
}


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not wanted():
            await asyncio.sleep(0.01)


def asked(pages: Pages, path: str, method: str = "GET", **fields: str) -> tuple[list[str], bytes]:
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    answer = pages.answer(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    assert answer is not None
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode().split("\r\n"), body


def test_each_file_is_answered_whole_with_its_type_and_the_headers_that_keep_it_safe() -> None:
    head, body = asked(Pages(FILES), "/?from=link")
    assert head[0] == "HTTP/1.1 200 OK" and body == FILES["responder.html"]
    assert "Content-Type: text/html; charset=utf-8" in head and f"Content-Length: {len(body)}" in head
    assert f"Content-Security-Policy: {POLICY % ''}" in head and "X-Content-Type-Options: nosniff" in head
    assert "unsafe" not in POLICY and "default-src 'none'" in POLICY
    assert "Cache-Control: no-cache" in head
    head, body = asked(Pages(FILES), "/assets/responder-abc.js")
    assert "Cache-Control: public, max-age=31536000, immutable" in head and body == SCRIPT


def test_it_comes_compressed_only_to_who_takes_that() -> None:
    head, body = asked(Pages(FILES), "/", Accept_Encoding="br, gzip")
    assert "Content-Encoding: gzip" in head and gzip.decompress(body) == FILES["responder.html"]
    assert "Vary: Accept-Encoding" in head and "Vary: Accept-Encoding" in asked(Pages(FILES), "/")[0]
    assert not any("Encoding: gzip" in line for line in asked(Pages(FILES), "/sw.js", Accept_Encoding="gzip")[0])


def test_what_a_phone_has_is_not_sent_again_and_head_sends_nothing() -> None:
    head, _ = asked(Pages(FILES), "/sw.js")
    etag = next(line for line in head if line.startswith("ETag")).partition(": ")[2]
    assert asked(Pages(FILES), "/sw.js", If_None_Match=etag) == (
        ["HTTP/1.1 304 Not Modified", "Connection: close", "Cache-Control: no-cache", f"ETag: {etag}"], b"",
    )  # fmt: skip
    assert asked(Pages(FILES), "/sw.js", If_None_Match='"other"')[1] == b"self"
    assert asked(Pages(FILES), "/sw.js", method="HEAD") == (head, b"")


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /responder.html HTTP/1.1\r\n\r\n",  # it is /
        b"GET /secret.pem HTTP/1.1\r\n\r\n",
        b"GET /sw.js.gz HTTP/1.1\r\n\r\n",
        b"GET /assets/../sw.js HTTP/1.1\r\n\r\n",
        b"GET //sw.js HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\n\r\n",
        b"GET",
        b"\x16\x03\x01\r\n\r\n",
    ],
)
def test_there_is_nothing_else_to_get(request_: bytes) -> None:
    assert Pages(FILES).answer(request_) is None
    assert Pages().answer(b"GET / HTTP/1.1\r\n\r\n") is None


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world(pages=Pages(FILES)) as world:
        yield world


async def test_a_file_that_no_buffer_holds_arrives_whole_and_the_connection_ends(world: World) -> None:
    browser = await world.plain()
    browser.raw(b"GET /assets/responder-abc.js HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = (await browser.rest()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK") and body == SCRIPT
    browser.leave()
    await until(lambda: not world.engine.descriptors())


async def test_a_path_that_is_no_file_is_answered_as_without_a_page(world: World) -> None:
    browser = await world.plain()
    browser.raw(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await browser.rest()).startswith(b"HTTP/1.1 404 Not Found")


async def test_whoever_does_not_read_costs_a_place_among_few_and_no_terminal_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAGES_IN_FLIGHT_MAX", 3)
    stalled = [await world.plain(narrow=True) for _ in range(5)]
    for one in stalled:
        one.raw(b"GET /assets/responder-abc.js HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: len(world.engine.descriptors()) == 3)
    await world.enter(1)
    assert list(world.gateway.connected) == [1]
    world.monotonic_s += limits.HANDSHAKE_S_MAX + 1
    world.engine.sweep()
    assert len(world.engine.descriptors()) == 1


def test_a_page_is_told_where_talkgroups_are_and_may_go_there_and_its_worker_is_another_then() -> None:
    page = b'<meta name="talk" content="" />'
    built = {"responder.html": page, "responder.html.gz": gzip.compress(page), "sw.js": b"self"}
    told = with_talk(built, ":8703")
    head, body = asked(Pages(told, reaches=source_of(":8703")), "/", Accept_Encoding="gzip")
    assert b'content=":8703"' in gzip.decompress(body) and told["sw.js"] != built["sw.js"]
    assert any("connect-src 'self' *:8703;" in line for line in head)
    assert source_of("https://talk.example:1/x/") == "https://talk.example:1"
