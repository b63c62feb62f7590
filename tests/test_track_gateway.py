"""The gateway of positions in bytes: what MAVLink and Cursor on Target say, and what is neither."""

from __future__ import annotations

import random

import pytest
import takproto
from msgspec import structs
from pymavlink.dialects.v20 import common

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.track.position import Track, degrees
from gateways.track import cot
from gateways.track.bounds import EVENT_BYTES_MAX, TAKEN_MS
from gateways.track.drones import Drones
from gateways.track.events import DELETED, Event, event_of, track_of, unit_of
from gateways.track.mavlink import Datagrams
from gateways.track.splitting import Splitter
from tests.tak import Drone, event

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
