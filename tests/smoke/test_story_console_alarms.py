"""Smoke on a tower, at the console: it calls once, is looked at, its prepared order is signed, experts are drawn."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from fusioncmd.experts.draw import Listed, drawn, replay
from tests.browser import built, chromium, in_both_themes
from tests.console import Visitor, key_of
from tests.nats_server import free_port
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.console_page import by_key
from tests.smoke.handset import Handset
from tests.smoke.test_story_console import WEBGL
from tests.tier_process import TierProcess, until

KEY = "towers-0123456789abcdef01234"
SOURCES = f'[[hook]]\nname = "towers"\nkey = "{KEY}"\nat = "440106001"\nevent = "smoke"\n'
PLAYBOOKS = """
[[playbook]]
name = "tower-smoke"
when = {events = ["smoke"], severity = "severe"}
call = {text = "{where}：{headline}，请到现场。", answers = ["已到场", "需要支援"], receive_within_s = 90}
"""
EXPERTS = """id,name,phone,place,fields,organisation,lat,lon
E1,专家1,13800000001,440106,化工,South Chemical,23.11,113.31
E2,专家2,13800000002,440106,化工,,23.12,113.32
E3,专家3,13800000003,440106,化工,,23.13,113.33
E4,专家4,13800000004,440106,化工,,23.14,113.34
"""
STROKES = """window.strokes = 0;
const start = OscillatorNode.prototype.start;
OscillatorNode.prototype.start = function (at) { window.strokes++; start.call(this, at); };"""


class Tower:
    """A tier whose hook is at `port`."""

    def __init__(self, tier: TierProcess, port: int) -> None:
        self.tier, self.port = tier, port

    def says(self, **body: object) -> None:
        data, stamp = json.dumps(body).encode(), str(int(time.time()))
        tag = hmac.new(KEY.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
        headers = {"Fusion-Signature": f"t={stamp},v1={tag}"}
        with urllib.request.urlopen(
            urllib.request.Request(f"http://127.0.0.1:{self.port}/alarms/hook/towers", data, headers), timeout=10
        ) as reply:
            assert reply.status == 202


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tower]:
    built("console")
    folder, port = tmp_path_factory.mktemp("tower"), free_port()
    (folder / "data").mkdir()
    (folder / "data" / "alarms.toml").write_text(SOURCES, "utf-8")
    (folder / "data" / "alarms.toml").chmod(0o600)
    (folder / "data" / "playbooks.toml").write_text(PLAYBOOKS, "utf-8")
    (folder / "experts.csv").write_text(EXPERTS, "utf-8")
    with filled(folder, "--gateways", 1, "--alarms", f"http={port}", console=True) as tier:
        tier.ask("experts", "import", folder / "experts.csv")
        yield Tower(tier, port)


@pytest.fixture(scope="module")
def ticket(tower: Tower) -> bytes:
    return next(iter(tickets_of(tower.tier, "440106001", 1).values()))


@pytest.fixture(scope="module")
def chrome(ticket: bytes) -> Iterator[Browser]:
    """After the people, because no other loop runs in this thread beside Playwright's."""
    with chromium(*WEBGL) as browser:
        yield browser


def test_a_tower_sees_smoke_and_the_console_calls_shows_looks_issues_and_draws(
    tower: Tower, ticket: bytes, chrome: Browser
) -> None:
    context = chrome.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB", accept_downloads=True)
    context.set_default_timeout(20_000)
    context.add_init_script(STROKES)
    page = by_key(tower.tier, context)
    expect(page.locator(".alarm-bar")).to_have_count(0)
    tower.says(
        about="t1", headline="Smoke at <b>tower 7</b>", severity="extreme", status="exercise",
        evidence=[["reading", "smoke 0.93"]],
    )  # fmt: skip
    bar = page.locator(".alarm-bar[role=alert]")
    expect(bar).to_contain_text("Smoke at <b>tower 7</b>")  # text, whatever it looks like
    expect(bar).to_contain_text("extreme")
    page.get_by_role("button", name="touch to hear").click()  # the browser lets nothing sound before a touch
    page.wait_for_function("window.strokes === 6")
    tower.says(about="t1", headline="Smoke at <b>tower 7</b>", severity="extreme", status="exercise", state="more")
    mark = page.locator(".alarm-mark.extreme")
    expect(mark).to_have_text("extreme · smoke", timeout=40_000)
    page.get_by_role("button", name="Look", exact=True).click()
    expect(bar).to_have_count(0)
    expect(mark).to_have_class(re.compile("chosen"))
    card = page.locator("article.card")
    expect(card).to_contain_text("smoke 0.93")
    expect(card).to_contain_text("wants a second look first")
    assert in_both_themes(page) == []

    card.locator("input[name=look]").fill("The guard sees it too.")
    card.get_by_role("button", name="Confirm").click()
    expect(card).to_contain_text("The guard sees it too.")
    expect(card.get_by_text("order prepared")).to_be_visible()
    card.get_by_role("button", name="Issue it").click()
    expect(page.locator("textarea")).to_have_value("五山街道：Smoke at <b>tower 7</b>，请到现场。")
    expect(page.locator("form .chips").first).to_contain_text("五山街道")
    with Handset(tower.tier.terminals, ticket) as phone:
        page.locator("button.send").click()
        order = phone.order("五山街道：Smoke at <b>tower 7</b>，请到现场。")
        assert (order.answers, order.receive_within_s) == (("已到场", "需要支援"), 90)
        phone.answer(order, "已到场")
    expect(page.locator("b[data-figure=answered]").first).to_have_text("1")
    page.locator(".head .alarms").click()
    expect(card).to_contain_text("The order was issued")
    expect(card.get_by_role("button", name="Issue it")).to_have_count(0)
    assert page.evaluate("window.strokes") == 6  # more of the same alarm is no new one
    draws_experts(page, tower.tier)
    context.close()


