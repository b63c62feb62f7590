"""A tier that alarms come into, for stories: its sources, places and playbooks, and those who say something to it."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.alerts import NEAR, alert
from tests.nats_server import free_port
from tests.tier_process import TierProcess, until

TOKEN, KEY = "weather-0123456789abcdef0123", "towers-0123456789abcdef01234"
TOWNS = {"440106001": (23.15, 113.35), "440106002": (23.17, 113.39), "440103001": (23.12, 113.24)}
SOURCES = f"""
[[cap]]
name = "weather"
token = "{TOKEN}"
events = {{"暴雨" = "rainstorm"}}
[[cap]]
name = "river"
feed = "http://127.0.0.1:%d/feed.atom"
every_s = 5
[[hook]]
name = "towers"
key = "{KEY}"
at = "440106001"
event = "smoke"
[[sensor]]
name = "tank-17"
at = "440106001"
title = "3号罐"
series.gas = {{event = "gas", unit = "%%LEL", limits = [{{severity = "severe", above = 20, back = 5}}]}}
[[sensor]]
name = "dam-3"
where = [23.171, 113.391]
series.water = {{event = "flood", unit = "m", limits = [{{severity = "extreme", above = 4.5}}]}}
[[sensor]]
name = "tower-5"
place = "farm-5"
series.smoke = {{event = "fire", limits = [{{severity = "severe", above = 20}}]}}
"""
PLAYBOOKS = """
[[playbook]]
name = "gas-leak"
when = {events = ["gas"], severity = "severe"}
call = {text = "{where}：{reading}，请疏散。", answers = ["已疏散", "需要支援"]}
[[playbook]]
name = "dam"
when = {events = ["flood"]}
then = "issue"
second_look = false
call = {text = "{headline}", answers = ["收到"]}
[[playbook]]
name = "chemical-fire"
when = {events = ["fire"], places = ["enterprise"]}
cameras = 1
call = {text = "{place}起火，请疏散。", answers = ["已疏散", "需要支援"]}
[[playbook]]
name = "tower-smoke"
when = {events = ["smoke"], places = ["enterprise"]}
cameras = 1
experts = [{field = "化工", count = 1}]
experts_km = 30
[playbook.call]
text = "{place}：{headline}"
answers = ["已到岗", "需要支援"]
roles = ["flood"]
level = "county"
responsible = true
"""
PLACES = """id,name,kind,node,lat,lon,radius_m,people,cameras
farm-5,南方化工,enterprise,440106001,23.15,113.35,300,13800000001,44.01.06.gate-1
school-1,五山小学,protected,440106001,23.151,113.352,,,
"""


class Tier:
    """`http` and `mqtt` are where alarms come in; `feed` is what the river's feed says."""

    def __init__(self, folder: Path) -> None:
        self.http, self.mqtt, self.river = free_port(), free_port(), free_port()
        self.films = shutil.which("ffmpeg") is not None
        self.feed: dict[str, bytes] = {"/feed.atom": b'<feed xmlns="http://www.w3.org/2005/Atom"/>'}
        data = folder / "data"
        data.mkdir()
        (data / "alarms.toml").write_text(SOURCES % self.river, "utf-8")
        (data / "alarms.toml").chmod(0o600)
        (data / "playbooks.toml").write_text(PLAYBOOKS, "utf-8")
        ring = [[113.3, 23.1], [113.5, 23.1], [113.5, 23.3], [113.3, 23.3], [113.3, 23.1]]
        beside = [[x - 0.2, y] for x, y in ring]
        features = [
            {"type": "Feature", "properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": [at]}}
            for code, at in (("440106", ring), ("440103", beside))
        ]
        (data / "counties.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        rows = [f"{code},{lat},{lon}" for code, (lat, lon) in TOWNS.items()]
        (data / "towns.csv").write_text("\n".join(["code,lat,lon", *rows]))
        self.options: tuple[object, ...] = ("--gateways", 1, "--alarms", f"http={self.http},mqtt={self.mqtt}")
        if self.films:
            port = free_port()
            self.options += "--cameras", f"{port}-{port}", "--video", free_port(), "--keep-gib", 0
        self.process: TierProcess
        self.passwords: dict[str, str] = {}

    def publish(self, sensor: str, series: str, value: object, password: str = "", as_: str = "") -> int:
        """By a real client of MQTT; its exit status."""
        topic = f"sensor/{as_ or sensor}/{series}"
        secret = password or self.passwords[sensor]
        return subprocess.run(
            ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.mqtt), "-u", sensor, "-P", secret, "-i", sensor,
             "-q", "1", "-t", topic, "-m", str(value)], capture_output=True, timeout=40,
        ).returncode  # fmt: skip

    def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", body, named)
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    def hook(self, body: dict[str, Any], at_s: float, key: str = KEY) -> tuple[int, Any]:
        data, stamp = json.dumps(body).encode(), str(int(at_s))
        tag = hmac.new(key.encode(), f"{stamp}.".encode() + data, hashlib.sha256).hexdigest()
        return self.post("/alarms/hook/towers", data, Fusion_Signature=f"t={stamp},v1={tag}")

    def cap(self, ident: str, polygon: str = NEAR, kind: str = "Alert", refs: str = "") -> tuple[int, Any]:
        return self.post("/alarms/cap/weather", alert(ident, polygon, kind, refs), Authorization=f"Bearer {TOKEN}")

    def alarm(self, event: str) -> Any:
        """The newest of that kind."""
        return until(lambda: next((line for line in self.process.ask("alarms", "list")["lines"]
                                   if line["alarm"]["event"] == event), None))  # fmt: skip

    def until_decided(self, ident: str, what: str) -> Any:
        def found() -> Any:
            line = self.process.ask("alarms", "show", ident)["line"]
            return next((each for each in line["decided"] if each["what"] == what), None)

        return until(found)
