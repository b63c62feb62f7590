"""A county's browser publishes by WHIP; at the city, another gateway on another bus, a commander sees it by WHEP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from fusioncmd import keys, passes, tickets
from fusioncmd.passes import Pass
from tests.browser import chromium
from tests.nats_server import free_port
from tests.smoke.tree import Node, chain
from tests.tier_process import until

SCRIPT = (Path(__file__).parent / "video_page.js").read_text("utf-8")
CITY, COUNTY = "4401", "440106"
FIRST_MS_MAX, AGE_MS_MAX = 2_500, 1_500  # generously: the machine does other things; the aim is 1 s
ENDED = ("closed", "failed", "disconnected")


@dataclass
class Gateway:
    node: Node
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bearer(self, name: str, node: str = "") -> str:
        """Of a commander who is logged in there."""
        key, now_s = keys.read_ticket_key(self.node.data), int(time.time())
        made = Pass(name, node or self.node.code, now_s + 60, now_s + 600)
        return tickets.to_text(passes.mint(made, key))

    def get(self, what: str, name: str = "wang") -> Any:
        return httpx.get(f"{self.url}/{what}", headers={"Authorization": f"Bearer {self.bearer(name)}"}).json()


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    ports = {CITY: free_port(), COUNTY: free_port()}
    options = {code: ("--video", port) for code, port in ports.items()}
    with chain(tmp_path_factory.mktemp("video"), (CITY, COUNTY), options) as (city, county):
        yield Gateway(city, ports[CITY]), Gateway(county, ports[COUNTY])


@pytest.fixture(scope="module")
def browser(gateways: tuple[Gateway, Gateway]) -> Iterator[Browser]:
    with chromium("--autoplay-policy=no-user-gesture-required", "--use-fake-device-for-media-stream") as one:
        yield one


def page_of(browser: Browser, gateway: Gateway) -> Page:
    context: BrowserContext = browser.new_context()
    page = context.new_page()
    page.goto(f"{gateway.url}/health")
    page.evaluate(f"{SCRIPT}; 0")
    return page


def state(page: Page) -> str:
    return str(page.evaluate("peer.connectionState"))


def test_a_county_is_seen_at_the_city_through_another_gateway_within_a_second(
    gateways: tuple[Gateway, Gateway], browser: Browser
) -> None:
    city, county = gateways
    publisher, viewer = page_of(browser, county), page_of(browser, city)
    said = publisher.evaluate("(a) => publish(...a)", [f"{county.url}/whip/{COUNTY}?title=Dyke", county.bearer("chen")])
    assert said["status"] == 201, said
    rows = until(lambda: city.get("sources"))
    assert [(row["node"], row["title"], row["kind"]) for row in rows] == [(COUNTY, "Dyke", "browser")]
    where = f"{city.url}/whep/{COUNTY}.{rows[0]['name']}"
    seen = viewer.evaluate("(a) => watch(...a)", [where, city.bearer("wang")])
    assert seen["status"] == 201, seen
    assert 0 < seen["first_ms"] < FIRST_MS_MAX
    pictures = []
    for _ in range(5):
        viewer.wait_for_timeout(100)
        pictures.append(viewer.evaluate("read()"))
    assert all(0 <= one["age_ms"] < AGE_MS_MAX and one["width"] == 640 for one in pictures), pictures
    assert len({one["seen"] for one in pictures}) == 5, "it moves"
    heard = viewer.evaluate("stats()")
    assert heard["video"]["packetsLost"] == heard["audio"]["packetsLost"] == 0
    assert heard["audio"]["totalSamplesReceived"] > 10_000

    publisher.evaluate("Object.assign(canvas, {width: 320, height: 240}) && 0")
    until(lambda: viewer.evaluate("read()")["width"] == 320)
    until(lambda: city.get("sources")[0]["width"] == 320)
    assert viewer.evaluate("read()")["age_ms"] < AGE_MS_MAX

    late = page_of(browser, city)  # it begins with what is there, and asks nobody
    assert 0 < late.evaluate("(a) => watch(...a)", [where, city.bearer("li")])["first_ms"] < FIRST_MS_MAX
    until(lambda: county.get("sources")[0]["viewers"] == 2)
    assert city.get("health").items() >= {"viewers": 2, "watched": 1, "publishers": 0, "shed": 0}.items()

    assert publisher.evaluate("(token) => leave(token)", county.bearer("chen")) == 200
    until(lambda: state(viewer) in ENDED and state(late) in ENDED)
    assert city.get("sources") == []