def draws_experts(page: Page, tier: TierProcess) -> None:
    page.get_by_role("button", name="Draw experts for here").click()
    page.locator("input[name=need]").fill("化工")
    page.get_by_role("button", name="Pick on the map").click()
    page.locator("canvas.maplibregl-canvas").click(position={"x": 200, "y": 300})
    expect(page.locator("input[name=at]")).to_have_value(re.compile(r"^2\d\.\d{5}, 11\d\.\d{5}$"))
    page.locator("input[name=at]").fill("23.12, 113.32")
    page.locator("input[name=parties]").fill("South Chemical")
    page.get_by_role("button", name="Draw experts and an official").click()
    card = page.locator("article.card")
    expect(card).to_contain_text("Drawn from 3 eligible")
    card.get_by_role("button", name="Accepted").click()
    card.get_by_role("button", name="Arrived").click()
    opinion = card.get_by_role("button", name="Opinion")
    expect(opinion).to_be_disabled()  # it has words
    card.locator("textarea").fill("Let it burn out.")
    opinion.click()
    expect(card.locator("ol")).to_contain_text("Let it burn out.")
    with page.expect_download() as saved:
        card.get_by_role("link", name="Record").click()
    record = json.loads(Path(saved.value.path()).read_text("utf-8"))
    listed = msgspec.convert(record["listed"], Listed)
    seed = bytes.fromhex(record["seed"])
    replay(listed, seed, record["commitment"], (), drawn(listed, seed).experts)
    name = drawn(listed, seed).experts["化工"][0]
    assert name != "E1" and listed.excluded["E1"] == "conflict: South Chemical"
    expect(card).to_contain_text(f"专家{name[1:]}")
    page.get_by_role("button", name="Find", exact=True).click()
    expect(page.locator("aside li", has_text=f"专家{name[1:]}")).to_contain_text("on task")
    assert in_both_themes(page) == []


def test_programs_ask_the_same_and_are_told_what_is_wrong(tower: Tower) -> None:
    stranger, officer = Visitor(tower.tier.console_port), Visitor(tower.tier.console_port)
    for path in ("/api/alarms", "/api/experts", "/api/draws"):
        assert stranger.ask("GET", path).status == 401
    officer.log_in_by_key(key_of(tower.tier.data / "keys"))
    tower.says(about="t9", headline="A point", severity="minor", lat=23.15, lon=113.35, status="exercise")
    plain = until(lambda: (found := officer.get("/api/alarms"))["lines"] and found)
    assert officer.get(f"/api/alarms?heard={plain['ident']}")["lines"] is None  # nothing is new
    moved = officer.get("/api/alarms?datum=gcj02")
    assert plain["shown"][0] == [23.15, 113.35] != moved["shown"][0]
    there = officer.get("/api/ground?lat={}&lon={}&datum=gcj02".format(*moved["shown"][0]))
    assert there == [23.15, 113.35]
    ident = plain["lines"][0]["alarm"]["id"]
    assert officer.post(f"/api/alarms/{ident}/look", {"confirm": False})["line"]["standing"] == "dismissed"
    assert officer.get("/api/alarms?standing=dismissed")["total"] == 1
    assert officer.post("/api/alarms/dry", {"file": PLAYBOOKS})["looked_at"] >= 1
    for method, path, body, status, words in (
        ("POST", "/api/alarms/dry", {"file": "x = ["}, 400, "Not playbooks"),
        ("POST", f"/api/alarms/{ident}/look", {"confirm": True, "words": "x" * 257}, 400, "words"),
        ("GET", f"/api/alarms/{'0' * 26}", None, 404, "no alarm"), ("GET", "/api/alarms?limit=201", None, 400, "limit"),
        ("GET", "/api/ground?lat=91&lon=0", None, 400, "lat"), ("GET", "/api/experts?lat=1&lon=999", None, 400, "lon"),
        ("POST", "/api/draws", {"id": ident, "needs": []}, 400, "needs"),
        ("POST", "/api/draws", {"id": ident, "needs": [{"field": "地质", "count": 1}]}, 400, "0 are left"),
        ("POST", "/api/draws", {"id": ident, "needs": [{"field": "化工", "count": 1}], "at": [91, 0]}, 400, "at"),
    ):  # fmt: skip
        said = officer.ask(method, path, body)
        assert said.status == status and words in said.json["en"] and said.json["zh"], (path, said)
