"""From browsers that publish to browsers that watch at other gateways: real ICE, DTLS and SRTP, and no codec at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiortc.rtcrtpreceiver
import aiortc.rtcrtpsender
import msgspec
import pytest

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path, parse
from fusioncmd.errors import Forbidden, NotFound, Unavailable
from fusioncmd.video import rtcp, subjects
from fusioncmd.video.source import Show, Source, encode
from gateways.video import bounds, shown, sources
from gateways.video.forwarding import Forwarding
from gateways.video.listing import rows
from gateways.video.negotiation import NoCommonCodec
from gateways.video.rtc import listen_at
from tests.browsers_video import Publishing, Watching, guest
from tests.nats_server import until
from tests.video_frames import encoded

TOWN, COUNTY, CITY = "440106001", "440106", "4401"
CHEN, WANG = guest("chen", COUNTY), guest("wang", CITY)
PERSON = guest("phone", TOWN, 7, b"12345678")


@asynccontextmanager
async def gateway(bus: MemoryBus, serves: str, set_back_s: float = 0.0) -> AsyncIterator[Forwarding]:
    made = Forwarding(bus, f"{serves}-video", parse(serves), lambda: time.time() - set_back_s)
    running = asyncio.create_task(made.run())
    await asyncio.sleep(0)
    try:
        yield made
    finally:
        await made.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def tree(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[MemoryBus, Forwarding, Forwarding]]:
    """Gateways of a city and of a county."""
    listen_at("127.0.0.1")
    monkeypatch.setattr(bounds, "UNWATCHED_S", 0.1)
    bus = MemoryBus()
    async with gateway(bus, CITY) as city, gateway(bus, COUNTY) as county:
        yield bus, city, county


def there(at: Forwarding, name: str) -> Callable[[], object]:
    return lambda: any(one.name == name for one in at.sources)


@pytest.fixture
def codecs(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each time that aiortc was asked for an encoder or a decoder."""
    asked: list[Any] = []
    monkeypatch.setattr(aiortc.rtcrtpsender, "get_encoder", asked.append)
    monkeypatch.setattr(aiortc.rtcrtpreceiver, "get_decoder", asked.append)
    return asked


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_what_is_published_is_seen_at_another_gateway_byte_for_byte_and_without_a_codec(
    tree: tuple[MemoryBus, Forwarding, Forwarding], codecs: list[Any], codec: str
) -> None:
    _, city, county = tree
    frames = encoded(codec)
    async with Publishing(county, CHEN, COUNTY, codec) as publisher:
        name = publisher.one.name
        await until(there(city, name))
        await publisher.send(*publisher.made(frames[:12]))
        await until(lambda: publisher.one.source.width == 322)
        async with (
            Watching(city, WANG, f"{COUNTY}.{name}", codec) as one,
            Watching(city, WANG, f"{COUNTY}.{name}", codec) as two,
        ):
            await until(lambda: any(isinstance(said, rtcp.Pli) for said in publisher.told))
            await publisher.send(*publisher.made(frames[12:]))
            last = len([data for frame in frames[12:] for data in frame])
            await until(lambda: len(one.heard) >= last and len(two.heard) >= last)
            wanted = [data[12:] for data in (d for frame in frames[12:] for d in frame)]
            assert one.payloads[-last:] == two.payloads[-last:] == wanted
            for each in (one, two):
                numbers = [header.sequence for header in each.heard]
                assert numbers == [(numbers[0] + i) & 0xFFFF for i in range(len(numbers))]
            assert {header.ssrc for header in one.heard} == set(one.one.session.ssrcs.values())
            assert sum(1 for _ in city._heard) == 1 and county.counters()["watched"] == 0
            await until(lambda: rows(county, CHEN.caller)[0].viewers == 2)
            lost = one.heard[-1].sequence
            await one.send(rtcp.build([rtcp.Nack(1, one.heard[0].ssrc, (lost,))]))
            viewer = one.one.viewer
            assert viewer is not None and viewer.picture is not None
            await until(lambda: viewer.picture.resent == 1)
            await until(lambda: any(isinstance(said, rtcp.SenderReport) for said in one.told))
            assert not [thread.name for thread in threading.enumerate() if "decoder" in thread.name]
        await until(lambda: city.viewers == {} and city.counters()["watched"] == 0, 5)
    await until(lambda: not list(city.sources))
    assert codecs == []


