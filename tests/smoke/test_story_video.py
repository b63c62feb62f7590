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
FIRST_MS_MAX = 2_500  # asserted generously: the machine does other things; 1 s is the aim


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


def test_a_county_is_seen_at_the_city_through_another_gateway_within_a_second(
    gateways: tuple[Gateway, Gateway], browser: Browser
) -> None:
    city, county = gateways
    publisher, viewer = page_of(browser, county), page_of(browser, city)
    said = publisher.evaluate("(a) => publish(...a)", [f"{county.url}/whip/{COUNTY}?title=Dyke", county.bearer("chen")])
    assert said["status"] == 201, said
    rows = until(lambda: city.get("sources"))
    assert [(row["node"], row["title"], row["kind"]) for row in rows] == [(COUNTY, "Dyke", "browser")]
    seen = viewer.evaluate("(a) => watch(...a)", [f"{city.url}/whep/{COUNTY}.{rows[0]['name']}", city.bearer("wang")])
    assert seen["status"] == 201, seen
    print(rows, seen["first_ms"], viewer.evaluate("stats()"), publisher.evaluate("stats()"))
    assert 0 < seen["first_ms"] < FIRST_MS_MAX
    ages = []
    for _ in range(5):
        viewer.wait_for_timeout(200)
        ages.append(viewer.evaluate("read()"))
    print(ages)
    assert all(0 <= one["age_ms"] < 1_000 for one in ages) and len({one["seen"] for one in ages}) == 5
