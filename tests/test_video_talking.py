"""Browsers in a talkgroup: real ICE, DTLS and UDP, a real NATS server, the process that arbitrates."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.errors import BadMessage, Forbidden, Unavailable
from fusioncmd.floor.messages import Kind
from gateways.radio.media import TalkgroupMedia
from gateways.video import bounds
from gateways.video.guard import COOKIE, DATAGRAM_BYTES_MAX, passes
from gateways.video.rtc import listen_at
from gateways.video.talking import Talking
from tests.browsers_voice import FAR_S, Browser, Caller, Guest
from tests.intruder import KeyedServer
from tests.nats_server import until
from tests.radios import Radio, calling, packets_of, tone
from tiers.talk import Talk

LONG_AGO_MS = 60_000
ROUND = (("127.0.0.1", 1), ("127.0.0.1", 2))


@pytest.fixture
async def both(tmp_path: Path) -> AsyncIterator[tuple[Talking, TalkgroupMedia]]:
    """A gateway of browsers and one of radios."""
    server = KeyedServer(
        tmp_path, ("node", "node", "44"), ("floor", "floor", "44"), ("radio-1", "talk", "44"), ("video-1", "talk", "44")
    )
    listen_at("127.0.0.1")
    names, stop = ("floor", "radio-1", "video-1"), asyncio.Event()
    buses = [await open_bus(server.url, name, key=users.seed_file(server.keys, name)) for name in names]
    began_ms = time.monotonic_ns() // 1_000_000 - LONG_AGO_MS
    talk = asyncio.create_task(Talk(buses[0], parse("44"), tmp_path, began_ms).run(stop))
    media = TalkgroupMedia(buses[1], "44-radio-1", parse("44"), "127.0.0.1")
    await media.start()
    talking = Talking(buses[2], "44-video-1", parse("44"), time.time, lambda path: True)
    running = asyncio.create_task(talking.run())
    yield talking, media
    await talking.stop()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await media.stop()
    stop.set()
    await talk
    for bus in buses:
        await bus.close()
    server.stop()


async def test_a_browser_and_a_radio_hear_each_other_and_one_speaks_at_a_time(
    both: tuple[Talking, TalkgroupMedia],
) -> None:
    talking, media = both
    sound = packets_of("opus", lambda rate: tone(440, 400, rate))
    radio = Radio(media, "radio")
    async with calling(radio), Browser(talking, "desk") as desk, Browser(talking, "phone", node="440106") as phone:
        await asyncio.sleep(0.4)  # a beacon was heard
        phone.say(Kind.REQUEST)
        await until(lambda: phone.told(Kind.GRANTED))
        await phone.speak(sound)
        await until(lambda: len(radio.heard) == len(desk.heard) == len(sound))
        assert [packet.payload for packet in desk.heard] == sound  # as it came, through another session
        assert desk.told(Kind.TAKEN)[-1].granted_party == "phone" and phone.heard == []
        desk.say(Kind.REQUEST)
        await until(lambda: desk.told(Kind.GRANTED))  # the province goes before a county
        await until(lambda: phone.told(Kind.REVOKE))
        radio.say(Kind.REQUEST)
        await until(lambda: radio.told(Kind.QUEUE_POSITION_INFO) or radio.told(Kind.DENY))
        desk.say(Kind.RELEASE)
        await until(lambda: radio.told(Kind.GRANTED))
        await radio.speak(sound)
        await until(lambda: len(phone.heard) == len(sound))
        assert {packet.ssrc for packet in phone.heard} == {phone.browser.session.ssrc}
        radio.say(Kind.RELEASE)


async def test_nothing_of_anybody_else_ends_a_session_or_comes_near_it(both: tuple[Talking, TalkgroupMedia]) -> None:
    talking, _ = both
    async with Browser(talking, "desk") as desk:
        pair = desk.browser.session._pair()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            hello = b"\x16\xfe\xfd" + bytes(60)
            for data in (
                b"",
                b"\x15\xfe\xfd" + bytes(12),
                hello,
                b"\x80" + bytes(60),
                b"\xff",
                bytes(DATAGRAM_BYTES_MAX),
            ):
                stranger.sendto(data, pair.local_addr)
        mine = desk.dtls.transport.iceGatherer._connection._nominated[1]
        fd = mine.protocol.transport.get_extra_info("socket").fileno()
        with socket.socket(fileno=os.dup(fd)) as forged:  # the peer itself, or who forges its address
            forged.sendto(b"", mine.remote_addr)
        await until(lambda: desk.browser.session.refused >= 7)
        await asyncio.sleep(0.1)
        assert desk.pc.connectionState == "connected" and desk.browser.ident in talking.browsers


def test_only_stun_and_the_agreed_peer_pass_and_few_at_a_time() -> None:
    peer, other = ROUND
    stun = b"\x00\x01\x00\x00" + COOKIE + bytes(12)
    assert passes(stun, other, None, 0) and not passes(stun[:12], other, None, 0)
    assert not passes(b"\x00" * 20, other, None, 0)
    for data in (b"\x16abc", b"\x80abc"):
        assert passes(data, peer, peer, 0) and not passes(data, peer, None, 0) and not passes(data, other, peer, 0)
        assert not passes(data, peer, peer, bounds.WAITING_MAX)
    assert not passes(b"", peer, peer, 0) and not passes(b"\x40", peer, peer, 0)
    assert not passes(b"\x80" * (DATAGRAM_BYTES_MAX + 1), peer, peer, 0)


@pytest.mark.parametrize(
    "offer",
    ["", "v=0", "v=0\r\n" * 10_000, "m=audio 9 RTP/AVP 0\r\n" * 3, "a=candidate:1\r\n" * 40, "v=0\r\nm=audio x"],
)
async def test_an_offer_that_is_none_or_too_much_is_refused(both: tuple[Talking, TalkgroupMedia], offer: str) -> None:
    talking, _ = both
    with pytest.raises(BadMessage):
        await talking.open(Guest(Caller(None, "x", "44", "x"), b"", FAR_S), "44", offer)
    assert talking.browsers == {}


async def test_a_lost_device_goes_a_neighbour_is_refused_and_so_is_one_too_many(
    both: tuple[Talking, TalkgroupMedia], monkeypatch: pytest.MonkeyPatch
) -> None:
    talking, _ = both
    async with Browser(talking, "phone", node="440106", device=b"12345678") as phone:
        with pytest.raises(Forbidden):
            await Browser(talking, "other", where="440105", node="440106").__aenter__()
        monkeypatch.setattr(bounds, "SESSIONS_MAX", 1)
        with pytest.raises(Unavailable):
            await Browser(talking, "other").__aenter__()
        talking.lost(b"12345678")
        assert talking.browsers == {}
        await until(lambda: phone.pc.connectionState == "closed")