async def test_who_may_publish_and_watch_and_what_is_told_to_who_may_not(
    tree: tuple[MemoryBus, Forwarding, Forwarding],
) -> None:
    _, _, county = tree
    async with Publishing(county, PERSON, TOWN) as publisher:
        await until(there(county, "p00000007"))
        here = f"{TOWN}.p00000007"
        await Watching(county, PERSON, here).__aenter__()
        for who in (guest("other", TOWN, 8), guest("neighbour", "440105")):
            with pytest.raises(Forbidden):
                await Watching(county, who, here).__aenter__()
            assert rows(county, who.caller) == []
        assert [row.name for row in rows(county, CHEN.caller)] == ["p00000007"]
        with pytest.raises(NotFound):
            await Watching(county, CHEN, f"{TOWN}.p00000008").__aenter__()
        with pytest.raises(NoCommonCodec, match=r"H\.264 constrained baseline.*VP8"):
            await Watching(county, CHEN, here, "VP8").__aenter__()
        with pytest.raises(Forbidden):
            await Publishing(county, PERSON, COUNTY).__aenter__()
        with pytest.raises(Forbidden):
            await Publishing(county, WANG, CITY).__aenter__()
        county.lost(b"12345678")
        assert county.publishers == {} and [one.guest.caller.name for one in county.viewers.values()] == []
        await until(lambda: publisher.pc.connectionState == "closed")
    await until(lambda: not list(county.sources))


