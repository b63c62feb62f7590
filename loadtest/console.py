"""`python -m loadtest console`: the commander's console in a real browser, while 840,000 people are called down.

Everybody is reachable, and twice a second some thousand more of them have received or answered, all over the province:
so each tally of the tree and the map differs from the one before. What the page's main thread spends on one update is
read from Chromium (DevTools Protocol, Performance.getMetrics), as is its heap after a collection, early and at the end.
Chromium draws without a GPU here; on a machine that has one, what is drawn costs its processor nearly nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import time
from typing import Any

from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.errors import NotFound
from fusioncmd.messages import ANSWERED, RECEIVED, Mark, Presence, Receipts, Selector, encode
from fusioncmd.pages import is_built
from loadtest import harness, measure
from loadtest.harness import Running
from loadtest.output import Result, note, show
from loadtest.scenario import Campaign

NAME = "played-0"
EVERY_S = 0.5
WARM_S = 20.0  # until what is loaded late is loaded
BRANCHES = 8  # cities whose counties are open in the tree
ARGUMENTS = ("--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
             "--ignore-gpu-blocklist", "--enable-precise-memory-info")  # fmt: skip
LONG_TASKS = """() => {
  window.long = 0;
  new PerformanceObserver((list) => { window.long += list.getEntries().length; }).observe({ type: "longtask" });
}"""
PAINTS = (  # marks of the browser, and of the page (console/scene.ts, CountyMap.vue)
    ("first-contentful-paint", "first contentful paint"), ("figures", "the order's figures are there"),
    ("map", "the map is drawn, without a GPU"),
)  # fmt: skip
PAINT_MS_MAX, RELOADS = 1_000.0, 5
UPDATE_MS_MAX = 50.0  # a task of the main thread that is longer is one that people feel (W3C, Long Tasks)
GROWTH_MIB_MAX = 20.0


async def run(given: argparse.Namespace) -> Result:
    if not is_built("console"):
        raise NotFound("The console's page is not built: make pages.", "指挥台页面尚未构建：make pages。")
    conditions = {"people": given.people, "minutes": given.minutes, "every": EVERY_S, "screen": "1920×1080"}
    result = Result("console", measure.conditions() | conditions)
    with harness.scratch() as folder:
        async with harness.running(folder, 0, note, played=1, console=True) as tier:
            note(f"importing {given.people:,} people …")
            await tier.fill(given.people, given.seed)
            people = await tier.people()
            numbers = [number for number, _ in tier.tickets(people, given.people)]
            here = asyncio.create_task(_present(tier, BitMap(numbers)))
            issued = await Campaign(tier.commander, people).issue(
                text="防汛应急响应启动，请立即到岗并答复。", answers=("到岗", "在途", "需要支援"),
                audience=Selector(("44",)), status="exercise",
            )  # fmt: skip
            answering = asyncio.create_task(_answer(tier, issued.order.id, numbers, given))
            try:
                await _watch(tier, given, result)
            finally:
                here.cancel()
                answering.cancel()
                await asyncio.gather(here, answering, return_exceptions=True)
    return result


async def _present(tier: Running, everyone: BitMap) -> None:
    data = encode(Presence(NAME, "responder", everyone.serialize()))
    while True:
        await tier.played[NAME].say(subjects.presence(NAME), data)
        await asyncio.sleep(1)


async def _answer(tier: Running, order: bytes, numbers: list[int], given: argparse.Namespace) -> None:
    """Spread evenly over people and over the time that is watched, in no order of places."""
    rng = random.Random(given.seed)
    rng.shuffle(numbers)
    steps = int((given.minutes * 60 + 2 * WARM_S) / EVERY_S)
    each = -(-len(numbers) // steps)
    for start in range(0, len(numbers), each):
        received = BitMap(numbers[start : start + each]).serialize()
        answered = BitMap(numbers[start : start + each : 2]).serialize()
        marks = (Mark(order, RECEIVED, None, received), Mark(order, ANSWERED, rng.randrange(3), answered))
        await tier.played[NAME].store(subjects.receipt(NAME), encode(Receipts(NAME, marks)))
        await asyncio.sleep(EVERY_S)


async def _watch(tier: Running, given: argparse.Namespace, result: Result) -> None:
    from playwright.async_api import async_playwright  # of those who develop: nothing else of loadtest needs a browser

    assert tier.tier.console is not None
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(ARGUMENTS))
        page = await chromium.new_page(viewport={"width": 1920, "height": 1080}, locale="zh-CN")
        await page.goto(tier.tier.console.url)
        keys = tier.tier.data / "keys"
        await page.locator("input[type=file]").set_input_files(
            [keys / "office.exercise.key", keys / "office.exercise.grants"]
        )
        await page.locator(".canvas[data-ready]").wait_for(timeout=60_000)
        await _first_paint(page, result)
        for _ in range(BRANCHES):
            await page.locator(".tree [aria-level='2'][aria-expanded=false] .twist").first.click()
        probe = await page.context.new_cdp_session(page)
        await _measure(page, probe, given, result)
        await chromium.close()


async def _first_paint(page: Any, result: Result) -> None:
    """Of who is logged in and opens the page again: until something is drawn, until figures are, and the map. The best
    of a few: the browser shares its cores with the whole tier, and whoever answers."""
    found: dict[str, list[float]] = {name: [] for name, _ in PAINTS}
    for _ in range(RELOADS):
        await page.reload()
        await page.locator(".canvas[data-ready]").wait_for(timeout=60_000)
        for name, times in found.items():
            times.append(await page.evaluate(f"performance.getEntriesByName('{name}')[0].startTime"))
    for name, words in PAINTS:
        after_ms = min(found[name])
        result.add(words, after_ms, "ms")
        if name != "map" and after_ms > PAINT_MS_MAX:
            result.failures.append(f"It took {after_ms:.0f} ms: {words}.")


async def _measure(page: Any, probe: Any, given: argparse.Namespace, result: Result) -> None:
    updates = [0]

    def came(message: dict[str, Any]) -> None:
        updates[0] += message["eventName"] == "tally" and message["data"].startswith('{"node":"44",')

    await asyncio.sleep(WARM_S)
    await probe.send("Network.enable")
    await probe.send("Performance.enable", {"timeDomain": "threadTicks"})  # its own time, whoever else has the core
    probe.on("Network.eventSourceMessageReceived", came)
    await page.evaluate(LONG_TASKS)
    heap = await _heap(probe)
    before, began_s = await _metrics(probe), time.monotonic()
    await asyncio.sleep(given.minutes * 60)
    after, took_s = await _metrics(probe), time.monotonic() - began_s
    count = max(updates[0], 1)
    long = int(await page.evaluate("window.long"))
    spent = {name: 1000 * (after[name] - before[name]) / count for name in before if name.endswith("Duration")}
    result.add("updates of the whole tree", updates[0])
    result.add("updates per second", updates[0] / took_s)
    result.add("scripting per update", spent["ScriptDuration"], "ms")
    result.add("style and layout per update", spent["RecalcStyleDuration"] + spent["LayoutDuration"], "ms")
    result.add("all of the main thread per update, paint too", spent["TaskDuration"], "ms")
    result.add("tasks longer than 50 ms", long)
    grown = (await _heap(probe) - heap) / 2**20
    result.add("heap at first, collected", heap / 2**20, "MiB")
    result.add(f"heap grown in {given.minutes:g} min, collected", grown, "MiB")
    result.add("elements of the document", after["Nodes"])
    if updates[0] / took_s < 1 / (2 * EVERY_S):
        result.failures.append(f"Only {updates[0] / took_s:.1f} updates a second came.")
    if spent["TaskDuration"] > UPDATE_MS_MAX:
        result.failures.append(f"An update takes the main thread {spent['TaskDuration']:.0f} ms.")
    if grown > GROWTH_MIB_MAX:
        result.failures.append(f"The heap grew by {grown:.0f} MiB.")


async def _heap(probe: Any) -> float:
    await probe.send("HeapProfiler.collectGarbage")
    return (await _metrics(probe))["JSHeapUsedSize"]


async def _metrics(probe: Any) -> dict[str, float]:
    found = await probe.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in found["metrics"]}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--people", type=int, default=840_000)
    parser.add_argument("--minutes", type=float, default=10, help="how long it is watched [10]")
    parser.add_argument("--seed", type=int, default=1)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)
