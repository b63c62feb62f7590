"""Talkgroups end to end: real UDP, a real NATS server, the process that arbitrates; radios of our own on both ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput
from fusioncmd.floor.messages import Kind
from gateways.radio.media import TalkgroupMedia
from tests.intruder import KeyedServer
from tests.nats_server import until
from tests.radios import Radio, calling, packets_of, share_of, tone
from tiers.talk import Talk

LONG_AGO_MS = 60_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedServer]:
    made: tuple[tuple[str, users.UserKind, str], ...] = (
        ("node", "node", "44"), ("floor", "floor", "44"), ("radio-1", "talk", "44"), ("radio-2", "talk", "44"),
    )  # fmt: skip
    running = KeyedServer(tmp_path_factory.mktemp("voice"), *made)
    yield running
    running.stop()


@pytest.fixture
async def media(server: KeyedServer, tmp_path: Path) -> AsyncIterator[list[TalkgroupMedia]]:
    """Two gateways of the province."""
    stop = asyncio.Event()
    buses = [
        await open_bus(server.url, name, key=users.seed_file(server.keys, name))
        for name in ("floor", "radio-1", "radio-2")
    ]
    talk = asyncio.create_task(
        Talk(buses[0], parse("44"), tmp_path, time.monotonic_ns() // 1_000_000 - LONG_AGO_MS).run(stop)
    )
    both = [TalkgroupMedia(bus, f"44-radio-{n}", parse("44"), "127.0.0.1") for n, bus in enumerate(buses[1:], 1)]
    for one in both:
        await one.start()
    yield both
    for one in both:
        await one.stop()
    stop.set()
    await talk
    for bus in buses:
        await bus.close()


async def granted(radio: Radio) -> None:
    radio.say(Kind.REQUEST)
    await until(lambda: radio.told(Kind.GRANTED) or radio.told(Kind.DENY))
    assert radio.told(Kind.GRANTED), radio.floor


async def test_who_was_granted_the_floor_is_heard_by_all_others_and_nobody_else_is(media: list[TalkgroupMedia]) -> None:
    one, two = media
    talker, near, far = Radio(one, "talker"), Radio(one, "near", "pcma"), Radio(two, "far")
    sound = packets_of("opus", lambda rate: tone(440, 600, rate))
    async with calling(talker, near, far):
        far.send(sound[0])  # without the floor
        await asyncio.sleep(0.4)  # a beacon was heard
        await granted(talker)
        await talker.speak(sound)
        talker.say(Kind.RELEASE)
        await until(lambda: far.told(Kind.IDLE) and len(far.heard) == len(sound))
        await until(lambda: len(near.heard) >= len(sound) - 1)
    assert [packet.payload for _, packet in far.heard] == sound and talker.heard == []
    first = far.heard[0][1]
    assert first.marker and not any(packet.marker for _, packet in far.heard[1:])
    assert all((packet.sequence - first.sequence) & 0xFFFF == n for n, (_, packet) in enumerate(far.heard))
    assert all((packet.timestamp - first.timestamp) & 0xFFFFFFFF == 960 * n for n, (_, packet) in enumerate(far.heard))
    assert far.told(Kind.TAKEN)[0].granted_party == "talker"
    assert far.told(Kind.REVOKE) and share_of(near.samples()[800:], 440, 8_000) > 0.9


async def test_a_second_talker_waits_and_is_heard_after_the_first(media: list[TalkgroupMedia]) -> None:
    one, two = media
    first, second, listener = Radio(one, "first"), Radio(two, "second"), Radio(one, "listener", "pcmu")
    async with calling(first, second, listener, where="44.water"):
        await asyncio.sleep(0.4)
        await granted(first)
        second.say(Kind.REQUEST)
        await until(lambda: second.told(Kind.QUEUE_POSITION_INFO))
        second.send(b"\x78abc")
        await until(lambda: second.told(Kind.REVOKE))
        first.say(Kind.RELEASE)
        await until(lambda: second.told(Kind.GRANTED))
        await second.speak(packets_of("opus", lambda rate: tone(700, 300, rate)))
        second.say(Kind.RELEASE)
        await until(lambda: len(listener.heard) >= 14)
        assert share_of(listener.samples()[800:], 700, 8_000) > 0.9


async def test_by_voice_and_by_key_a_radio_without_floor_control_is_heard_from_its_first_syllable(
    media: list[TalkgroupMedia],
) -> None:
    one, two = media
    box, keyed, listener = (
        Radio(one, "box", "pcmu", by_floor=False), Radio(two, "keyed", "pcma", by_floor=False), Radio(two, "listener"),
    )  # fmt: skip
    async with calling(box, keyed, listener, where="44.box"):
        await asyncio.sleep(0.4)
        quiet, loud = (
            packets_of("pcmu", lambda rate: bytes(rate)),
            packets_of("pcmu", lambda rate: tone(440, 600, rate)),
        )
        await box.speak(quiet[:15] + loud + quiet[:10])  # and then no packet any more: the hang time ends it
        await until(lambda: listener.told(Kind.IDLE))
        heard = listener.samples()
        assert share_of(heard[48 * 220 : 48 * 600], 440, 48_000) > 0.8  # its beginning is there: after the lookback
        assert 500 < sum(10 for n in range(0, len(heard), 480) if max(heard[n : n + 480]) > 4_000) < 660
        listener.heard.clear()
        listener.floor.clear()
        keyed.press_key("*")
        await keyed.speak(packets_of("pcma", lambda rate: tone(700, 300, rate)))
        keyed.press_key("#")
        await until(lambda: listener.told(Kind.IDLE) and listener.told(Kind.TAKEN))
        assert listener.told(Kind.TAKEN)[0].granted_party == "keyed"
        assert share_of(listener.samples()[9_600:], 700, 48_000) > 0.8
        assert 280 <= len(listener.heard) * 20 <= 360


async def test_a_radio_with_keys_is_heard_and_hears_and_others_are_not_let_in(media: list[TalkgroupMedia]) -> None:
    secured, plain = Radio(media[0], "secured", secured=True), Radio(media[0], "plain", "pcma")
    sound = packets_of("opus", lambda rate: tone(440, 200, rate))
    async with calling(secured, plain, where="44.keys"):
        await asyncio.sleep(0.4)
        await granted(secured)
        own, secured.srtp = secured.srtp, None
        secured.send(sound[0])  # not sealed: nobody's
        secured.srtp = own
        await secured.speak(sound)
        secured.say(Kind.RELEASE)
        await until(lambda: len(plain.heard) >= len(sound))
        plain.floor.clear()
        await granted(plain)
        await plain.speak(packets_of("pcma", lambda rate: tone(440, 200, rate)))
        await until(lambda: len(secured.heard) >= 8)
        plain.say(Kind.RELEASE)
    assert len(plain.heard) == len(sound)


async def test_a_place_that_is_neither_above_nor_below_is_refused(server: KeyedServer) -> None:
    bus = await open_bus(server.url, "x", key=users.seed_file(server.keys, "radio-1"))
    media = TalkgroupMedia(bus, "44-radio-1", parse("44"), "127.0.0.1")
    await media.start()
    radio = Radio(media, "alone")
    with pytest.raises(BadInput):
        await radio.call("45")
    radio.rtp.close()
    await media.stop()
    await bus.close()
