"""Three tiers, and what goes wrong between the lower two, as the county, the city and the province are told of it.

A county that loses its link commands its own people, and agrees with the rest when the link is back; the province,
whose own link is up, names what is cut below. And a county whose gateway delivers nothing, while its link and its node
are well, is found by canaries.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import expect

from fusioncmd.terminal import Close, Ticketed
from loadtest.link.link import Link
from tests.browser import built, chromium
from tests.smoke.console_page import by_key
from tests.smoke.handset import Closed, Handset
from tests.smoke.test_story_device import Owner, refused
from tests.smoke.test_story_tiers import answered, import_people, people_of, tickets
from tests.smoke.tree import Node, approve
from tests.tier_process import until

COUNTY = "440106"
LOST_S_MAX = 20.0  # what is promised is a minute
OFTEN = {"FUSIONCMD_CANARY_EVERY_S": "0.5"}


class Turning:
    """An emulated link in a thread of its own, since the story waits in its own."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hold()))
        self._open = threading.Event()

    def __enter__(self) -> Turning:
        self._thread.start()
        assert self._open.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _hold(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with Link(("127.0.0.1", self._to), carries="tcp") as self._link:
            self.port = self._link.port
            self._open.set()
            await self._over.wait()

    def cut(self) -> None:
        self._loop.call_soon_threadsafe(self._link.cut, "both")

    def heal(self) -> None:
        self._loop.call_soon_threadsafe(self._link.heal)


class Tree(NamedTuple):
    """`link` is the one between city and county."""

    province: Node
    city: Node
    county: Node
    tickets: list[bytes]
    link: Turning


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tree]:
    folder = tmp_path_factory.mktemp("tree")
    with Node(folder, "44", None, OFTEN, console=True) as province:
        approve(folder, province, "44", "4401")
        with Node(folder, "4401", province.links_port, OFTEN) as city, Turning(city.links_port) as link:
            approve(folder, city, "4401", COUNTY)
            with Node(folder, COUNTY, link.port, OFTEN) as county:
                until(lambda: county.link("4401") == "up" == province.link("4401"), 15.0)
                import_people(province, folder)
                until(lambda: people_of(county) == 3, 15.0)
                yield Tree(province, city, county, tickets(county, folder), link)


def call(node: Node, to: str, text: str) -> str:
    return str(node.ask("call", "--to", to, "--text", text, "--answer", "ok", "--exercise")["id"])


def code(node: Node, person: str) -> str:
    return str(node.ask("devices", "code", "--id", person)["code"])


def cuts(node: Node, order: str) -> list[tuple[str, str, str, str]]:
    shown: Any = node.ask("watch", order, "--once")["cut"]
    return [(c["code"], c["state"], c["by"], c["gateway"]) for c in shown]


def test_a_county_that_is_cut_off_commands_its_own_and_agrees_afterwards(tree: Tree, tmp_path: Path) -> None:
    province, county = tree.province, tree.county
    with Handset(county.terminals, tree.tickets[0]) as device, Handset(county.terminals, tree.tickets[1]) as other:
        before = call(province, "44", "Before.")
        first = device.order("Before.")
        tree.link.cut()
        until(lambda: tree.city.link(COUNTY) == "cut" == county.link("4401"), 20.0)
        until(lambda: cuts(province, before) == [(COUNTY, "cut", "4401", "")], 10.0)
        assert province.link("4401") == "up" and cuts(county, before) == [("4401", "cut", COUNTY, "")]
        said = province.here("health")
        assert said.code == 1 and f"The link from 4401 to {COUNTY} carries nothing" in said.err
        assert f"The link to {COUNTY} carries nothing" in tree.city.here("health").err
        assert f"{COUNTY}: cut off from 4401 for 0:" in province.here("watch", before, "--once").out
        device.answer(first, "ok")
        inside = call(county, COUNTY, "Inside.")
        other.answer(other.order("Inside."), "ok")
        above = call(province, "44", "Above.")
        until(lambda: answered(county, inside) == [1], 10.0)
        assert answered(province, before) == [0] and answered(province, inside) == []
        tree.link.heal()
        healed_s = time.monotonic()
        device.answer(device.order("Above."), "ok")
        for order in (before, inside, above):
            for node in tree[:3]:
                until(lambda node=node, order=order: answered(node, order) == [1], 30.0)  # type: ignore[misc]
        assert time.monotonic() - healed_s < 30
        until(lambda: cuts(province, before) == [] == cuts(county, before), 10.0)
        assert device.orders_by_now() == [] and other.orders_by_now() == ["Above."]  # each once


