"""The gateway of positions with its sockets: who hears of whom, and what is not taken is counted and told."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing

import pytest

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.networks import LOOPBACK, read_networks
from fusioncmd.track import counts
from fusioncmd.track.position import Track, decode, degrees, encode
from gateways.track import cot
from gateways.track.bounds import CLIENT_UNITS_MAX, EVENTS_BURST, UNREAD_MAX
from gateways.track.events import DELETED, unit_of
from gateways.track.gateway import Gateway
from tests.nats_server import free_port, until
from tests.tak import Drone, TakClient, event

COUNTY, AT = "440106", (23.1291, 113.3644)


class Here:
    """A gateway on the memory bus, with its sockets."""

    def __init__(self) -> None:
        self.bus, self.mavlink, self.cot = MemoryBus(), free_port(), free_port()
        self.tracks: dict[str, Track] = {}
        self.counts = counts.Counts()
        self.peers = ExitStack()

    def drone(self) -> Drone:
        return self.peers.enter_context(closing(Drone(self.mavlink)))

    async def client(self) -> TakClient:
        return self.peers.enter_context(closing(await asyncio.to_thread(TakClient, self.cot)))

    def heard(self, subject: str, data: bytes) -> None:
        track = decode(data)
        self.tracks[track.unit] = track

    def counted(self, subject: str, data: bytes) -> None:
        self.counts = counts.decode(data)


@asynccontextmanager
async def gateway(networks: tuple[str, ...] = LOOPBACK) -> AsyncIterator[Here]:
    here = Here()
    await here.bus.hear("fc.track.44.01.06.>", here.heard)
    await here.bus.hear("fc.tracked.44.01.06", here.counted)
    running = Gateway(here.bus, Path(COUNTY), read_networks(networks))
    await running.listen("127.0.0.1", here.mavlink, here.cot)
    task = asyncio.create_task(running.run())
    try:
        yield here
    finally:
        here.peers.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        running.stop()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("gateways.track.gateway.TICK_S", 0.05)
    monkeypatch.setattr("gateways.track.gateway.DATAGRAMS_BURST", 60)
    monkeypatch.setattr("gateways.track.gateway.DATAGRAMS_PER_S", 1)
    yield


async def test_tak_clients_see_drones_and_each_other_in_the_form_that_they_ask_for() -> None:
    async with gateway() as here:
        drone = here.drone()
        await asyncio.to_thread(drone.fly, *AT)
        await until(lambda: "mav-1" in here.tracks)
        one, two = [await here.client() for _ in range(2)]
        assert "TakProtocolSupport" in await asyncio.to_thread(one.until, "t-x-takp-v")
        seen = await asyncio.to_thread(one.until, "fusioncmd.44.01.06.mav-1")
        assert 'type="a-f-A-M-H-Q"' in seen and 'lat="23.1291000"' in seen, "who comes is told what is known"
        await asyncio.to_thread(one.say, event("ANDROID-1", *AT, callsign="Chen"))
        unit = unit_of("ANDROID-1")
        assert 'callsign="Chen"' in await asyncio.to_thread(two.until, f"fusioncmd.44.01.06.{unit}")
        assert here.tracks[unit].source == "cot"
        await asyncio.to_thread(
            two.say, event("two", 0, 0, "t-x-takp-q", detail='<TakControl><TakRequest version="1"/></TakControl>')
        )
        await asyncio.to_thread(two.until, "TakResponse")
        await asyncio.to_thread(two.say_proto, event("ANDROID-2", *AT, callsign="Li"))
        assert 'callsign="Li"' in await asyncio.to_thread(one.until, f"fusioncmd.44.01.06.{unit_of('ANDROID-2')}")
        await asyncio.to_thread(one.say, event("ANDROID-1-ping", 0, 0, cot.PING))
        await asyncio.to_thread(one.until, cot.PONG)
        car = Track(f"{COUNTY}001", "car-1", "vehicle", "抢险车", *degrees(*AT), int(time.time() * 1_000), "manual")
        await here.bus.say(f"fc.track.{car.address}", encode(car))
        await asyncio.to_thread(two.until_bytes, re.compile(b"\xbf.*fusioncmd.44.01.06.001.car-1", re.DOTALL))
        await asyncio.to_thread(one.until, "fusioncmd.44.01.06.001.car-1")
        await asyncio.to_thread(one.say, event("x", 0, 0, DELETED, detail='<link uid="ANDROID-1" relation="none"/>'))
        await until(lambda: here.tracks[unit].over)


async def test_what_is_not_taken_is_counted_told_and_costs_nobody_else() -> None:
    async with gateway() as here:
        drone = here.drone()
        one, two = [await here.client() for _ in range(2)]
        one.say(event("ANDROID-1", *AT))
        await until(lambda: unit_of("ANDROID-1") in here.tracks)
        two.say(event("ANDROID-1", 23.0, 113.0))  # another's
        two.say(b"<junk></event>" * (UNREAD_MAX - 1) + event("ANDROID-2", *AT))
        drone.send(b"junk")
        drone.fly(0.0, 0.0)
        await until(lambda: unit_of("ANDROID-2") in here.tracks and here.counts.refused == 2)
        assert here.tracks[unit_of("ANDROID-1")].lat_e7 == round(AT[0] * 1e7)
        assert here.counts.unread == UNREAD_MAX and here.counts.why_en and here.counts.why_zh
        two.say(b"<junk></event>" * UNREAD_MAX)
        with pytest.raises(AssertionError, match="has closed"):
            await asyncio.to_thread(two.until, "never")
        for n in range(CLIENT_UNITS_MAX + 5):
            one.say(event(f"flood-{n}", *AT))
        await until(lambda: here.counts.refused == 2 + 6)
        one.say(event("ANDROID-1", *AT) * EVENTS_BURST)
        await until(lambda: here.counts.flooded > 0)
        before = here.counts.flooded
        for _ in range(100):
            drone.send(b"x")
        await until(lambda: here.counts.flooded > before)


async def test_who_comes_from_a_network_that_may_not_says_nothing_and_hears_nothing() -> None:
    async with gateway(("192.0.2.0/24",)) as here:
        drone, client = here.drone(), await here.client()
        drone.fly(*AT)
        with pytest.raises((AssertionError, ConnectionError)):
            await asyncio.to_thread(client.until, "t-x")
        await until(lambda: here.counts.strangers >= 7)
        assert here.tracks == {}
