"""`make screenshots`: a picture of the console of a real tier to which alarms come, one of them looked at."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser import built, chromium
from tests.console_pictures import PICTURES, WEBGL, smaller
from tests.smoke.alarm_tier import Tier
from tests.smoke.conftest import filled

PLAYBOOK = """
[[playbook]]
name = "forest-fire"
when = {events = ["fire"], severity = "severe"}
cameras = 2
[playbook.call]
text = "{where}：{headline}。请护林员和网格员立即到现场核实、报告，并准备转移周边群众。"
roles = ["forest-fire", "grid-worker"]
answers = ["已到岗", "正在赶赴", "需要支援"]
level = "county"
"""
FIRE = {
    "about": "tower-11", "headline": "火炉山林区冒烟", "event": "fire", "severity": "severe", "certainty": "likely",
    "urgency": "immediate", "lat": 23.1862, "lon": 113.3941, "radius_m": 900, "at": "440106", "place": "hill-2",
    "text": "瞭望塔识别到白色烟柱，持续 3 分钟，风向东南。",
    "evidence": [["reading", "烟雾 0.94，风速 4.2 m/s"], ["text", "护林员报告可见明火"]],
}  # fmt: skip
OTHERS = (
    ("gas", "severe", "3 号储罐气体浓度 35.5 %LEL", "440112"), ("flood", "moderate", "水位超警戒 0.4 米", "441802"),
    ("landslide", "severe", "边坡位移 32 毫米", "441423"), ("flood", "minor", "积水 22 厘米", "440305"),
    ("thunderstorm", "moderate", "雷电黄色预警", "4417"), ("smoke", "minor", "厂房烟感报警", "440604"),
    ("rainstorm", "moderate", "暴雨黄色预警", "4408"), ("gas", "moderate", "管廊甲烷 1.1 %", "441303"),
)  # fmt: skip
KINDS = {"enterprise": "化工企业", "hazard": "滑坡隐患点", "protected": "学校", "camera": "球机"}


def fill(tier: Tier, folder: Path) -> None:
    rng, process = random.Random(5), tier.process
    people = process.ask("roster", "find", "", "--node", "440106", "--limit", 30)["people"]
    rows = [f"hill-2,火炉山森林公园,protected,440106,23.1862,113.3941,1200,{people[0]['id']},44.01.06.hill-2"]
    for i in range(110):
        kind = rng.choice(list(KINDS))
        at = f"{23.16 + rng.gauss(0, 0.05):.5f},{113.38 + rng.gauss(0, 0.07):.5f}"
        rows.append(f"p{i},{KINDS[kind]} {i},{kind},440106,{at},0,{rng.choice(people)['id']},")
    file = folder / "places.csv"
    file.write_text("\n".join(["id,name,kind,node,lat,lon,radius_m,people,cameras", *rows]), "utf-8")
    assert process.ask("places", "import", file)["added"] == len(rows)
    for i, (event, severity, headline, at) in enumerate(OTHERS):
        body = {"about": f"o{i}", "headline": headline, "event": event, "severity": severity, "at": at}
        assert tier.hook(body, time.time())[0] == 202
    assert tier.hook(FIRE, time.time())[0] == 202


def take(tier: Tier, browser: Browser, folder: Path) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN", color_scheme="dark")
    page.goto(f"http://127.0.0.1:{tier.process.console_port}/")
    names = [f"office.{mode}.{kind}" for mode in ("exercise", "actual", "admin") for kind in ("key", "grants")]
    page.locator("input[type=file]").set_input_files([tier.process.data / "keys" / name for name in names])
    page.locator(".canvas[data-ready]").wait_for(timeout=60_000)
    page.get_by_role("button", name="场所", exact=True).click()
    page.locator("button.alarms").click()
    page.locator("aside .alarm", has_text="火炉山").click()
    expect(page.get_by_role("article", name="预警详情")).to_contain_text("forest-fire")
    page.wait_for_timeout(2_000)
    page.screenshot(path=folder / "console-alarm.png")
    smaller(folder / "console-alarm.png")


if __name__ == "__main__":
    built("console")
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        tier = Tier(root)
        tier.options = ("--gateways", 1, "--alarms", f"http={tier.http}")
        (root / "data" / "counties.geojson").unlink()  # the console's own map
        with (root / "data" / "playbooks.toml").open("a", encoding="utf-8") as playbooks:
            playbooks.write(PLAYBOOK)
        with filled(root, *tier.options, console=True) as tier.process:
            fill(tier, root)
            with chromium(*WEBGL) as browser:
                take(tier, browser, target)
