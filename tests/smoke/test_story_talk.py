"""A responder's phone and a radio in one talkgroup: each is heard by the other, and the page says who speaks."""

from __future__ import annotations

import array
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import chromium, device, violations
from tests.nats_server import free_port
from tests.sip_programs import Baresip, need_programs, rest
from tests.smoke.conftest import filled
from tests.smoke.console_page import by_key
from tests.smoke.phone_page import ask, enrolled
from tests.tier_process import TierProcess, until

# What the page's connection is: only so can be asked what came in by it.
KEEP = """(() => {
  const Real = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Real {
    constructor(...given) { super(...given); window.connection = this; }
  };
})()"""
HEARD = """async () => {
  let found = {packets: 0, energy: 0};
  (await window.connection.getStats()).forEach((one) => {
    if (one.type === "inbound-rtp") found = {packets: one.packetsReceived, energy: one.totalAudioEnergy};
  });
  return found;
}"""


@pytest.fixture(scope="session")
def radio_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def tier(tmp_path_factory: pytest.TempPathFactory, radio_port: int) -> Iterator[TierProcess]:
    need_programs()
    folder = tmp_path_factory.mktemp("talk")
    with filled(folder, "--radio", radio_port, "--video", free_port(), console=True) as own:
        yield own


@pytest.fixture(scope="module")
def handheld(flood: list[dict[str, Any]]) -> Iterator[BrowserContext]:
    with chromium("--use-fake-device-for-media-stream") as browser, device(browser) as context:
        context.grant_permissions(["microphone"])
        context.add_init_script(KEEP)
        yield context


@pytest.fixture
def radio(tier: TierProcess, tmp_path: Path, radio_port: int, person: dict[str, Any]) -> Iterator[Baresip]:
    """In the talkgroup of the person's town; it says nothing yet."""
    town = person["place"][:9]
    name = f"patrol-{person['number']}"
    secret = str(ask(tier, "radios", "add", name, "--md5", "--place", town)["secret"])
    with Baresip(tmp_path / "radio", name, secret, f"127.0.0.1:{radio_port}") as one:
        until(lambda: any(each["here"] and each["account"] == name for each in ask(tier, "radios", "list")["radios"]))
        one.dial(f"sip:{town}@127.0.0.1:{radio_port}")
        one.do("mute")
        yield one


def bursts(tier: TierProcess, person: dict[str, Any]) -> list[dict[str, Any]]:
    """What was kept of the talkgroup of the person's town."""
    return list(ask(tier, "voice", "find", "--place", person["place"][:9])["bursts"])


def joined(page: Page) -> Page:
    page.get_by_role("button", name="Join the talkgroup").click()
    expect(page.locator(".talk-who")).to_have_text("Nobody speaks", timeout=15_000)
    return page


def spoken(page: Page, seconds: float) -> None:
    """Press, speak once the floor is there, let go; a tier that has just started grants it after a few seconds."""
    button = page.locator(".push")
    button.hover()
    page.mouse.down()
    expect(page.locator(".talk-who")).to_have_text("Speak now", timeout=10_000)
    rest(seconds)
    page.mouse.up()
    expect(page.locator(".talk-who")).to_have_text("Nobody speaks")


def loud_s(file: Path) -> float:
    """Seconds of `file`, in steps of 100 ms, in which something is heard: that microphone beeps twice a second."""
    with wave.open(str(file)) as opened:
        samples = array.array("h", opened.readframes(opened.getnframes()))[:: opened.getnchannels()]
        step = opened.getframerate() // 10
    return sum(max(samples[at : at + step]) > 200 for at in range(0, len(samples) - step, step)) / 10


