"""The console in a real browser: a city is picked on the map and called, a phone answers, the figures move, it ends."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from fusioncmd.terminal import SendReport, Stored
from loadtest.deputies import make_deputy
from tests.browser import built, chromium, device, in_both_themes
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.console_page import PASSWORD, by_key, key_files, opened, pick_on_map, send, tick, type_password, write
from tests.smoke.handset import Handset
from tests.smoke.phone_page import enrolled
from tests.tier_process import TierProcess, run

WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
MARKUP = '<img src=x onerror="document.title=1"><b>bridge</b>'


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    built("console")
    with filled(tmp_path_factory.mktemp("desk"), "--gateways", 1, console=True) as tier:
        made = run(
            "accounts", "add", "chen", "--place", "44", "--role", "commander",
            **tier.env, FUSIONCMD_PASSWORD=PASSWORD,
        )  # fmt: skip
        assert made.code == 0, made
        yield tier


@pytest.fixture(scope="module")
def people(own: TierProcess) -> tuple[dict[int, bytes], dict[str, Any]]:
    """Tickets of Guangzhou's, and one person there who has a phone with the page."""
    found = own.ask("roster", "find", "", "--node", "440106", "--limit", 1)["people"][0]
    return tickets_of(own, "440105", 3), found


@pytest.fixture(scope="module")
def chrome(people: tuple[dict[int, bytes], dict[str, Any]]) -> Iterator[Browser]:
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


def test_a_city_picked_on_the_map_is_called_a_phone_answers_and_the_tally_moves(
    own: TierProcess, people: tuple[dict[int, bytes], dict[str, Any]], chrome: Browser, desk: BrowserContext
) -> None:
    with device(chrome) as pocket:
        phone = enrolled(own, pocket, people[1])
        page = by_key(own, desk)
        write(page, "Report to the dyke.")
        pick_on_map(page, "广州市")
        expect(page.locator(".chips").first).to_contain_text("广州市")
        expect(page.locator(".preview")).to_contain_text("people")
        meant = page.locator(".preview b").first.inner_text()
        page.locator("button.send").click()
        expect(page.locator(".place")).to_contain_text(f"meant {meant}")
        expect(page.locator("b[data-figure=answered]").first).to_have_text("0")
        expect(phone.locator(".order h2")).to_have_text("Report to the dyke.")
        expect(phone.locator(".order")).to_have_attribute("data-mode", "exercise")
        expect(page.locator("b[data-figure=received]")).to_have_text("1")

        pocket.set_offline(True)  # in the rain, without a network: answered, and kept
        phone.locator(".order").get_by_role("button", name="on duty").click()
        expect(page.locator("b[data-figure=answered]").first).to_have_text("0")
        pocket.set_offline(False)
        expect(phone.locator(".answer .mark")).to_have_text("✓✓ counted")
        expect(page.locator("b[data-figure=answered]").first).to_have_text("1")
        expect(page.locator(".line", has_text="广州市")).to_contain_text("%")

        page.get_by_role("button", name="Cancel the order").click()
        expect(page.locator("aside header strong")).to_have_text(re.compile("cancelled"))
        expect(phone.locator(".order .kind")).to_contain_text("Cancelled")
        expect(page.locator("b[data-figure=answered]").first).to_have_text("1")  # once
        page.reload()  # what the curve shows is the node's, and nobody had to watch
        page.get_by_role("button", name="After action").click()
        expect(page.locator(".fast .whole").first).to_contain_text("广东省")


def test_what_is_written_outlives_the_network_the_session_and_the_page(own: TierProcess, desk: BrowserContext) -> None:
    page = opened(own, desk)
    type_password(page)
    write(page, "Half a sentence")
    desk.set_offline(True)
    tick(page, "深圳市")
    expect(page.locator("[role=alert]")).to_contain_text("what you wrote is kept")
    tick(page, "珠海市")
    desk.clear_cookies()
    desk.set_offline(False)  # the page asks again by itself, and hears that it is logged in no more
    expect(page.locator(".login")).to_contain_text("Nothing that you wrote is lost")
    expect(page.locator("textarea")).to_have_value("Half a sentence")
    type_password(page)
    expect(page.locator(".login")).to_have_count(0, timeout=20_000)
    expect(page.locator("textarea")).to_have_value("Half a sentence")
    page.reload()
    expect(page.locator("textarea")).to_have_count(0)
    held: list[Route] = []
    late = True  # how many it reaches comes late
    page.route("**/preview", lambda route: held.append(route) if late else route.continue_())
    page.get_by_role("button", name="New call-down").click()
    expect(page.locator("textarea")).to_have_value("Half a sentence")
    expect(page.locator(".chips").first).to_contain_text("珠海市")
    # Without a key nothing is signed; it is opened where it is missed. What is told of sending outlives a late preview.
    page.locator("button.send").click()
    expect(page.locator("[role=alert]")).to_contain_text("not opened here")
    late = False  # not unrouted: that would race with those held
    for route in held:
        route.continue_()
    expect(page.locator(".preview")).to_be_visible()
    expect(page.locator("[role=alert]")).to_contain_text("not opened here")
    page.locator("input[type=file]").set_input_files(key_files(own, "office.exercise"))
    send(page, "Half a sentence")


