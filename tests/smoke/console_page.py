"""The console's page as somebody at it opens it, logs in, picks and writes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.tier_process import TierProcess

PASSWORD = "correct horse battery"


# From half a second on the page is too busy to hear anything for two.
BUSY = "setTimeout(() => { const until = performance.now() + 2_000; while (performance.now() < until); }, 500)"


def key_files(tier: TierProcess, *names: str) -> list[Path]:
    return [tier.data / "keys" / f"{name}.{end}" for name in names for end in ("key", "grants")]


def opened(tier: TierProcess, desk: BrowserContext) -> Page:
    page = desk.new_page()
    page.goto(f"http://127.0.0.1:{tier.console_port}/")
    return page


def by_key(tier: TierProcess, desk: BrowserContext) -> Page:
    """The console of who opened the office's keys in it."""
    page = opened(tier, desk)
    page.locator("input[type=file]").set_input_files(key_files(tier, "office.exercise", "office.actual"))
    expect(page.locator(".tree .line").first).to_be_visible()
    return page


def type_password(page: Page) -> None:
    page.locator("input[name=name]").fill("chen")
    page.locator("input[name=password]").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def pick_on_map(page: Page, city: str) -> None:
    expect(page.locator(".canvas[data-ready]")).to_be_visible(timeout=40_000)
    box = page.locator(".city", has_text=city).bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def write(page: Page, text: str) -> None:
    page.get_by_role("button", name="New call-down").click()
    page.locator("textarea").fill(text)
    for words in ("on duty", "need support"):
        page.get_by_label("Another answer").fill(words)
        page.keyboard.press("Enter")


def tick(page: Page, place: str) -> None:
    page.locator(".tree [role=treeitem]", has_text=place).locator(".box").click()


def send(page: Page, text: str) -> None:
    """What is written, which is then looked at."""
    page.locator("button.send").click()
    expect(page.locator("aside .text")).to_have_text(text)


def hold(touch: Locator, held_ms: float) -> None:
    """For so long by the clock of who touches; the page hears late of the end, and of its own timer."""
    touch.page.evaluate(BUSY)
    touch.click(delay=held_ms)
