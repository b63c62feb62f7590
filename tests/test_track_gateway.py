"""The gateway of positions: what comes by MAVLink and Cursor on Target, as bytes and by sockets; what is not taken."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, closing

import pytest
import takproto
from msgspec import structs
from pymavlink.dialects.v20 import common

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.networks import LOOPBACK, read_networks
from fusioncmd.track import counts
from fusioncmd.track.position import Track, decode, degrees, encode
from gateways.track import cot
from gateways.track.bounds import CLIENT_UNITS_MAX, EVENT_BYTES_MAX, EVENTS_BURST, TAKEN_MS, UNREAD_MAX
from gateways.track.drones import Drones
from gateways.track.events import DELETED, Event, event_of, track_of, unit_of
from gateways.track.gateway import Gateway
from gateways.track.mavlink import Datagrams
from gateways.track.splitting import Splitter
from tests.nats_server import free_port, until
from tests.tak import Drone, TakClient, event

COUNTY = "440106"
AT = (23.1291, 113.3644)
NOW_MS = 1_795_000_000_000


def flown(packets: list[bytes], drones: Drones, now_ms: int = NOW_MS, sender: str = "a") -> list[Track]:
    datagrams = Datagrams()
    took = [drones.take(sender, said, now_ms) for packet in packets for said in datagrams.read(packet)]
    assert datagrams.bad == 0
    return [track for track in took if track is not None]


def test_a_drone_says_where_it_is_how_charged_and_how_well_it_is_heard() -> None:
    drone = Drone(9)
    [track] = flown(drone.packets(*AT), Drones(COUNTY))
    assert (track.address, track.kind, track.source) == ("44.01.06.mav-1", "drone", "mavlink")
    assert (track.lat_e7, track.lon_e7, track.altitude_m, track.accuracy_m) == (*degrees(*AT), 125, 3)
    assert (track.speed_dm_s, track.course_deg, track.battery) == (120, 0, 77)
    assert (track.link, track.quality) == ("radio", 80)
    drones = Drones(COUNTY)
    assert len(flown(drone.packets(*AT) * 5, drones)) == 1, "at most one a second"
    with pytest.raises(BadInput, match="no fix"):
        flown(drone.packets(*AT, fix=1), drones, NOW_MS + 5_000)
    with pytest.raises(BadInput, match="without a fix"):
        flown(drone.packets(0.0, 0.0), drones, NOW_MS + 10_000)


def test_two_drones_with_the_number_of_the_factory_are_two_and_a_ground_station_is_none() -> None:
    drone, drones = Drone(9), Drones(COUNTY)
    assert [flown(drone.packets(*AT), drones, sender=s)[0].unit for s in "abc"] == ["mav-1", "mav-1-2", "mav-1-3"]
    [again] = flown(drone.packets(*AT), drones, NOW_MS + 2_000, "b")
    assert again.unit == "mav-1-2"
    [late] = flown(drone.packets(*AT), drones, NOW_MS + 2 * TAKEN_MS, "d")
    assert late.unit == "mav-1", "of one that was silent"
    station = common.MAVLink(None, srcSystem=255, srcComponent=190)
    beat = common.MAVLink_heartbeat_message(common.MAV_TYPE_GCS, 8, 0, 0, 4, 3).pack(station)
    where = common.MAVLink_global_position_int_message(0, *degrees(*AT), 0, 0, 0, 0, 0, 0).pack(station)
    assert flown([bytes(beat), bytes(where)], drones) == []


def test_what_is_no_mavlink_is_counted_and_stops_nothing() -> None:
    drone, datagrams, chance = Drone(9), Datagrams(), random.Random(5)
    packets = drone.packets(*AT)
    for _ in range(1_500):
        flipped = bytearray(b"".join(packets))
        for _ in range(chance.randrange(1, 4)):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        datagrams.read(bytes(flipped[: chance.randrange(len(flipped))]))
    assert datagrams.bad > 1_000
    before = datagrams.bad
    for odd in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xfd", b"\xfe\xff", packets[0][:-1]):
        datagrams.read(odd)
    assert datagrams.bad == before + 5
    assert len(datagrams.read(b"".join(packets))) == 5 and datagrams.bad == before + 5


def test_an_event_is_the_same_in_xml_and_in_version_1_and_back() -> None:
    here = Event("ANDROID-1", "a-f-G-U-C", NOW_MS, NOW_MS + 60_000, *AT, 21.0, 6.0, "陈一 <&>", 1.4, 271.0, 61)
    [(form, data)] = Splitter().feed(cot.write_proto(here))
    assert form == "proto" and structs_equal(cot.read_proto(data), here)
    assert structs_equal(cot.read_xml(cot.write_xml(here)), here)
    said = takproto.parse_proto(bytearray(cot.write_proto(here)))
    assert (said.cotEvent.uid, said.cotEvent.detail.contact.callsign) == ("ANDROID-1", "陈一 <&>")
    assert abs(said.cotEvent.lat - AT[0]) < 1e-9


def structs_equal(a: Event, b: Event) -> bool:
    names = ("uid", "type", "at_ms", "stale_ms", "callsign", "battery", "of")
    near = ("lat", "lon", "height_m", "error_m", "speed_m_s", "course_deg")
    return all(getattr(a, n) == getattr(b, n) for n in names) and all(
        getattr(a, n) == pytest.approx(getattr(b, n), abs=1e-6) for n in near
    )


def test_a_tak_client_is_a_unit_of_its_own_and_never_ours() -> None:
    track = track_of(cot.read_xml(event("ANDROID-1", *AT, at_s=NOW_MS / 1_000, callsign="陈一")), COUNTY, NOW_MS)
    assert track is not None and (track.unit, track.title, track.kind) == (unit_of("ANDROID-1"), "陈一", "person")
    assert (track.at_ms, track.battery, track.course_deg, track.speed_dm_s) == (NOW_MS, 61, 271, 14)
    kinds = {"a-f-A-M-H-Q": "drone", "a-f-G-E-V-C": "vehicle", "a-f-G-E-S": "sensor", "a-f-S-C": "vehicle"}
    for cot_type, kind in kinds.items():
        found = track_of(cot.read_xml(event("x", *AT, kind=cot_type)), COUNTY, NOW_MS)
        assert found is not None and found.kind == kind
    for uid, cot_type in (("fusioncmd.44.01.06.mav-1", "a-f-G"), ("x", "a-h-G"), ("x", "b-m-p-s-m"), ("x", "t-x-c-t")):
        assert track_of(cot.read_xml(event(uid, *AT, kind=cot_type)), COUNTY, NOW_MS) is None
    with pytest.raises(BadInput):
        track_of(cot.read_xml(event("x", 0.0, 0.0)), COUNTY, NOW_MS)
    ended = event_of(structs.replace(track, over=True), NOW_MS)
    assert (ended.type, ended.of) == (DELETED, f"fusioncmd.{track.address}")
    assert cot.read_xml(cot.write_xml(ended)).of == ended.of


BOMB = b"""<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<event uid="&b;" type="a-f-G" time="2026-11-29T00:00:00Z" stale="2026-11-29T00:00:00Z">
<point lat="1" lon="1"/></event>"""


@pytest.mark.parametrize(
    "odd",
    [b"", b"<event/>", b"<a></event>", BOMB, event("x", *AT).replace(b'lat="', b'lat="x'), b"\xff\xfe</event>",
     event("x", *AT).replace(b"2026", b"20260"), event("u" * 300, *AT),
     event("x", *AT)[:-9]],
)  # fmt: skip
def test_what_is_no_event_is_refused(odd: bytes) -> None:
    with pytest.raises(BadMessage):
        cot.read_xml(odd)


def test_a_stream_is_cut_into_events_wherever_its_bytes_end() -> None:
    here = event("ANDROID-1", *AT)
    proto = cot.write_proto(cot.read_xml(here))
    stream = here + b"\r\n" + here[39:] + proto + proto + here
    for size in (1, 7, 1_000):
        splitter = Splitter()
        pieces = [piece for at in range(0, len(stream), size) for piece in splitter.feed(stream[at : at + size])]
        assert [piece.form for piece in pieces] == ["xml", "xml", "proto", "proto", "xml"]
    for endless in (b"<event" + b" " * EVENT_BYTES_MAX, b"\xbf\xff\xff\xff\xff\xff", b"\xbf\xff\xff\x7f"):
        with pytest.raises(BadMessage):
            [*Splitter().feed(endless)]
    with pytest.raises(BadMessage):
        cot.read_proto(b"\xff" * 20)


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