def test_the_console_names_what_is_cut_since_when_and_what_was_known(tree: Tree) -> None:
    built("console")
    call(tree.province, "44", "Where are you?")
    with chromium() as browser:
        page = by_key(tree.province, browser.new_context(locale="en-GB"))
        bar = page.locator(".bar-cut")
        expect(bar).to_have_count(0)
        tree.link.cut()
        try:
            known = r"天河区 \(440106\) cut from 广州市 \(4401\) since \d\d:\d\d:\d\d, last known: 0 of 3 answered"
            expect(bar.locator(".branch")).to_have_text(re.compile(known), timeout=20_000)
            page.get_by_role("button", name="中文").click()
            expect(bar.locator(".branch")).to_contain_text("起链路中断，此前所知：应到 3，已答复 0")
            bar.locator("summary").click()
            expect(bar.locator(".problem")).to_contain_text("4401 至 440106 的链路已中断")
        finally:
            tree.link.heal()
        expect(bar).to_have_count(0, timeout=20_000)


def test_a_gateway_that_delivers_nothing_is_named_two_tiers_above(tree: Tree) -> None:
    """It is stopped, not killed: nothing that it holds is closed."""
    province, city, county = tree[:3]
    order = call(province, "44", "Drill.")
    until(lambda: cuts(province, order) == [] and province.here("health").code == 0, 15.0)
    until(lambda: county.ask("orders")["orders"][0]["order"]["text"] == "Drill.", 10.0)
    gateway = county.child("gateways.responder")
    os.kill(gateway, signal.SIGSTOP)
    try:
        until(lambda: cuts(province, order) == [(COUNTY, "mute", COUNTY, "responder-1")] == cuts(city, order), 15.0)
        assert city.link(COUNTY) == "mute", "its link is up, and nothing comes through"
        said = province.here("health")
        assert said.code == 1 and f"{COUNTY}: The gateway responder-1 has answered no canary" in said.err
        assert f"{COUNTY}：网关 responder-1 已" in province.cli("health", lang="zh").err
    finally:
        os.kill(gateway, signal.SIGCONT)
    until(lambda: cuts(province, order) == [] == cuts(county, order), 15.0)


def test_devices_that_are_lost_are_ended_at_every_tier_by_whoever_is_told(tree: Tree) -> None:
    """Each enrolled at another tier, under that tier's ticket key: the province ends the county's, and back."""
    province, _, county = tree[:3]
    owners = [Owner(county, 1, code(county, "1002")), Owner(province, 2, code(province, "1002"))]
    kept = Owner(county, 3, code(county, "1003"))
    try:
        phones = [owner.connect(owner.enrol) for owner in owners]
        other = kept.connect(kept.enrol)
        assert province.ask("devices", "list", "--id", "1002")["devices"][0]["device"] == owners[1].device.hex()
        began_s = time.monotonic()
        said = province.here("devices", "revoke", "--id", "1002")
        assert said.code == 0 and "Tiers above and below are told" in said.out
        for owner, phone in zip(owners, phones, strict=True):
            with pytest.raises(Closed) as closed:
                phone.hear(Ticketed)
            assert closed.value.code == Close.LOST_DEVICE and time.monotonic() - began_s < LOST_S_MAX
            assert refused(owner, owner.ticket) == Close.LOST_DEVICE
        (line,) = county.ask("devices", "list", "--id", "1002")["devices"]
        assert line["lost_ms"] and line["lost_by"] == "广东省"
        again = Owner(province, 4, code(province, "1003"))
        owners.append(again)
        phone = again.connect(again.enrol)
        county.ask("devices", "revoke", "--id", "1003")  # and from below
        for handset in (phone, other):
            with pytest.raises(Closed) as closed:
                handset.hear(Ticketed)
            assert closed.value.code == Close.LOST_DEVICE
    finally:
        for owner in (*owners, kept):
            for handset in owner.made:
                handset.__exit__(None, None, None)
