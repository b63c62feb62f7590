"""A tier that takes alarms in, as `alarms` needs it: its sources, playbooks and map, and a key that orders by itself.

Every county has a square of a grid with so many corners that all of them together have those of the real map; every
town lies in its county's square. What is pushed goes by HTTP/1.1, one question after the other on each connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fusioncmd import divisions
from fusioncmd.alarm import passwords
from fusioncmd.bus import users
from fusioncmd.cli.alarm_way import Alarms
from fusioncmd.codes import Tier
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Unavailable
from fusioncmd.ground import COUNTIES, TOWNS
from fusioncmd.roster.sample import sample_rows
from fusioncmd.trust import ring
from loadtest import harness
from loadtest.deputies import make_deputy
from loadtest.harness import Running, free_ports
from loadtest.mqtt import Sensor, connected

TOKEN, KEY = "weather-of-the-load-test-0123", "hooks-of-the-load-test-01234567"
LIMIT = 100.0
SQUARE_DEG, CORNERS = 0.5, 170  # 124 counties with 21,000 corners, as the real map has
WEST, SOUTH, ACROSS = 109.0, 20.0, 16
SENSORS_AT_ONCE = 50
REPLY_S_MAX = 30.0
PLAYBOOKS = """
[[playbook]]
name = "at-once"
when = {events = ["gas", "smoke", "met"], severity = "severe"}
then = "issue"
second_look = false
once_s = 0
call = {text = "{headline}", answers = ["here"]}
[[playbook]]
name = "look-first"
when = {events = ["storm"]}
call = {text = "{headline}", answers = ["here"]}
"""
ALERT = """<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>%s</identifier><sender>cma@load.test</sender>
<sent>%s</sent><status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
<info><language>zh-CN</language><category>Met</category><event>rain</event><urgency>Immediate</urgency>
<severity>Extreme</severity><certainty>Observed</certainty><headline>%s</headline>
<area><areaDesc>here</areaDesc><circle>%f,%f 0.1</circle></area></info></alert>"""


@dataclass(slots=True)
class World:
    """`town`: whose people the terminal is one of; `at`: its point."""

    running: Running
    alarms: Alarms
    passwords: dict[str, str]
    town: str
    at: tuple[float, float]

    async def sensors(self) -> list[Sensor]:
        room = asyncio.Semaphore(SENSORS_AT_ONCE)

        async def one(name: str) -> Sensor:
            async with room:
                return await self.sensor(name)

        return await asyncio.gather(*map(one, self.passwords))

    async def sensor(self, name: str) -> Sensor:
        return await connected(name, self.passwords[name], self.alarms.mqtt)


class Poster:
    """One connection of HTTP/1.1 to the gateway of alarms. Unavailable when it ends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def post(self, path: str, header: str, body: bytes) -> int:
        """The status."""
        head = f"POST {path} HTTP/1.1\r\nHost: load.test\r\n{header}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(REPLY_S_MAX):
                reply = await self._reader.readuntil(b"\r\n\r\n")
                size = next(
                    int(line[15:]) for line in reply.split(b"\r\n") if line.lower().startswith(b"content-length:")
                )
                await self._reader.readexactly(size)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            raise Unavailable("The gateway of alarms does not answer.", "预警网关没有应答。") from None
        return int(reply.split(b" ", 2)[1])

    async def hook(self, source: str, said: dict[str, object]) -> int:
        body, at_s = json.dumps(said).encode(), int(time.time())
        tag = hmac.new(KEY.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
        return await self.post(f"/alarms/hook/{source}", f"Fusion-Signature: t={at_s},v1={tag}", body)

    async def cap(self, ident: str, headline: str, at: tuple[float, float]) -> int:
        body = ALERT % (ident, datetime.now(UTC).isoformat(timespec="seconds"), headline, *at)
        return await self.post("/alarms/cap/weather", f"Authorization: Bearer {TOKEN}", body.encode())

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def posting(port: int) -> AsyncIterator[Poster]:
    """Connected while the block runs."""
    made = Poster(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield made
    finally:
        made.close()


@asynccontextmanager
async def world(folder: Path, sensors: int, people: int, seed: int) -> AsyncIterator[World]:
    """A province's tier with one gateway, while the block runs."""
    http, mqtt = free_ports(2)
    places = divisions.guangdong()
    points = write_map(folder, places)
    town = next(village[:9] for _, _, _, village, _ in sample_rows(places, people, seed))
    names = [f"s-{i}" for i in range(sensors)]
    (folder / "alarms.toml").write_text(_sources(names, town, points[town]), "utf-8")
    (folder / "alarms.toml").chmod(0o600)
    (folder / "playbooks.toml").write_text(PLAYBOOKS, "utf-8")
    bus = users.folder_of(folder)
    bus.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = {name: passwords.make(bus, name) for name in names}
    way = Alarms("127.0.0.1", http, mqtt, folder)
    async with harness.running(folder, 1, alarms=way) as tier:
        make_deputy(ring.folder_of(folder), folder / "auto", "Playbooks")
        await tier.fill(people, seed)
        yield World(tier, way, secrets, town, points[town])


def write_map(folder: Path, places: Divisions) -> dict[str, tuple[float, float]]:
    """The files of counties and towns in a new folder; each town's point."""
    folder.mkdir(mode=0o700)
    features, rows = [], ["code,lat,lon"]
    points: dict[str, tuple[float, float]] = {}
    counties = sorted({town.code[:6] for town in places.towns})
    for i, county in enumerate(counties):
        south, west = SOUTH + SQUARE_DEG * (i // ACROSS), WEST + SQUARE_DEG * (i % ACROSS)
        ring_ = _ring(south, west)
        features.append({"type": "Feature", "properties": {"code": county},
                         "geometry": {"type": "Polygon", "coordinates": [ring_]}})  # fmt: skip
        towns = [town.code for town in places.towns if town.code[:6] == county and town.tier == Tier.TOWN]
        side = math.isqrt(len(towns)) + 1
        for n, code in enumerate(towns):
            lat = south + SQUARE_DEG * (n // side + 0.5) / side
            points[code] = lat, west + SQUARE_DEG * (n % side + 0.5) / side
            rows.append(f"{code},{lat:.6f},{points[code][1]:.6f}")
    (folder / COUNTIES).write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (folder / TOWNS).write_text("\n".join(rows))
    return points


def _ring(south: float, west: float) -> list[list[float]]:
    """Around a square, with its sides cut into many."""
    side = CORNERS // 4
    cut = [SQUARE_DEG * i / side for i in range(side)]
    corners = [[west + x, south] for x in cut] + [[west + SQUARE_DEG, south + y] for y in cut]
    corners += [[west + SQUARE_DEG - x, south + SQUARE_DEG] for x in cut]
    corners += [[west, south + SQUARE_DEG - y] for y in cut]
    return [*corners, corners[0]]


def _sources(names: list[str], town: str, at: tuple[float, float]) -> str:
    """All are of one town: alarms of it come to the same terminal."""
    lines = [f'[[cap]]\nname = "weather"\ntoken = "{TOKEN}"\nevents = {{"rain" = "met"}}']
    lines += [
        f'[[hook]]\nname = "{name}"\nkey = "{KEY}"\nat = "{town}"\nevent = "{event}"\nseverity = "severe"'
        for name, event in (("towers", "smoke"), ("storm", "storm"))
    ]
    gas = f'{{event = "gas", unit = "%LEL", silent_s = 30, limits = [{{severity = "severe", above = {LIMIT}}}]}}'
    lines += [f'[[sensor]]\nname = "{name}"\nat = "{town}"\nseries.gas = {gas}' for name in names]
    return "\n".join(lines)