def test_an_actual_order_is_not_taken_for_an_exercise_and_is_confirmed_by_typing(
    own: TierProcess, desk: BrowserContext
) -> None:
    page = by_key(own, desk)
    write(page, "Evacuate.")
    tick(page, "珠海市")
    button = page.locator("button.send")
    expect(button).to_contain_text("EXERCISE")
    page.get_by_text("ACTUAL", exact=True).first.click()
    expect(button).to_contain_text("ACTUAL")
    page.locator("input[name=confirm]").fill("yes")
    expect(button).to_be_disabled()
    page.locator("input[name=confirm]").fill(page.locator(".preview b").first.inner_text())
    expect(button).to_be_enabled()
    colour = "e => getComputedStyle(e).backgroundColor + getComputedStyle(e).backgroundImage"
    actual = button.evaluate(colour)
    page.get_by_text("EXERCISE", exact=True).first.click()
    assert button.evaluate(colour) != actual and "gradient" in button.evaluate(colour) and "gradient" not in actual
    page.locator("textarea").fill("水" * 2_001)
    expect(page.get_by_role("form", name="New order")).to_contain_text("at most 2,000 fit")
    expect(button).to_be_disabled()


def test_a_whole_province_is_called_by_two_people_at_two_consoles(
    own: TierProcess, chrome: Browser, desk: BrowserContext, tmp_path: Path
) -> None:
    deputy = make_deputy(own.data / "keys", tmp_path / "deputy")
    first = by_key(own, desk)
    write(first, "The dyke has broken.")
    first.get_by_text("ACTUAL", exact=True).first.click()
    first.locator(".tree [role=treeitem]").first.locator(".box").click()
    expect(first.locator(".preview")).to_contain_text("a second commander has to approve")
    first.locator("input[name=confirm]").fill("ACTUAL")
    first.locator("button.send").click()
    expect(first.get_by_text("It waits for a second commander")).to_be_visible()
    first.get_by_role("button", name="Close").click()
    own_waiting = first.locator(".proposal", has_text="The dyke has broken.")
    own_waiting.get_by_role("button", name="Approve and send").click()
    expect(first.locator(".orders [role=alert]")).to_be_visible()  # nobody is their own second

    other = chrome.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
    second = opened(own, other)
    files = [deputy / f"deputy.{mode}.{end}" for mode in ("exercise", "actual") for end in ("key", "grants")]
    second.locator("input[type=file]").set_input_files(files)
    second.locator(".proposal", has_text="The dyke has broken.").get_by_role("button", name="Approve and send").click()
    expect(second.locator(".proposal")).to_have_count(0)
    for page in (first, second):
        expect(page.locator(".order", has_text="The dyke has broken.")).to_be_visible()
    expect(first.locator(".proposal")).to_have_count(0)
    other.close()


def test_markup_in_a_report_is_text_and_the_next_order_is_drawn_against_this_one(
    own: TierProcess, people: tuple[dict[int, bytes], dict[str, Any]], desk: BrowserContext
) -> None:
    page = by_key(own, desk)
    write(page, "What do you see?")
    tick(page, "广州市")
    send(page, "What do you see?")
    with Handset(own.terminals, next(iter(people[0].values()))) as handset:
        order = handset.order("What do you see?")
        handset.say(SendReport(order.id, os.urandom(16), MARKUP))
        handset.hear(Stored)
        expect(page.locator(".reports .said")).to_have_text(MARKUP)
        handset.answer(order, "on duty")
    assert page.locator(".reports img").count() == 0 and "Console" in page.title()
    write(page, "Again.")
    tick(page, "广州市")
    everybody = page.locator(".preview b").first.inner_text()
    page.get_by_role("button", name="flood", exact=True).click()  # a role of the roster
    expect(page.locator(".preview b").first).not_to_have_text(everybody)
    page.locator("select[name=ladder]").select_option("superior 300 answered")
    send(page, "Again.")
    expect(page.locator(".steps li")).to_contain_text("superior")
    expect(page.locator(".curve")).not_to_have_attribute("data-past", "0")


def test_axe_finds_nothing_serious_on_any_screen_in_the_dark_or_in_the_light(own: TierProcess, chrome: Browser) -> None:
    context = chrome.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = opened(own, context)
    expect(page.locator(".login")).to_be_visible()
    assert in_both_themes(page) == []
    page.locator("input[type=file]").set_input_files(key_files(own, "office.exercise", "office.actual", "office.admin"))
    expect(page.locator(".canvas[data-ready]")).to_be_visible(timeout=40_000)
    assert in_both_themes(page) == []
    page.get_by_role("button", name="审计", exact=True).click()
    expect(page.locator(".proof")).to_contain_text("链完整")
    page.locator("select[name=deed]").select_option("login")
    expect(page.locator("aside li b", has_text="登录").first).to_be_visible()
    expect(page.locator("aside li b", has_text="名册")).to_have_count(0)
    assert in_both_themes(page) == []
    page.get_by_role("button", name="新建叫应").click()
    assert in_both_themes(page) == []
    page.locator(".exercise + .actual, label.actual").first.click()
    assert in_both_themes(page) == []
    page.get_by_role("button", name="收起").click()
    if page.get_by_role("button", name="总结").count():
        page.get_by_role("button", name="总结").click()
        expect(page.get_by_text("时间线")).to_be_visible()
        assert in_both_themes(page) == []
    page.get_by_label("查找人员").fill("陈")
    page.keyboard.press("Enter")
    expect(page.locator("aside li").first).to_be_visible()
    assert in_both_themes(page) == []
    context.close()


def test_the_tree_is_walked_by_keys_alone(own: TierProcess, desk: BrowserContext) -> None:
    page = by_key(own, desk)
    tree = page.get_by_role("tree")
    tree.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".trail [aria-current=true]")).to_have_text(re.compile("区|县|市"))
    assert len(page.locator(".trail button").all()) == 3  # province, city, county
    assert page.locator(".tree .line").count() < 80  # of 28,745, those in view
