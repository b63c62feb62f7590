"""`make screenshots`: pictures of the console of a real tier, whose people answer through a played gateway.

Some counties are cut off and some are slow, so that the map has something to say.
"""

from __future__ import annotations

import asyncio
import random
import re
import sys
import time
from pathlib import Path

from PIL import Image
from playwright.async_api import Page, async_playwright
from pyroaring import BitMap

from fusioncmd import codes, subjects
from fusioncmd.bus.port import Bus
from fusioncmd.messages import ANSWERED, RECEIVED, Mark, Presence, Receipts, Report, Selector, encode
from loadtest import harness
from loadtest.harness import Running
from loadtest.scenario import Campaign
from tests.browser import ARGUMENTS, built
from tests.web_engines import CHROMIUM_MIN, WEB, program

PICTURES = WEB / "pictures"
PEOPLE, SECONDS = 40_000, 20
NAME = "played-0"
CUT = ("441621", "441623", "4453")  # nobody reaches them
TEXT = "防汛应急响应启动，请立即到岗并答复。"
ANSWERS = ("已到岗", "正在赶赴", "需要支援")
SAID = (
    "水位上涨 0.4 米，已转移群众 36 人。",
    "3 号闸口渗水，正在封堵。",
    "道路塌方，车辆无法通行，请求支援。",
    "人员物资已到位。",
)
WEBGL = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


async def people_of(tier: Running) -> dict[int, str]:
    """Number to place, of all who can be reached."""
    everyone = await tier.people()
    return {n: place for n, place in zip(everyone.numbers, everyone.places, strict=True) if not place.startswith(CUT)}


async def call_down(tier: Running, reached: dict[int, str], seed: int = 4, seconds: int = SECONDS) -> None:
    """An exercise for the province, answered quickly here and slowly there."""
    rng, bus = random.Random(seed), tier.played[NAME]
    order = (await Campaign(tier.commander, await tier.people()).issue(
        text=TEXT, answers=ANSWERS, audience=Selector(("44",)), status="exercise",
    )).order  # fmt: skip
    pace = {county: rng.uniform(2, 20 + 5 * seed) for county in sorted({place[:6] for place in reached.values()})}
    due = {number: rng.expovariate(1 / pace[place[:6]]) for number, place in reached.items() if rng.random() < 0.97}
    done = BitMap()
    for second in range(seconds):
        now = BitMap(n for n, at in due.items() if at <= second) - done
        done |= now
        marks = [Mark(order.id, RECEIVED, None, BitMap(list(reached)[: len(reached) * (second + 2) // 4]).serialize())]
        for answer, tenths in enumerate((range(7), (7, 8), (9,))):
            said = BitMap(n for n in now if n % 10 in tenths)
            marks.append(Mark(order.id, ANSWERED, answer, said.serialize()))
        await bus.store(subjects.receipt(NAME), encode(Receipts(NAME, tuple(marks))))
        await report(bus, order.id, rng.choice(list(reached.items())), rng)
        await asyncio.sleep(1)


async def be_here(tier: Running, reached: dict[int, str]) -> None:
    presence = encode(Presence(NAME, "responder", BitMap(reached).serialize()))
    while True:
        await tier.played[NAME].say(subjects.presence(NAME), presence)
        await asyncio.sleep(1)


async def report(bus: Bus, order: bytes, by: tuple[int, str], rng: random.Random) -> None:
    number, place = by
    at_ms, where = int(time.time() * 1000), (rng.uniform(22, 24), rng.uniform(112, 115))
    said = Report(rng.randbytes(16), order, number, at_ms, rng.choice(SAID), *where)
    await bus.store(subjects.report(codes.parse(place[:9])), encode(said))


async def shot(page: Page, folder: Path, name: str) -> None:
    await page.wait_for_timeout(900)
    await page.screenshot(path=folder / f"{name}.png")
    smaller(folder / f"{name}.png")


def smaller(picture: Path) -> None:
    """A third of the bytes."""
    with Image.open(picture) as drawn:
        drawn.convert("RGB").quantize(128).save(picture, optimize=True)
    print(picture)


async def take(tier: Running, folder: Path, reached: dict[int, str]) -> None:
    assert tier.tier.console is not None
    async with async_playwright() as playwright:
        path = program("chromium", CHROMIUM_MIN, "chromium")
        browser = await playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *WEBGL])
        page = await browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN", color_scheme="dark")
        await page.goto(tier.tier.console.url)
        names = [f"office.{mode}.{kind}" for mode in ("exercise", "actual", "admin") for kind in ("key", "grants")]
        keys = [tier.tier.data / "keys" / name for name in names]
        await page.locator("input[type=file]").set_input_files(keys)
        await page.locator(".canvas[data-ready]").wait_for(timeout=60_000)
        calling = asyncio.create_task(call_down(tier, reached))
        await page.locator(".order").nth(2).wait_for(timeout=30_000)
        await page.locator(".order").first.click()
        await asyncio.sleep(SECONDS - 4)
        await shot(page, folder, "console-running")
        await calling
        await page.locator(".city", has_text="梅州市").click(force=True)
        await page.locator(".grid .silent").click()
        await page.locator("aside li").first.wait_for()
        await shot(page, folder, "console-people")
        await page.locator("aside header button").first.click()
        await page.locator(".tree [role=treeitem]").first.click()
        await page.get_by_role("button", name="总结").click()
        await page.get_by_text("时间线").wait_for()
        await shot(page, folder, "console-after")
        await page.get_by_role("button", name="收起").click()
        await page.get_by_label("深色或浅色").click()
        await page.get_by_role("button", name="新建叫应").click()
        await page.locator("label.actual").click()
        await page.get_by_role("button", name="转移群众").click()
        await page.locator(".tree [role=treeitem]", has_text="梅州市").locator(".box").click()
        await page.locator(".preview").wait_for()
        await shot(page, folder, "console-actual")
        await page.get_by_role("button", name="收起").click()
        await page.get_by_role("button", name="审计", exact=True).click()
        await page.get_by_text("链完整").wait_for()
        await shot(page, folder, "console-audit")
        if "--sizes" in sys.argv:
            await every_size(page, folder)
        await browser.close()


async def every_size(page: Page, folder: Path) -> None:
    """To be looked at by whoever changed the page, and kept nowhere."""
    for width, height in ((1440, 900), (1280, 720), (390, 844), (1920, 1080)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.get_by_label("深色或浅色").or_(page.get_by_label("Dark or light")).click()
        await page.get_by_role("button", name="English").or_(page.get_by_role("button", name="中文")).click()
        for panel in ("收起|Close", "新建叫应|New call-down", "收起|Close", "总结|After action"):
            await page.get_by_role("button", name=re.compile(panel)).first.click()
            await asyncio.sleep(1)
            await page.screenshot(
                path=folder / f"size-{width}-{panel.partition('|')[2][:5].strip()}.png", full_page=True
            )


async def main(folder: Path) -> None:
    with harness.scratch() as scratch:
        await _in_a_tier(scratch, folder)


async def _in_a_tier(scratch: Path, folder: Path) -> None:
    async with harness.running(scratch, 0, played=1, console=True) as tier:
        await tier.fill(PEOPLE, 5)
        reached = await people_of(tier)
        here = asyncio.create_task(be_here(tier, reached))
        for seed in (2, 7):  # what is past
            await call_down(tier, reached, seed, SECONDS // 2)
        await take(tier, folder, reached)
        here.cancel()


if __name__ == "__main__":
    built("console")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
