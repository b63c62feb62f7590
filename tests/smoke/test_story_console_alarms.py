"""Alarms at the console, in a real browser: one comes, is looked at with its evidence, and people are called by one
touch; who is responsible for a place is found on the map; experts are drawn and answer; departments on one page."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fusioncmd.bus import users
from fusioncmd.departments import folder
from fusioncmd.departments.department import Department
from tests.browser import built, chromium, in_both_themes
from tests.smoke.alarm_tier import Tier
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.console_page import by_key, hold
from tests.smoke.handset import Handset

WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
TOWN = "440106001"
LATE_MS = 20_000  # what the page asks for each few seconds, on a machine that is busy
PLAYBOOK = """
[[playbook]]
name = "slide"
when = {events = ["landslide"], severity = "severe"}
call = {text = "{where}：{headline}，请转移。", answers = ["已转移", "需要支援"]}
"""
EXPERTS = """id,name,phone,place,fields,organisation,lat,lon
e1,陈工,13900000001,440106001,地质,华南理工,23.15,113.35
e2,林工,13900000002,440106001,地质,中山大学,23.16,113.36
e3,黄工,13900000003,440106001,地质,南方化工,23.15,113.36
e4,李工,13900000004,440106001,地质,中山大学,24.90,113.36
"""
SLOPE = {
    "about": "slope-4", "headline": "边坡位移 32 毫米", "event": "landslide", "severity": "severe", "lat": 23.151,
    "lon": 113.352, "at": TOWN, "certainty": "likely", "urgency": "immediate", "radius_m": 400, "place": "slope-4",
    "evidence": [["reading", "slope-4 shift 32 mm"], ["video", "44.01.06.gate-1 07:00"]],
}  # fmt: skip


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tier]:
    built("console")
    root = tmp_path_factory.mktemp("alarms")
    tier = Tier(root)
    tier.options = ("--gateways", 1, "--alarms", f"http={tier.http}")  # no sensors, no cameras
    (root / "data" / "counties.geojson").unlink()  # the console's own map
    with (root / "data" / "playbooks.toml").open("a", encoding="utf-8") as file:
        file.write(PLAYBOOK)
    with filled(root, *tier.options, console=True) as tier.process:
        yield tier


@pytest.fixture(scope="module")
def phone(tier: Tier) -> tuple[bytes, dict[str, Any]]:
    """A ticket of somebody in the town, and who is responsible for the slope."""
    process, root = tier.process, tier.process.data.parent
    person = process.ask("roster", "find", "", "--node", TOWN, "--limit", 1)["people"][0]
    (root / "places.csv").write_text(
        "id,name,kind,node,lat,lon,radius_m,people,cameras\n"
        f"slope-4,龙洞边坡,hazard,{TOWN},23.151,113.352,300,{person['id']};13800000001,44.01.06.gate-1\n"
        f"school-1,五山小学,protected,{TOWN},23.153,113.353,,,\n", "utf-8",
    )  # fmt: skip
    assert process.ask("places", "import", root / "places.csv")["added"] == 2
    (root / "experts.csv").write_text(EXPERTS, "utf-8")
    assert process.ask("experts", "import", root / "experts.csv")["added"] == 4
    return next(iter(tickets_of(process, TOWN, 1).values())), person


@pytest.fixture(scope="module")
def chrome(phone: tuple[bytes, dict[str, Any]]) -> Iterator[Browser]:
    """After the people, because no other loop runs in this thread beside Playwright's."""
    with chromium(*WEBGL) as browser:
        yield browser


@pytest.fixture
def desk(chrome: Browser) -> Iterator[BrowserContext]:
    context = chrome.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    failures: list[str] = []
    context.on("weberror", lambda error: failures.append(str(error.error)))
    context.set_default_timeout(20_000)
    yield context
    context.close()
    assert failures == []


