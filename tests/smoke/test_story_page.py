"""The responder's page in a real browser: enrolled by a link, called, answered, cut off, corrected and called off."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser import device, violations
from tests.smoke.conftest import filled
from tests.smoke.phone_page import ask, call, counts, enrolled, enrolled_by, total
from tests.tier_process import TierProcess, until


@pytest.fixture(scope="session")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    """One of their own: a phone shows every order that is open for it, those of other stories too."""
    with filled(tmp_path_factory.mktemp("page")) as own:
        yield own


NOISE = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = 2000; canvas.height = 1500;
  const context = canvas.getContext("2d"), data = context.createImageData(2000, 1500);
  const light = (i) => Math.sin(i / 997) * 90 + Math.random() * 60 + 90;
  for (let i = 0; i < data.data.length; i++) data.data[i] = i % 4 === 3 ? 255 : light(i);
  context.putImageData(data, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}"""
MARKUP = '<img src=x onerror="document.title=1"><b>To the dyke</b> & \u201cstay\u201d'


def test_it_is_enrolled_by_a_link_called_and_its_answer_counts_once(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    order = call(tier, person, "Report to the dyke.")
    card = page.locator(".order")
    expect(card).to_have_attribute("data-mode", "exercise")
    expect(card.locator(".mode")).to_have_text("演练 EXERCISE")
    expect(card.locator("h2")).to_have_text("Report to the dyke.")
    expect(card.locator(".facts")).to_contain_text("Signature verified")
    until(lambda: total(tier, order)["received"] == 1)
    assert counts(tier, order, [0, 0])
    card.get_by_role("button", name="on duty").click()
    expect(card.locator(".answer .mark")).to_have_text("✓✓ counted")
    until(lambda: counts(tier, order, [1, 0]))

    # More urgent may be said later; what was said cannot be taken back.
    card.get_by_role("button", name="need support").click()
    expect(card.locator(".answer .mark")).to_have_text("✓✓ counted")
    until(lambda: counts(tier, order, [0, 1]))
    expect(card.get_by_role("button", name="on duty")).to_be_disabled()
    page.reload()
    expect(page.locator(".answer .mark")).to_have_text("✓✓ counted")


def test_an_answer_given_without_a_network_is_kept_through_a_restart_and_counts_once(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    order = call(tier, person, "Who is there?")
    expect(page.locator(".order h2")).to_have_text("Who is there?")
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    page.evaluate("navigator.serviceWorker.ready.then(() => 0)")
    network = phone.new_cdp_session(page)
    network.send("Network.enable")
    away = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    network.send("Network.emulateNetworkConditions", away)
    expect(page.locator(".link")).to_have_attribute("data-link", "off")
    page.get_by_role("button", name="on duty").click()
    mark = page.locator(".answer .mark")
    expect(mark).to_have_text("kept on this device, sent when connected")
    page.wait_for_timeout(1_500)
    assert counts(tier, order, [0, 0])

    phone.set_offline(True)  # the service worker, too
    page.reload()  # from what the service worker keeps
    expect(page.locator(".order h2")).to_have_text("Who is there?")
    expect(mark).to_have_text("kept on this device, sent when connected")
    assert counts(tier, order, [0, 0])

    phone.set_offline(False)
    network.send(
        "Network.emulateNetworkConditions", away | {"offline": False, "downloadThroughput": -1, "uploadThroughput": -1}
    )
    expect(mark).to_have_text("✓✓ counted")
    until(lambda: counts(tier, order, [1, 0]))


def test_a_correction_takes_the_place_of_an_order_and_a_cancel_ends_it(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    first = call(tier, person, "To the north gate.")
    card = page.locator(".order")
    expect(card.locator("h2")).to_have_text("To the north gate.")
    second = ask(tier, "update", first, "--text", "To the SOUTH gate.")["id"]
    expect(card.locator("h2")).to_have_text("To the SOUTH gate.")
    expect(card).to_have_count(1)
    expect(card.locator(".kind")).to_contain_text("Correction")
    ask(tier, "cancel", second, "--text", "It is over. Go home.")
    expect(card.locator("h2")).to_have_text("It is over. Go home.")
    expect(card).to_have_count(1)
    expect(card.locator(".answer")).to_have_count(0)
    card.get_by_role("button", name="I have read this").click()
    expect(page.get_by_role("heading", name="No open orders")).to_be_visible()
    page.get_by_role("button", name="Past orders (3)").click()
    past = page.locator(".list li")
    expect(past).to_have_count(3)
    expect(past.nth(2)).to_contain_text("cancelled")
    expect(past.nth(2).locator(".mode")).to_have_text("演练 EXERCISE")


def test_an_actual_order_stands_above_an_exercise_and_differs_in_words_and_colour(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    one = call(tier, person, "An actual one.", "--yes")
    expect(page.locator(".order")).to_have_count(1)
    two = call(tier, person, "An exercise.")
    cards = page.locator(".order")
    expect(cards).to_have_count(2)
    assert cards.locator(".mode").all_text_contents() == ["实战 ACTUAL", "演练 EXERCISE"]
    colours = [card.locator(".mode").evaluate("one => getComputedStyle(one).backgroundColor") for card in cards.all()]
    red, blue = ([int(part) for part in re.findall(r"\d+", colour)[:3]] for colour in colours)
    assert red[0] > 2 * max(red[1:]) and blue[2] > 2 * blue[0]
    assert violations(page) == []
    for order in (one, two):
        ask(tier, "cancel", order, "--text", "Over.")


def test_a_phone_is_seen_where_it_is_as_long_as_its_person_shares_that(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    phone.grant_permissions(["geolocation"])
    phone.set_geolocation({"latitude": 23.1291, "longitude": 113.3644, "accuracy": 8})
    page = enrolled(tier, phone, person)
    assert ask(tier, "tracks", "list")["tracks"] == []  # not without a touch
    page.get_by_role("button", name="Share my place").click()
    expect(page.locator(".share")).to_contain_text("Those who command see where you are.")
    [unit] = until(lambda: ask(tier, "tracks", "list")["tracks"])
    assert (unit["title"], unit["node"], unit["source"]) == (person["name"], person["place"], "phone")
    assert (unit["lat"], unit["lon"], unit["accuracy_m"]) == (23.1291, 113.3644, 8)
    assert violations(page) == []
    page.locator(".share").get_by_role("button", name="End it").click()
    until(lambda: not ask(tier, "tracks", "list")["tracks"])


def test_what_people_write_is_shown_as_text_and_too_long_or_no_picture_is_said_in_one_sentence(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    order = call(tier, person, MARKUP)
    expect(page.locator(".order h2")).to_have_text(MARKUP)
    assert page.locator(".order h2").inner_html().startswith("&lt;img") and page.title() != "1"

    page.get_by_role("button", name="Report").click()
    text = page.get_by_label("What is going on?")
    text.fill("水" * 2_001)
    expect(page.get_by_text("At most 2000 characters; these are 2001.")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.locator("input[type=file]").set_input_files(
        {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )
    expect(page.locator(".report")).to_contain_text("This file is no photo: JPEG, PNG or WebP.")
    page.locator("input[type=file]").set_input_files({"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not one"})
    expect(page.locator(".report")).to_contain_text("The photo cannot be read.")
    text.fill(MARKUP)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".reports .mark")).to_have_text("✓✓ stored")
    lines = until(lambda: ask(tier, "reports", order)["lines"])
    assert [line["report"]["text"] for line in lines] == [MARKUP]


def test_a_photo_with_place_comes_out_as_a_file_at_the_commanders(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any], tmp_path: Path
) -> None:
    page = enrolled(tier, phone, person)
    order = call(tier, person, "Send a photo of the gate.")
    phone.grant_permissions(["geolocation"])
    phone.set_geolocation({"latitude": 23.1291, "longitude": 113.2644})
    page.get_by_role("button", name="Report").click()
    page.get_by_role("button", name="Add my place").click()
    expect(page.get_by_role("button", name="With place")).to_be_visible()
    noise = page.evaluate(NOISE)  # some megabytes, as a camera gives them
    photo = {"name": "gate.png", "mimeType": "image/png", "buffer": base64.b64decode(noise)}
    assert len(photo["buffer"]) > 1_000_000
    page.locator("input[type=file]").set_input_files(photo)  # type: ignore[arg-type]
    expect(page.locator(".preview img")).to_be_visible()
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".reports .mark")).to_have_text("✓✓ stored")
    (line,) = until(lambda: ask(tier, "reports", order)["lines"])
    assert (line["report"]["lat"], line["report"]["lon"]) == (23.1291, 113.2644) and line["report"]["parts"] > 2
    written = ask(tier, "reports", order, "--out", tmp_path / "pictures")["pictures"]
    (file,) = map(Path, written.values())
    assert file.read_bytes().startswith(b"\xff\xd8\xff") and file.stat().st_size <= 256 * 1024
    shown = page.evaluate(
        "data => createImageBitmap(new Blob([Uint8Array.from(atob(data), c => c.charCodeAt(0))]))"
        ".then(one => [one.width, one.height])",
        base64.b64encode(file.read_bytes()).decode(),
    )
    assert max(shown) <= 1600


def test_the_page_has_no_serious_fault_for_who_sees_or_moves_badly(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = phone.new_page()
    page.goto(f"http://127.0.0.1:{tier.port}/")
    page.get_by_label("Code").fill("no code")
    page.get_by_role("button", name="Enrol").click()
    expect(page.get_by_text("A code has 32 letters and digits.")).to_be_visible()
    assert violations(page) == []
    page.close()
    page = enrolled(tier, phone, person)
    call(tier, person, "Report to the dyke.")
    page.get_by_role("button", name="on duty").click()
    expect(page.locator(".answer .mark")).to_have_text("✓✓ counted")
    page.get_by_role("button", name="Report").click()
    assert violations(page) == []
    for button in page.locator(".order button, .order label.file").all():
        box = button.bounding_box()
        assert box is not None and box["height"] >= 48
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


def test_a_code_that_is_used_up_and_a_device_that_is_lost_are_told_so(
    tier: TierProcess, browser: Browser, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    code = ask(tier, "devices", "code", "--id", person["id"])["code"]
    with device(browser) as other:
        second = enrolled_by(tier, other, code)
        expect(second.locator(".link")).to_have_attribute("data-link", "on")
    with device(browser) as finder:
        third = enrolled_by(tier, finder, code)
        expect(third.locator(".note")).to_contain_text("The code was not taken")
    page.reload()
    ask(tier, "devices", "revoke", "--id", person["id"])
    expect(page.get_by_role("heading", name="Enrol this device")).to_be_visible()
    expect(page.locator(".note").first).to_contain_text("revoked")
