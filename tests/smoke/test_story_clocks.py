"""Devices whose clock is an hour wrong, or is set while an order is open: it is shown, once, and its answer counts.

The terminal of PROTOCOL.md under libfaketime, and the page in a browser whose `Date` is moved.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser import built, chromium, device
from tests.smoke.phone_page import ask, enrolled
from tests.test_protocol_doc import PAGE
from tests.test_steady import FAKETIME
from tests.tier_process import TierProcess, environment, until

HOUR_S = 3_600
PAGES = "440106002008"  # where the page's people are
OPEN = (
    "--open-for",
    "30m",
    "--answer-within",
    "10m",
    "--answer",
    "在岗",
    "--exercise",
)  # for less than the clocks are wrong
MOVED = """() => {
  const real = Date.now.bind(Date);
  const offMs = () => Number(localStorage.getItem("test.offMs") ?? 0);
  Date.now = () => real() + offMs();
}"""


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    folder = tmp_path_factory.mktemp("clocks")
    rows = f"c1,甲,,440106001001,flood\nc2,乙,,440106001001,flood\nc3,丙,,{PAGES},flood\n"
    (folder / "people.csv").write_text(f"id,name,phone,village,roles\n{rows}", "utf-8")
    with TierProcess(folder, "--gateways", 1) as tier:
        assert tier.ask("roster", "import", folder / "people.csv")["added"] == 3
        yield tier


def by_answer(tier: TierProcess, order: str) -> list[int]:
    return list(ask(tier, "watch", order, "--once")["total"]["by_answer"])


@pytest.mark.skipif(not FAKETIME.exists(), reason="needs libfaketime (apt: faketime)")
def test_a_terminal_an_hour_off_or_whose_clock_jumps_shows_each_order_once(tier: TierProcess, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "terminal.py").write_text(code, "utf-8")
    root = tier.cli("keys", "roots").out.strip()
    running: list[tuple[subprocess.Popen[bytes], Path, Path]] = []

    def heard(what: str) -> bool:
        return all(said.read_text("utf-8").count(what) == 1 for _, said, _ in running)

    try:
        for ident, off_s in (("c1", HOUR_S), ("c2", -HOUR_S)):
            said, set_to = tmp_path / f"{ident}.said", tmp_path / f"{ident}.time"
            set_to.write_text(f"{off_s:+}")
            env = environment() | {
                "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(set_to), "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "PYTHONUTF8": "1",
            }  # fmt: skip
            ticket = tier.cli("ticket", "--id", ident).out.strip()
            argv = [sys.executable, str(tmp_path / "terminal.py"), tier.terminals, ticket, root]
            with said.open("wb") as out:
                running.append((subprocess.Popen(argv, env=env, stdout=out, stderr=subprocess.STDOUT), said, set_to))
        first = tier.ask("call", "--to", "440106001", "--text", "第一条。", *OPEN)["id"]
        until(lambda: by_answer(tier, first) == [2])
        for _, _, set_to in running:
            set_to.write_text("+0")  # the clock is set right, by an hour
        second = tier.ask("call", "--to", "440106001", "--text", "第二条。", *OPEN)["id"]
        until(lambda: by_answer(tier, second) == [2])
        assert heard("第一条。") and heard("第二条。")
        assert not any("not believed" in said.read_text("utf-8") for _, said, _ in running)
    finally:
        for process, _, _ in running:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def browser(tier: TierProcess) -> Iterator[Browser]:
    built("responder")
    with chromium() as browser:
        yield browser


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    with device(browser) as context:
        yield context


def test_a_page_an_hour_off_shows_what_is_open_and_goes_on_when_its_clock_is_set(
    tier: TierProcess, phone: BrowserContext
) -> None:
    phone.add_init_script(f"({MOVED})()")
    page = phone.new_page()
    page.goto(f"http://127.0.0.1:{tier.port}/")
    page.evaluate(f"localStorage.setItem('test.offMs', '{HOUR_S * 1000}')")
    page.close()
    page = enrolled(tier, phone, {"id": "c3"})
    orders: list[dict[str, Any]] = []
    for text in ("请到岗。", "再到岗。"):
        orders.append(ask(tier, "call", "--to", PAGES, "--text", text, *OPEN))
        expect(page.locator(".order h2").filter(has_text=text)).to_have_count(1)
        if len(orders) == 1:  # an hour ahead, it is set to an hour behind
            page.evaluate(f"localStorage.setItem('test.offMs', '{-HOUR_S * 1000}')")
            page.wait_for_timeout(1_200)  # the page looks at it once a second
            expect(page.locator(".link")).to_have_attribute("data-link", "on")
            expect(page.locator(".order")).to_have_count(1)
            page.get_by_role("button", name="在岗").click()
            expect(page.locator(".answer .mark")).to_have_text("✓✓ counted")
    expect(page.locator(".order")).to_have_count(2)
    assert by_answer(tier, orders[0]["id"]) == [1]
