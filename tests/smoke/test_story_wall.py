"""A responder shows what they see: the wall has it, everybody below is shown it; and two towns answer a roll."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser import DESK, chromium, device, violations
from tests.nats_server import free_port
from tests.smoke.conftest import filled
from tests.smoke.console_page import by_key
from tests.smoke.phone_page import ask, enrolled
from tests.tak import Drone, TakClient, event
from tests.tier_process import TierProcess

FRAMES = "video => video.getVideoPlaybackQuality().totalVideoFrames"
MAVLINK, COT = free_port(), free_port()
CAMERA = "--use-fake-device-for-media-stream"


@pytest.fixture(scope="session")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    tracks = f"mavlink={MAVLINK},cot={COT}"
    options = ("--video", free_port(), "--tracks", tracks)
    with filled(tmp_path_factory.mktemp("wall"), *options, console=True) as own:
        yield own


@pytest.fixture(scope="module")
def browser(flood: list[dict[str, Any]]) -> Iterator[Browser]:
    with chromium(CAMERA) as one:
        yield one


@pytest.fixture(scope="module")
def people(flood: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of two towns."""
    first = flood[0]
    return first, next(one for one in flood if one["place"][:9] != first["place"][:9])


@pytest.fixture(scope="module")
def phones(tier: TierProcess, browser: Browser, people: tuple[dict[str, Any], ...]) -> Iterator[list[Page]]:
    with device(browser) as one, device(browser) as other:
        for context in (one, other):
            context.grant_permissions(["camera", "microphone"])
        yield [enrolled(tier, context, person) for context, person in zip((one, other), people, strict=True)]


@pytest.fixture(scope="module")
def console(tier: TierProcess, browser: Browser) -> Iterator[Page]:
    with device(browser, viewport=DESK) as context:
        yield by_key(tier, context)


def plays(video: Locator) -> None:
    """Pictures come, and go on coming."""
    expect(video).to_be_visible()
    page, seen = video.page, 0
    for _ in range(150):
        frames = int(video.evaluate(FRAMES))
        if seen and frames > seen + 3:
            return
        seen = seen or frames
        page.wait_for_timeout(100)
    pytest.fail(f"{seen} pictures")


def looked_at(page: Page, wanted: Locator) -> Locator:
    """Somebody takes the phone in their hand: it asks at once, and not within ten seconds."""
    for _ in range(30):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for_timeout(500)
        if wanted.is_visible():
            break
    return wanted


def test_a_drone_is_on_the_map_and_tak_clients_see_it_and_are_seen(tier: TierProcess, console: Page) -> None:
    with closing(Drone(MAVLINK)) as drone, closing(TakClient(COT)) as tak:
        drone.fly(23.1291, 113.3644, battery=15)
        assert 'callsign="mav-1"' in tak.until("fusioncmd.44.mav-1")
        ask(tier, "tracks", "put", "kit-1", "--lat", 23.2, "--lon", 113.3, "--kind", "kit", "--place", "440106")
        assert 'lat="23.2000000"' in tak.until("fusioncmd.44.01.06.kit-1")
        tak.say(event("ANDROID-1", 23.05, 113.5, callsign="Chen"))
        for title in ("mav-1, drone", "kit-1, kit", "Chen, person"):
            expect(console.get_by_role("button", name=title)).to_be_visible()
        console.get_by_role("button", name="mav-1, drone").press("Enter")
        card = console.locator(".unit-card")
        expect(card).to_contain_text("23.12910, 113.36440")
        expect(card).to_contain_text("15 %")
        assert violations(console) == []
        console.get_by_role("button", name="kits 1").click()
        expect(console.get_by_role("button", name="kit-1, kit")).to_have_count(0)
        card.get_by_role("button", name="Close").click()
        expect(card).to_have_count(0)
        near = ask(tier, "tracks", "list", "--near", "23.1291,113.3644", "--km", 1)["tracks"]
        assert [(one["unit"], one["kind"], one["battery"]) for one in near] == [("mav-1", "drone", 15)]


def test_what_a_phone_sees_is_on_the_wall_and_before_everybody_and_towns_answer_a_roll(
    tier: TierProcess, phones: list[Page], console: Page, people: tuple[dict[str, Any], ...]
) -> None:
    phone, other = phones
    phone.get_by_role("button", name="Show what I see").click()
    expect(phone.locator(".publish-words")).to_have_text("Live: nobody watches yet", timeout=15_000)
    console.get_by_role("button", name="Video", exact=True).click()
    tile = console.locator(".tile")
    plays(tile.locator("video"))
    expect(phone.locator(".publish-words")).to_have_text("Live: 1 watch")
    assert tile.locator("video").evaluate("video => video.muted")
    tile.get_by_role("button", name="full size").click()
    expect(console.locator(".tile.large")).to_be_visible()
    assert violations(console) == [] and violations(phone) == []
    tile.get_by_role("button", name="Show to all").click()
    console.get_by_role("button", name="Show it").click()
    expect(console.locator(".bar-video")).to_contain_text("Shown to everybody below")
    console.keyboard.press("Escape")
    expect(console.locator(".tile.large")).to_have_count(0)
    looked_at(other, other.get_by_role("button", name="Watch", exact=True)).click()
    plays(other.locator(".screen video"))
    assert violations(other) == []
    listed = ask(tier, "video", "list")
    assert [(one["number"], one["kind"]) for one in listed["sources"]] == [(people[0]["number"], "browser")]
    assert listed["shown"]["source"] == listed["sources"][0]["address"]
    console.get_by_role("button", name="End it").click()
    expect(console.locator(".bar-video")).to_have_count(0)
    expect(other.locator(".shown")).to_have_count(0)
    answered(tier, phones, console, people)


def answered(tier: TierProcess, phones: list[Page], console: Page, people: tuple[dict[str, Any], ...]) -> None:
    """Two towns answer a roll, and the report says who was present. The first is live already; the second is told on
    the phone, and touches once."""
    towns = [person["place"][:9] for person in people]
    call = ask(tier, "video", "roll", *towns, "--no-wait", "--wait", "60", "--hold", "60")
    console.get_by_role("button", name="Roll call", exact=True).click()
    panel = console.get_by_role("region", name="Roll call", exact=True)
    panel.get_by_role("button", name="Present, next").click()
    expect(looked_at(phones[1], phones[1].locator(".call"))).to_contain_text("your place is called")
    phones[1].get_by_role("button", name="Go live now").click()
    plays(console.locator(f'.tile.large[data-address^="{towns[1]}"] video'))
    panel.get_by_role("button", name="Present, next").click()
    expect(panel.get_by_role("status")).to_have_text("2 present")
    assert violations(console) == []
    with console.expect_download() as download:
        panel.get_by_role("link", name="CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in lines[1:]] == towns and all(",present," in line for line in lines[1:])
    report = ask(tier, "video", "report", call["id"])
    assert [(one["place"], one["outcome"]) for one in report["turns"]] == [(town, "present") for town in towns]
    entries = ask(tier, "audit", "list", "--deed", "video")["entries"]
    assert sum(one["details"].get("what") == "roll: present" for one in entries) == 2
    for phone in phones:
        phone.get_by_role("button", name="Stop").click()
    expect(console.locator(".tile")).to_have_count(0)