def test_a_phone_and_a_radio_hear_each_other(
    tier: TierProcess, handheld: BrowserContext, person: dict[str, Any], radio: Baresip, radio_port: int
) -> None:
    page = joined(enrolled(tier, handheld, person))
    spoken(page, 3.0)
    before = page.evaluate(HEARD)
    radio.do("mute")  # from now on its tone is heard
    expect(page.locator(".talk-who")).to_have_text(f"{radio.account} speaks", timeout=10_000)
    rest(1.0)
    after = page.evaluate(HEARD)
    assert after["packets"] - before["packets"] >= 30 and after["energy"] > before["energy"] + 0.001
    page.locator(".push").hover()
    page.mouse.down()
    expect(page.locator(".talk-who")).to_have_text("You are number 1 in the queue")
    page.mouse.up()
    expect(page.locator(".talk-who")).to_have_text(f"{radio.account} speaks")
    page.locator(".urgent").hover()
    page.mouse.down()  # in an emergency the radio is stopped
    expect(page.locator(".talk-who")).to_have_text("Speak now")
    rest(1.0)  # long enough to be recorded
    page.mouse.up()
    radio.hang_up()
    said = until(lambda: [one for one in bursts(tier, person) if one["number"] == person["number"]][:2][1:])
    assert said[0]["lasts_ms"] >= 2_000 and said[0]["name"].endswith(f" {person['number']}")
    assert 0.5 <= loud_s(next(radio.folder.glob("*-dec.wav"))) <= 4.0
    missed(tier, page, person, radio, radio_port)
    assert violations(page) == []


def missed(tier: TierProcess, page: Page, person: dict[str, Any], radio: Baresip, radio_port: int) -> None:
    """Who was away sees what they missed, hears it, and is offered a talkgroup that they were put into."""
    page.get_by_role("button", name="Leave the talkgroup").click()
    page.locator(".missed summary").click()
    expect(page.locator(".missed li").first).to_be_visible()
    expect(page.locator(".missed li.fresh")).to_have_count(0)  # all of it was heard live
    ask(tier, "voice", "group", "make", "flood", "--person", person["number"])
    many = len(bursts(tier, person))
    radio.dial(f"sip:{person['place'][:9]}@127.0.0.1:{radio_port}")
    rest(1.5)
    radio.hang_up()
    until(lambda: len(bursts(tier, person)) > many)
    page.locator(".missed summary").click()
    page.locator(".missed summary").click()
    expect(page.locator(".missed li.fresh").first).to_contain_text(radio.account)
    fresh = page.locator(".missed li.fresh").count()
    page.locator(".missed li.fresh").get_by_role("button").first.click()
    expect(page.locator(".missed li.fresh")).to_have_count(fresh - 1)
    page.locator(".offered").click()
    expect(page.locator(".talk-group")).to_have_text(f"talkgroup {person['place']}.flood")
    page.get_by_role("button", name="Leave the talkgroup").click()


def listed(page: Page) -> bool:
    """Opens the list of what was said, which is asked for each time; closed again while nothing is in it."""
    summary = page.locator(".missed summary")
    summary.click()
    page.wait_for_timeout(500)
    if not page.locator(".missed li").count():
        summary.click()
    return page.locator(".missed li").first.is_visible()


def test_a_commander_speaks_to_a_town_from_the_console(
    tier: TierProcess, handheld: BrowserContext, radio_port: int, radio: Baresip
) -> None:
    page = by_key(tier, handheld)
    page.get_by_role("button", name="Talk", exact=True).click()
    joined(page)
    radio.hang_up()
    radio.dial(f"sip:44@127.0.0.1:{radio_port}")
    radio.do("mute")
    spoken(page, 1.5)
    page.locator(".push").focus()
    page.keyboard.down("Space")
    expect(page.locator(".talk-who")).to_have_text("Speak now")
    page.keyboard.up("Space")
    expect(page.locator(".talk-who")).to_have_text("Nobody speaks")
    radio.hang_up()
    assert loud_s(max(radio.folder.glob("*-dec.wav"), key=lambda file: file.stat().st_mtime)) >= 0.2
    page.locator(".groups summary").click()
    until(lambda: listed(page), 20)
    assert violations(page) == []
    page.get_by_label("Name of a new one").fill("flood")
    page.locator(".picked button").first.click()  # the province
    page.get_by_role("button", name="Make it, and call its members").click()
    expect(page.locator(".groups [role=status]")).to_contain_text("1 radios are called")
    radio.wait("CALL_ESTABLISHED")
    page.locator(".groups li", has_text="广东").get_by_role("button").click()
    radio.wait("CALL_CLOSED")
    assert "44.flood" not in [one["where"] for one in ask(tier, "voice", "group", "list")["talkgroups"]]
