"""The responder's page when things go wrong: a gateway that was taken over, a ticket that ran out, processes that are
killed; and what an order sounds like."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from fusioncmd.terminal import Close
from tests.smoke.conftest import filled
from tests.smoke.phone_page import ask, call, counts, enrolled, total
from tests.tier_process import TierProcess, until


@pytest.fixture(scope="session")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    """One of their own: a phone shows every order that is open for it, those of other stories too."""
    with filled(tmp_path_factory.mktemp("page")) as own:
        yield own


HELLO, ANSWER, RENEW, DISTRUST, DELIVER, COUNTED, TICKETED = 1, 3, 7, 8, 17, 18, 22
LISTENING = """
  window.heard = { shakes: [], tones: [] };
  navigator.vibrate = (pattern) => { window.heard.shakes.push([pattern].flat()); return true; };
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () {
    const tone = make.call(this), start = tone.start.bind(tone);
    tone.start = (at) => { window.heard.tones.push(tone.frequency.value); start(at); };
    return tone;
  };
"""
ACTUAL, EXERCISE = {988, 740}, {523, 659, 784}


class Between:
    """Somebody between the page and the gateway: knows what is said, and may change or keep back what comes down."""

    def __init__(self, page: Page, change: Callable[[bytes], bytes] = lambda data: data) -> None:
        self.said: list[Any] = []
        self.came: list[Any] = []
        self.connections: list[WebSocketRoute] = []
        self.change, self._page = change, page
        page.route_web_socket("**/terminal", self._take)

    def kinds(self) -> list[int]:
        return [frame[0] for frame in self.said]

    def until(self, wanted: Callable[[], bool]) -> None:
        """Frames pass only while Playwright's loop runs."""
        for _ in range(100):
            if wanted():
                return
            self._page.wait_for_timeout(100)
        raise AssertionError("it did not come true")

    def _take(self, route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        self.connections.append(route)

        def up(data: str | bytes) -> None:
            assert isinstance(data, bytes)
            self.said.append(msgpack.unpackb(data))
            server.send(data)

        def down(data: str | bytes) -> None:
            assert isinstance(data, bytes)
            self.came.append(msgpack.unpackb(data)[0])
            if changed := self.change(data):
                route.send(changed)

        route.on_message(up)
        server.on_message(down)


def one_bit_of_the_text(data: bytes) -> bytes:
    return data.replace(b"Stay inside", b"Go outside!")


def test_an_order_that_was_changed_on_the_way_is_shown_to_nobody_and_told_of(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    between = Between(page, one_bit_of_the_text)
    page.reload()
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    order = call(tier, person, "Stay inside")
    expect(page.locator(".note").first).to_contain_text("1 orders were not genuine and are not shown.")
    expect(page.locator(".order")).to_have_count(0)
    assert DELIVER in between.came
    (told,) = [frame for frame in between.said if frame[0] == DISTRUST]
    assert told[2] == "signature" and total(tier, order)["received"] == 0

    between.change = lambda data: data  # a gateway that is honest
    page.reload()
    expect(page.locator(".order h2")).to_have_text("Stay inside")
    between.until(lambda: total(tier, order)["received"] == 1)


def test_a_ticket_that_ran_out_is_renewed_with_the_devices_key(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    between = Between(page)
    page.reload()
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    assert between.kinds() == [HELLO]
    between.connections[0].close(code=int(Close.EXPIRED_TICKET), reason="The ticket has expired.")
    expect(page.locator(".link")).to_have_attribute("data-link", "off")
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    assert between.kinds() == [HELLO, RENEW, HELLO] and TICKETED in between.came
    assert between.said[2][2] != between.said[0][2]  # another ticket
    call(tier, person, "Still there?")
    expect(page.locator(".order h2")).to_have_text("Still there?")


def test_an_answer_does_not_count_before_the_gateway_said_so_and_is_said_again_on_the_next_connection(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    between = Between(page, lambda data: b"" if msgpack.unpackb(data)[0] == COUNTED else data)
    page.reload()
    order = call(tier, person, "Who hears nothing?")
    page.get_by_role("button", name="on duty").click()
    mark = page.locator(".answer .mark")
    expect(mark).to_have_text("✓ sent, not counted yet")
    between.until(lambda: counts(tier, order, [1, 0]))  # it does count, and the page does not know
    expect(mark).to_have_text("✓ sent, not counted yet")
    between.change = lambda data: data
    between.connections[-1].close(code=int(Close.RESTART), reason="the gateway restarts")
    expect(mark).to_have_text("✓✓ counted")
    assert between.kinds().count(ANSWER) == 2 and counts(tier, order, [1, 0])


def test_when_every_gateway_is_killed_the_page_comes_back_by_itself_and_loses_no_answer(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    order = call(tier, person, "Hold on.")
    expect(page.locator(".order h2")).to_have_text("Hold on.")
    for pid, line in tier.children().items():
        if "gateways.responder" in line:
            os.kill(pid, signal.SIGKILL)
    expect(page.locator(".link")).to_have_attribute("data-link", "off")
    page.get_by_role("button", name="need support").click()
    expect(page.locator(".answer .mark")).to_have_text("✓✓ counted", timeout=60_000)
    until(lambda: counts(tier, order, [0, 1]))


@pytest.mark.parametrize("mode", ["--exercise", "--yes"])
def test_an_actual_order_sounds_until_it_is_touched_and_an_exercise_once_with_another_sound(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any], mode: str
) -> None:
    phone.add_init_script(LISTENING)
    page = enrolled(tier, phone, person)
    page.evaluate("window.heard = { shakes: [], tones: [] }")
    order = call(tier, person, "Listen.", mode)
    expect(page.locator(".order")).to_have_count(1)
    page.wait_for_timeout(3_500)
    heard = page.evaluate("window.heard")
    tones = set(map(round, heard["tones"]))
    if mode == "--exercise":
        assert tones == EXERCISE and len(heard["shakes"]) == 1
    else:
        assert tones == ACTUAL and len(heard["shakes"]) >= 2
        page.locator(".order h2").click()
        expect(page.locator(".order")).to_have_count(1)  # it was touched, and stays
        quiet = page.evaluate("window.heard.tones.length")
        page.wait_for_timeout(3_500)
        assert page.evaluate("window.heard.tones.length") == quiet
        page.reload()  # touched once is touched
        expect(page.locator(".order")).to_have_count(1)
        page.locator("header").click()
        page.wait_for_timeout(500)
        assert not ACTUAL & set(map(round, page.evaluate("window.heard.tones")))
    ask(tier, "cancel", order, "--text", "Over.")


def test_two_windows_of_a_device_do_not_throw_each_other_out(
    tier: TierProcess, phone: BrowserContext, person: dict[str, Any]
) -> None:
    page = enrolled(tier, phone, person)
    other = phone.new_page()
    other.goto(page.url)
    expect(other.locator(".note")).to_contain_text("open in another window")
    expect(page.locator(".link")).to_have_attribute("data-link", "on")
    page.close()
    expect(other.locator(".link")).to_have_attribute("data-link", "on")
    expect(other.locator(".note").filter(has_text="another window")).to_have_count(0)