def opened(tier: Tier, desk: BrowserContext) -> Page:
    page = by_key(tier.process, desk)
    expect(page.locator(".canvas[data-ready]")).to_be_visible(timeout=40_000)
    return page


def test_an_alarm_is_seen_with_its_evidence_confirmed_and_issued_by_one_touch(
    tier: Tier, phone: tuple[bytes, dict[str, Any]], desk: BrowserContext
) -> None:
    page = opened(tier, desk)
    page.get_by_role("button", name="Alarms").click()
    expect(page.get_by_text("No alarms.")).to_be_visible()
    assert tier.hook(SLOPE, time.time()) == (202, {"alarms": 1})
    said = page.locator("aside .alarm")
    expect(said).to_have_count(1, timeout=LATE_MS)
    for words in ("severe", "landslide · 五山街道", "边坡位移 32 毫米", "not looked at", "hook.towers"):
        expect(said).to_contain_text(words)
    mark = page.locator(".alarm-mark")
    expect(mark).to_have_text("severe · landslide")
    assert in_both_themes(page) == []
    mark.focus()
    page.keyboard.press("Enter")  # by the keyboard, on the map
    card = page.get_by_role("article", name="Alarm")
    for words in (
        "边坡位移 32 毫米",
        "likely · act at once",
        "slope-4 shift 32 mm",
        "龙洞边坡",
        "gate-1",
        "hook.towers",
    ):
        expect(card).to_contain_text(words)
    book = card.get_by_role("region", name="Playbook slide")
    expect(book).to_contain_text("五山街道：边坡位移 32 毫米，请转移。")
    expect(book).to_contain_text("wants a second look first")
    assert in_both_themes(page) == []
    card.get_by_label("How you know").fill("巡查员到场核实")
    card.get_by_role("button", name="Confirm: it is so").click()
    expect(card.get_by_role("list", name="What was decided")).to_contain_text("confirmed 广东省 巡查员到场核实")
    expect(card.get_by_role("list", name="What was decided")).to_contain_text("order prepared", timeout=LATE_MS)
    expect(book).not_to_contain_text("wants a second look first")
    touch = book.get_by_role("button", name="signed by you")
    hold(touch, 700)  # an actual order takes a long touch
    expect(touch).to_be_enabled()
    expect(page.locator("aside .text")).to_have_count(0)
    with Handset(tier.process.terminals, phone[0]) as device:
        hold(touch, 1_600)
        expect(page.locator("aside .text")).to_have_text("五山街道：边坡位移 32 毫米，请转移。")
        order = device.order("五山街道：边坡位移 32 毫米，请转移。")
        device.answer(order, "已转移")
        expect(page.locator("b[data-figure=answered]").first).to_have_text("1", timeout=LATE_MS)
    page.get_by_role("button", name="Alarms").click()
    expect(card).to_contain_text("The order was issued")
    expect(card.get_by_role("region", name="Playbook slide")).to_have_count(0)


def test_who_is_responsible_for_a_place_is_found_on_the_map_and_called(
    tier: Tier, phone: tuple[bytes, dict[str, Any]], desk: BrowserContext
) -> None:
    page = opened(tier, desk)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/places" in request.url else None)
    assert not asked  # nothing of them before somebody wants them
    page.get_by_role("button", name="Places", exact=True).click()
    expect(page.get_by_role("button", name="hazard point 1")).to_be_visible()
    mark = page.locator(".place-mark.hazard, .place-group").first
    expect(mark).to_be_visible()
    while page.locator(".place-mark.hazard").count() == 0:
        page.locator(".place-group").first.click()
        page.wait_for_timeout(700)
    page.locator(".place-mark.hazard").focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("region", name="Place", exact=True)
    person = phone[1]
    for words in (
        "龙洞边坡",
        "hazard point · 五山街道",
        person["name"],
        person["phone"],
        "13800000001",
        "五山小学",
        "240 m",
    ):
        expect(card).to_contain_text(words)
    assert card.locator(f"a[href='tel:{person['phone']}']").count() == 1
    expect(card).to_contain_text("gate-1: no picture now")
    assert in_both_themes(page) == []
    page.get_by_role("button", name="protected 1").click()  # hidden
    expect(page.locator(".place-mark.protected")).to_have_count(0)
    card.get_by_role("button", name="五山小学").click()
    expect(card).to_contain_text("Nobody is named as responsible")
    card.get_by_role("button", name="龙洞边坡").click()
    card.get_by_role("button", name="Call them down").click()
    expect(page.locator(".chips").first).to_contain_text(person["place_name"][-6:])
    expect(page.locator(".preview b").first).to_have_text("1")  # and nobody else


