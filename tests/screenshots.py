"""`make screenshots`: pictures of the responder's page for the README, of a real tier with made-up people.

They are written to fusioncmd/web/pictures, each from the page as Chromium draws it.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser import DESK, PHONE, built, chromium, device
from tests.tier_process import TierProcess
from tests.web_engines import WEB

PICTURES = WEB / "pictures"
PEOPLE = 300
ACTUAL = "西江水位超警戒 1.2 米。请立即到所辖堤段巡查，发现管涌、渗漏马上上报，转移低洼地带群众。"
EXERCISE = "防台风演练：请确认应急物资、救生衣和发电机是否到位。"
ANSWERS = ("已到岗", "正在赶赴", "需要支援")


def ask(tier: TierProcess, *arguments: object) -> Any:
    ran = tier.cli(*arguments, "--json")
    assert (ran.code, ran.err) == (0, ""), ran
    return ran.json


def call(tier: TierProcess, person: dict[str, Any], text: str, mode: str) -> str:
    answers = [word for answer in ANSWERS for word in ("--answer", answer)]
    told = ask(tier, "call", "--to", person["place"], "--text", text, *answers, "--severity", "severe", mode)
    return str(told["id"])


def shot(page: Page, folder: Path, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png")
    print(f"{folder / name}.png")


def take(tier: TierProcess, browser: Browser, folder: Path) -> None:
    person = ask(tier, "roster", "find", "", "--node", "4401", "--role", "flood", "--limit", 1)["people"][0]
    code = ask(tier, "devices", "code", "--id", person["id"])["code"]
    with device(browser, "zh-CN", device_scale_factor=2) as phone:
        page = phone.new_page()
        page.goto(f"http://127.0.0.1:{tier.port}/")
        page.get_by_label("登记码").fill(code)
        shot(page, folder, "responder-enrol")
        page.get_by_role("button", name="登记", exact=True).click()
        expect(page.get_by_role("heading", name="当前没有待办指令")).to_be_visible()
        shot(page, folder, "responder-quiet")
        exercise = call(tier, person, EXERCISE, "--exercise")
        expect(page.locator(".order")).to_have_count(1)
        page.get_by_role("button", name="已到岗").click()
        expect(page.get_by_text("✓✓ 已计入")).to_be_visible()
        shot(page, folder, "responder-exercise")
        ask(tier, "cancel", exercise, "--text", "演练结束，谢谢。")
        expect(page.get_by_text("演练结束，谢谢。")).to_be_visible()
        shot(page, folder, "responder-cancel")
        page.get_by_role("button", name="我已知晓").click()
        call(tier, person, ACTUAL, "--yes")
        expect(page.locator(".order")).to_have_count(1)
        shot(page, folder, "responder-actual")
        page.get_by_role("button", name="上报").click()
        page.get_by_label("现场情况").fill("3 号闸口有渗水，正在用沙袋封堵。")
        page.get_by_label("现场情况").scroll_into_view_if_needed()
        page.mouse.wheel(0, 2000)
        shot(page, folder, "responder-report")
        page.set_viewport_size(DESK)  # type: ignore[arg-type]
        page.mouse.wheel(0, -4000)
        shot(page, folder, "responder-wide")
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        shot(page, folder, "responder-night")


def main(folder: Path) -> None:
    built("responder")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, TierProcess(Path(scratch)) as tier:
        people = Path(scratch) / "people.csv"
        ask(tier, "roster", "sample", "--people", PEOPLE, "--seed", 3, "--out", people)
        ask(tier, "roster", "import", people)
        with chromium() as browser:
            take(tier, browser, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES)