async def test_a_ticket_that_ends_and_one_viewer_too_many(
    tree: tuple[MemoryBus, Forwarding, Forwarding], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, county = tree
    soon = guest("chen", COUNTY, until_s=int(time.time()) + 1)
    async with Publishing(county, soon, COUNTY) as publisher:
        await until(there(county, publisher.one.name))
        monkeypatch.setattr(bounds, "VIEWERS_MAX", 0)
        with pytest.raises(Unavailable):
            await Watching(county, CHEN, f"{COUNTY}.{publisher.one.name}").__aenter__()
        await until(lambda: county.publishers == {})
        await until(lambda: publisher.pc.connectionState == "closed")


async def test_a_source_whose_gateway_dies_ends_for_its_viewers_and_one_that_begins_anew_goes_on(
    tree: tuple[MemoryBus, Forwarding, Forwarding], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, city, county = tree
    frames = encoded("H264")
    async with Publishing(county, CHEN, COUNTY) as first:
        where = f"{COUNTY}.{first.one.name}"
        await until(there(city, first.one.name))
        async with Watching(city, WANG, where) as viewer:
            await first.send(*first.made(frames[:3]))
            await until(lambda: len(viewer.heard) > 2)
            async with Publishing(county, CHEN, COUNTY) as second:  # the page was loaded again
                await until(lambda: first.pc.connectionState == "closed")
                await second.send(*second.made(frames[:2]))
                before = len(viewer.heard)
                await until(lambda: len(viewer.heard) > before)
                numbers = [header.sequence for header in viewer.heard]
                assert numbers == [(numbers[0] + i) & 0xFFFF for i in range(len(numbers))]
                moved = msgspec.structs.replace(
                    second.one.source, gateway="440106-other", since_ms=second.one.source.since_ms + 5
                )
                path = Path(COUNTY)
                await bus.say(subjects.what(path, moved.name), encode(moved))
                await until(lambda: second.pc.connectionState == "closed")
                assert viewer.pc.connectionState == "connected"
                monkeypatch.setattr(sources, "SILENT_S", 0.2)  # the other gateway says nothing any more
                await until(lambda: viewer.pc.connectionState == "closed")
                assert list(city.sources) == []


async def test_a_clock_that_was_set_back_does_not_make_a_later_session_an_earlier_one(
    tree: tuple[MemoryBus, Forwarding, Forwarding],
) -> None:
    bus, city, county = tree
    async with gateway(bus, TOWN, set_back_s=3_600) as town, Publishing(county, PERSON, TOWN) as first:
        await until(there(town, "p00000007"))
        async with Publishing(town, PERSON, TOWN) as second:  # the phone moved to the gateway of the town
            await until(lambda: first.pc.connectionState == "closed")
            known = city.sources.find(second.one.address)
            assert (
                known is not None
                and known.gateway == f"{TOWN}-video"
                and list(town.publishers.values()) == [second.one]
            )


async def test_what_a_node_shows_is_seen_below_and_asked_for_where_it_comes_from(
    tree: tuple[MemoryBus, Forwarding, Forwarding], monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, city, county = tree
    frames = encoded("H264")

    async def show(source: str) -> None:
        await bus.say(subjects.show(Path(CITY)), encode(Show(CITY, source, "wang")))

    async with Publishing(county, CHEN, COUNTY) as publisher:
        await until(there(city, publisher.one.name))
        await publisher.send(*publisher.made(frames[:1]))
        await show(f"44.01.06.{publisher.one.name}")
        await until(there(county, "shown"))
        [row] = rows(county, PERSON.caller)
        assert (row.node, row.kind, row.of) == (CITY, "shown", f"44.01.06.{publisher.one.name}")
        publisher.told.clear()
        async with Watching(county, PERSON, f"{CITY}.shown") as viewer:
            await until(lambda: any(isinstance(said, rtcp.Pli) for said in publisher.told))
            await publisher.send(*publisher.made(frames[1:]))
            wanted = [data[12:] for frame in frames[12:] for data in frame]  # from the next keyframe on
            await until(lambda: viewer.payloads[-len(wanted) :] == wanted)
            await until(lambda: rows(county, CHEN.caller)[-1].viewers == 1, 5)  # of the shown source, by the city
            await show("")
            await until(lambda: viewer.pc.connectionState == "closed")
        await show(f"44.01.06.{publisher.one.name}")
        await until(there(county, "shown"))
        monkeypatch.setattr(shown, "SILENT_S", 0.2)  # the node says nothing any more
        await until(lambda: not there(county, "shown")())
        for own in ("44.01.shown", "44.01.06.shown", "zz.shown"):  # what could be what is shown here
            await show(own)
            assert city._shown._wanted == "", own


def test_a_gateway_keeps_so_many_sources_and_believes_none_that_says_another_address() -> None:
    known = sources.Sources()
    path = parse(COUNTY)
    one = Source(COUNTY, "a", "A", "browser", "440106-video", 1_000, ())
    assert known.take(subjects.what(path, "b"), encode(one), 0.0) is None and known.refused == 1
    assert known.take(subjects.what(path, "a"), b"\xc1", 0.0) is None and known.refused == 2
    assert known.take(subjects.what(path, "a"), encode(one), 0.0) == ("44.01.06.a", one)
    older = msgspec.structs.replace(one, gateway="4401-video", since_ms=900)
    for said in (older, msgspec.structs.replace(older, over=True, since_ms=2_000)):
        assert known.take(subjects.what(path, "a"), encode(said), 1.0) is None
    assert known.find("44.01.06.a") == one
    for number in range(sources.SOURCES_MAX):
        more = msgspec.structs.replace(one, name=f"b{number}")
        known.take(subjects.what(path, more.name), encode(more), 2.0)
    assert len(known) == sources.SOURCES_MAX and known.shed == 1 and known.find("44.01.06.a") is None
    assert len(known.silent(2.0 + sources.SILENT_S + 0.1)) == sources.SOURCES_MAX and len(known) == 0