def test_experts_are_drawn_by_a_committed_seed_one_declines_and_one_signs(tier: Tier, desk: BrowserContext) -> None:
    page = opened(tier, desk)
    page.get_by_role("button", name="Experts").click()
    page.get_by_role("button", name="Draw", exact=True).click()
    page.locator("input[name=need]").fill("地质")
    page.locator("input[name=at]").fill("23.151, 113.352")
    page.locator("input[name=parties]").fill("南方化工")
    assert in_both_themes(page) == []
    page.get_by_role("button", name="Draw experts and an official").click()
    card = page.get_by_role("article", name="Draw")
    expect(card).to_contain_text("Drawn from 2 eligible")
    expect(card).to_contain_text("Replayed here: the seed is the committed one")
    first = card.locator(".drawn b").first.inner_text().split()[0]
    card.get_by_role("button", name="Declined").click()
    expect(card.locator(".drawn b").first).not_to_contain_text(first)
    expect(card.get_by_role("list", name="Steps")).to_contain_text(f"{first} declined")
    for act in ("Accepted", "Arrived"):
        card.get_by_role("button", name=act, exact=True).click()
    card.get_by_label("Their opinion").fill("坡脚渗水，立即撤离。")
    card.get_by_role("button", name="Opinion", exact=True).click()
    card.get_by_role("button", name="Sign off").click()
    expect(card.locator(".drawn")).to_contain_text("signed off")
    expect(card).to_contain_text("Replayed here: the seed is the committed one")  # who declined is passed over
    card.locator("summary").click()
    for words in ("has to do with 南方化工", "too far"):
        expect(card.locator("details")).to_contain_text(words)
    with page.expect_download() as saved:
        card.get_by_role("link", name="Record").click()
    assert '"seed"' in Path(saved.value.path()).read_text("utf-8")
    assert in_both_themes(page) == []


def test_departments_stand_on_one_page(tier: Tier, desk: BrowserContext) -> None:
    page = by_key(tier.process, desk)
    page.get_by_role("button", name="Departments").click()
    expect(page.get_by_text("No department is linked to this node.")).to_be_visible()
    made = Department(
        "flood-office", "防汛办", "44", url="http://127.0.0.1:1/cap", takes=("rainstorm",), gives={"flood": ("洪水",)},
        at=("4401",), desk=TOWN,
    )  # fmt: skip
    bus = users.folder_of(tier.process.data)
    folder.make_secret(bus, made.name, by_http=True)
    folder.put(bus, made)
    card = page.get_by_role("article", name="防汛办")
    expect(card).to_be_visible(timeout=LATE_MS)
    for words in (
        "alarms: rainstorm; once confirmed",
        "alarms: flood; at 4401",
        "POST http://127.0.0.1:1/cap",
        "广州市",
    ):
        expect(card).to_contain_text(words)
    page.get_by_role("button", name="New call-down").click()
    expect(page.get_by_role("group", name="Departments as well").get_by_role("button")).to_have_text("防汛办")
    page.get_by_role("button", name="Departments").click()
    page.get_by_role("button", name="中文").click()
    expect(page.get_by_role("heading", name="部门协作")).to_be_visible()
    expect(card).to_contain_text("预警：rainstorm；核实后")
    assert in_both_themes(page) == []
