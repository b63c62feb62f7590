"""Alarms from outside: a sensor, the weather service, a signed hook; looked at, and people called."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.alerts import ABROAD, alert
from tests.cameras import Pusher, ffmpeg
from tests.smoke.alarm_tier import KEY, PLACES, Tier
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.handset import Handset
from tests.smoke.test_story_confirm import typed_at_a_terminal
from tests.test_tidy import ROOT
from tests.tier_process import until

COUNTY, TOWN = "440106", "440106001"
PLANT = "id,name,kind,node,lat,lon,radius_m,people,cameras\nplant-7,南方石化,enterprise,440106001,23.16,113.36,300"
EXPERTS = """id,name,phone,place,fields,organisation,lat,lon
e1,李一,13800000011,4401,化工,院一,23.15,113.35
e2,李二,13800000012,4401,化工,南方石化,23.15,113.35
e3,李一三,13800000013,4401,化工,院三,23.15,113.35
"""


@pytest.fixture(scope="module")
def tier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tier]:
    if shutil.which("mosquitto_pub") is None:
        missing = "mosquitto_pub is not installed (Debian: mosquitto-clients)"
        assert "FUSIONCMD_MQTT" not in os.environ, missing
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("alarms")
    tier = Tier(folder)

    class Feed(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = tier.feed.get(self.path)
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            pass

    river = http.server.ThreadingHTTPServer(("127.0.0.1", tier.river), Feed)
    threading.Thread(target=river.serve_forever, daemon=True).start()
    with filled(folder, *tier.options) as tier.process:
        for name in ("tank-17", "dam-3", "tower-5"):
            tier.passwords[name] = tier.process.ask("alarms", "sensor", name, "--data", tier.process.data)["password"]
        # The first sensor of all, while the server still reads the new passwords, may wait 10 s and be let go once.
        until(lambda: tier.publish("dam-3", "water", 1.0) == 0, wait_s=40.0)
        yield tier
    river.shutdown()
    river.server_close()


def test_a_sensors_limit_is_looked_at_and_those_who_are_near_are_called_with_one_touch(tier: Tier) -> None:
    assert tier.publish("tank-17", "gas", 12) == 0 and tier.publish("tank-17", "gas", 35.5) == 0
    line = tier.alarm("gas")
    ident = line["alarm"]["id"]
    assert (line["standing"], line["alarm"]["nodes"]) == ("open", ["440106001"])
    tier.until_decided(ident, "waits")
    number, ticket = next(iter(tickets_of(tier.process, "440106001", 1).items()))
    with Handset(tier.process.terminals, ticket) as device:
        tier.process.ask("alarms", "confirm", ident, "--text", "电话核实")
        tier.until_decided(ident, "prepared")
        code, said = typed_at_a_terminal(tier.process, "y", "alarms", "issue", ident)  # it is an actual one
        assert code == 1 and "Type " in said and "not confirmed" in said
        issued = tier.process.ask("alarms", "issue", ident)
        order = device.order("五山街道：3号罐 gas 35.5 %LEL，请疏散。")
        assert order.answers == ("已疏散", "需要支援") and order.audience.nodes == ("440106001",)
        device.answer(order, "需要支援")
    until(lambda: tier.process.ask("watch", issued["id"], "--once")["total"]["answered"] == 1)
    assert tier.process.ask("alarms", "issue", ident)["id"] == issued["id"]  # a second touch is the same order
    assert number


def test_a_sensor_that_says_only_a_place_calls_those_of_its_node_by_its_name(tier: Tier) -> None:
    places = tier.process.data.parent / "places.csv"
    places.write_text(PLACES + "school-2,,protected,440106001,,,,,\n", "utf-8")
    assert "Line 4" in tier.process.here("places", "import", places).err
    assert not tier.process.ask("places", "find")["lines"]  # all or nothing
    places.write_text(PLACES, "gb18030")
    assert tier.process.ask("places", "import", places)["added"] == 2
    near = tier.process.ask("places", "near", "23.151,113.352", "--within", 1)["lines"]
    assert [line["place"]["id"] for line in near] == ["school-1", "farm-5"]
    assert tier.publish("tower-5", "smoke", 60) == 0
    ident = tier.alarm("fire")["alarm"]["id"]
    tier.until_decided(ident, "waits")
    reply = tier.process.ask("alarms", "show", ident)
    (ready,) = reply["applies"]
    assert ready["draft"]["text"] == "南方化工起火，请疏散。" and ready["draft"]["audience"]["nodes"] == ["440106001"]
    assert reply["cameras"] == ready["cameras"] == ["44.01.06.gate-1"] and ready["people"] > 0
    found = tier.process.ask("audit", "list", "--deed", "place")
    assert found and "13800000001" in tier.process.here("alarms", "show", ident).out


def test_without_a_hand_where_a_commander_granted_a_key_for_that(tier: Tier) -> None:
    data, folder = tier.process.data, tier.process.data.parent
    asked, granted = folder / "auto.request.json", folder / "auto.granted.json"
    tier.process.ask("keys", "request", "--holder", "Playbooks", "--keys", data / "auto", "--out", asked)
    tier.process.ask("keys", "grant", asked, "--path", "4401", "--by", "root", "--out", granted)
    tier.process.ask("keys", "take", granted, "--keys", data / "auto")
    _, ticket = next(iter(tickets_of(tier.process, "440106002", 1).items()))
    with Handset(tier.process.terminals, ticket) as device:
        assert tier.publish("dam-3", "water", '{"value": 4.8}') == 0
        order = device.order("dam-3 water 4.8 m 超过上限 / above its limit")
        assert order.issuer == "Playbooks" and order.severity == "extreme"
    decided = tier.until_decided(tier.alarm("flood")["alarm"]["id"], "issued")
    assert decided["by"] == "playbook:dam"


def test_an_alert_of_the_weather_service_means_the_towns_in_its_polygon_and_no_others(tier: Tier) -> None:
    assert tier.cap("R1") == (202, {"alarms": 1})
    line = tier.alarm("rainstorm")
    assert line["alarm"]["nodes"] == ["440106001", "440106002"] and line["gravest"] == "extreme"
    tried = tier.process.data.parent / "rain.toml"
    tried.write_text(
        '[[playbook]]\nname = "rain"\nwhen = {events = ["rainstorm"]}\ncall = {text = "{headline}"}\n', "utf-8"
    )
    (would,) = tier.process.ask("alarms", "dry", tried)["lines"]
    assert would["applies"]["draft"]["audience"]["nodes"] == ["440106001", "440106002"]
    sent = datetime.now(UTC).isoformat(timespec="seconds")
    assert tier.cap("R2", kind="Cancel", refs=f"<references>cma@gd.cn,R1,{sent}</references>") == (202, {"alarms": 1})
    until(lambda: tier.alarm("rainstorm")["standing"] == "over")
    for status, body, words in (
        (422, tier.cap("R3", ABROAD), "It means no place of this tier"),
        (422, tier.cap("R4", kind="Cancel", refs=f"<references>x,unknown,{sent}</references>"), "never came here"),
        (401, tier.post("/alarms/cap/weather", alert("R5"), Authorization="Bearer x"), "token"),
    ):  # fmt: skip
        assert body[0] == status and words in body[1]["en"]


def test_a_feed_is_polled_and_what_it_links_is_read_once(tier: Tier) -> None:
    tier.feed["/a.xml"] = alert("F1", "23.11,113.23 23.13,113.23 23.13,113.25 23.11,113.23").replace(b"Met", b"Geo")
    entry = "<entry><id>F1</id><updated>1</updated><link type='application/cap+xml' href='a.xml'/></entry>"
    away = "<entry><id>X</id><link href='http://127.0.0.2:1/b.xml'/></entry>"
    tier.feed["/feed.atom"] = f'<feed xmlns="http://www.w3.org/2005/Atom">{away}{entry}</feed>'.encode()
    found = until(lambda: [line for line in tier.process.ask("alarms", "list")["lines"]
                           if line["alarm"]["source"] == "cap.river"], 15.0)  # fmt: skip
    assert [line["alarm"]["nodes"] for line in found] == [["440103001"]]


def test_what_is_said_by_others_or_again_or_in_another_name_is_not_taken(tier: Tier) -> None:
    body, now_s = {"about": "t1", "headline": "烟雾"}, time.time()
    assert tier.hook(body, now_s) == (202, {"alarms": 1})
    for status, words in (
        (tier.hook(body, now_s), "came before"), (tier.hook(body, now_s - 86_400), "a clock is wrong"),
        (tier.hook(body, now_s, KEY[::-1]), "not of this hook's key"), (tier.hook({"about": "t"}, now_s), "headline"),
    ):  # fmt: skip
        assert status[0] in (400, 401) and words in status[1]["en"]
    assert tier.publish("tank-17", "gas", 1, password="x" * 26) != 0
    before = [line["alarm"]["event"] for line in tier.process.ask("alarms", "list")["lines"]]
    for strange in ("", "NaN", "{}", "9" * 600, "[1]", "水"):
        assert tier.publish("tank-17", "gas", strange) == 0
    tier.publish("tank-17", "water", 99, as_="dam-3")  # NATS takes no such thing, whatever it tells the client
    time.sleep(0.3)
    events = [line["alarm"]["event"] for line in tier.process.ask("alarms", "list")["lines"]]
    assert len(events) <= len(before) + 1 and events.count("flood") == before.count("flood")


def test_smoke_at_a_tower_calls_posts_town_and_enterprise_shows_the_camera_and_draws_experts(tier: Tier) -> None:
    if not tier.films:
        pytest.skip("ffmpeg is not installed here")
    ask, folder = tier.process.ask, tier.process.data.parent
    posts = {
        p["number"] for p in ask("roster", "find", "", "--node", COUNTY, "--role", "flood", "--limit", 200)["people"]
    }
    others = [
        p for p in ask("roster", "find", "", "--node", COUNTY, "--limit", 200)["people"] if p["number"] not in posts
    ]
    owner, stranger, *_ = sorted(others, key=lambda person: person["place"][:9] != TOWN)
    (folder / "plant.csv").write_text(f"{PLANT},{owner['id']},44.01.06.001.tower\n", "utf-8")
    ask("places", "import", folder / "plant.csv")
    (folder / "experts.csv").write_text(EXPERTS, "utf-8")
    ask("experts", "import", folder / "experts.csv")
    tickets = tickets_of(tier.process, COUNTY, len(posts) + len(others))
    clip = folder / "smoke.mp4"
    subprocess.run(ffmpeg("-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=60", "-c:v", "libx264",
                          "-preset", "ultrafast", "-g", 10, clip), check=True, timeout=30)  # fmt: skip
    push_to = ask("cameras", "add", "tower", "--place", TOWN, "--push", "rtmp")["push_to"]
    with (
        Pusher(clip, "flv", push_to),
        Handset(tier.process.terminals, tickets[owner["number"]]) as enterprise,
        Handset(tier.process.terminals, tickets[min(posts)]) as post,
        Handset(tier.process.terminals, tickets[stranger["number"]]) as nobody,
    ):
        until(lambda: ask("cameras", "list")["cameras"][0]["state"] == "playing", 30.0)
        said = {"about": "tower-9", "headline": "烟雾", "lat": 23.16, "lon": 113.36, "evidence": [["video", "tower"]]}
        began_s = time.monotonic()
        assert tier.hook(said, time.time()) == (202, {"alarms": 1})
        line = until(lambda: next((one for one in ask("alarms", "list")["lines"]
                                   if one["alarm"]["about"] == "tower-9"), None))  # fmt: skip
        ident = line["alarm"]["id"]
        tier.until_decided(ident, "waits")
        ask("alarms", "confirm", ident, "--text", "画面属实")
        tier.until_decided(ident, "prepared")
        issued = ask("alarms", "issue", ident, "--playbook", "tower-smoke")
        for device in (enterprise, post):
            device.answer(device.order("南方石化：烟雾"), "已到岗")
        assert time.monotonic() - began_s < 10.0  # of which most is commands that begin
        total = until(lambda: (now := ask("watch", issued["id"], "--once")["total"])["answered"] == 2 and now)
        assert total["targeted"] == len(posts) + 1 and not nobody.said
        assert tier.until_decided(ident, "shown")["words"][0] == "44.01.06.001.tower"
        drawn = tier.until_decided(ident, "drawn")
        assert ask("video", "list")["shown"]["source"] == "44.01.06.001.tower"
    draw = ask("experts", "draws", drawn["draw"])
    assert draw["record"]["order"] == issued["id"] and "李一" in drawn["words"][1]
    assert draw["record"]["listed"]["excluded"] == {"e2": "conflict: 南方石化"}
    ask("experts", "note", drawn["draw"], draw["lines"][0]["id"], "declined")
    declined = ask("experts", "draws", drawn["draw"])
    ids = [each["lines"][0]["id"] for each in (draw, declined)]
    assert [replayed(each)["化工"] for each in (draw, declined)] == [ids[:1], ids[1:]]
    assert replayed(draw)["official"] == [draw["official"]] and ids[0] != ids[1]
    tier.process.here("experts", "draws", drawn["draw"], "--out", folder / "draw.json")
    assert replayed(json.loads((folder / "draw.json").read_text("utf-8"))) == replayed(declined)
    report = ask("report", issued["id"])
    assert report["alarms"][0]["alarm"]["id"] == ident and report["draws"][0]["record"]["id"] == drawn["draw"]
    told = tier.process.here("report", issued["id"]).out
    for words in (ident, "playbook tower-smoke", "44.01.06.001.tower", drawn["draw"], "李"):
        assert words in told


def replayed(draw: object) -> dict[str, list[str]]:
    """By the script of PROTOCOL.md, as it stands there."""
    script = re.search(r"```python replay\n(.*?)```", (ROOT / "PROTOCOL.md").read_text("utf-8"), re.DOTALL)
    assert script is not None
    ran = subprocess.run([sys.executable, "-I", "-X", "utf8", "-c", script[1]], input=json.dumps(draw).encode(),
                         capture_output=True, check=True, timeout=20)  # fmt: skip
    rows = [row.split() for row in ran.stdout.decode().splitlines()]
    return {row[0]: row[1:] for row in rows}
