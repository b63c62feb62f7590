"""The video benchmark measures what it says: its clip is a picture, its gaps are gaps, and its attack is one."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import av
from av.video.frame import VideoFrame

from fusioncmd.video import h264
from gateways.video import rtc
from gateways.video.negotiation import published
from gateways.video.rtc import Session
from loadtest.video import clip, hostile
from loadtest.video.gaps import Gaps
from loadtest.video.peer import Peer, listen_at
from loadtest.video.source import Pace

SSRC, SECONDS = 7, 2.0


def test_the_clip_is_a_bar_that_moves_and_says_when_it_was_sent() -> None:
    frames = clip.made()
    assert sum(len(one.packets) for one in frames) == clip.PACKETS == 220
    assert {len(packet) for one in frames for packet in one.packets} == {clip.PACKET_BYTES}
    assert [n for n, one in enumerate(frames) if one.keyframe] == [0]
    number = 0
    decoder = av.CodecContext.create("h264", "r")
    seen: list[int] = []
    for n, frame in enumerate(frames):
        unit = b""
        for packet in frame.packets:
            clip.fill(packet, 65_500 + number, n * 3_600, SSRC, 96, number, 1_000 + number)
            data = bytes(packet)
            assert clip.stamp(data) == (number, 1_000 + number)
            assert data[2:4] == ((65_500 + number) & 0xFFFF).to_bytes(2, "big")
            unit += b"".join(h264.START + data[at:to] for at, to in h264._stapled(data, 12, len(data)))
            number += 1
        seen += [_bar(one) for one in decoder.decode(av.Packet(unit)) if isinstance(one, VideoFrame)]
    seen += [_bar(one) for one in decoder.decode(None) if isinstance(one, VideoFrame)]
    step = (clip.WIDTH - clip.BAR) / clip.FRAMES
    assert len(seen) == clip.FRAMES
    assert all(abs(left - n * step) <= 2 for n, left in enumerate(seen))
    assert clip.stamp(bytes(clip.PACKET_BYTES)) is None


def _bar(frame: VideoFrame) -> int:
    """Where the bright bar begins."""
    row = bytes(frame.planes[0])[: frame.width]
    return next(i for i, light in enumerate(row) if light > 128)


def test_the_clip_is_as_fast_as_it_says() -> None:
    pace = Pace(clip.made())
    assert pace.seconds == SECONDS
    assert sum(end - begin for _, _, begin, end in pace.turns) / pace.seconds == 110
    assert pace.turns == sorted(pace.turns)


def test_gaps_are_counted_once_and_filled_once() -> None:
    gaps = Gaps()
    for sequence in (65_533, 65_534, 65_535, 1, 2, 5, 4, 4):
        gaps.take(sequence)
    assert (gaps.came, gaps.lost, gaps.late, gaps.again) == (7, 2, 1, 1)
    assert gaps.to_ask() == [0, 3]
    gaps.take(0)
    assert (gaps.came, gaps.lost, gaps.late) == (8, 1, 2)
    assert [gaps.to_ask() for _ in range(3)] == [[3], [3], []]
    gaps.clear()
    gaps.take(6)
    assert (gaps.came, gaps.lost) == (1, 0)


@contextlib.asynccontextmanager
async def publishing(here: list[bytes], ended: list[bool]) -> AsyncIterator[tuple[Peer, tuple[str, int]]]:
    """A publisher at a session of the gateway, connected though it was attacked before; where the session listens."""
    rtc.listen_at("127.0.0.1")
    listen_at("127.0.0.1")
    session = Session(lambda: None, here.append, lambda _: None, lambda: ended.append(True))
    peer = Peer()
    answer = await session.answer(await peer.offer("sendonly"), published)
    address = _address(answer)
    _throw(hostile.before_connecting(), address)
    await asyncio.sleep(0)
    await peer.accept(answer)
    try:
        await peer.connected()
        yield peer, peer.address
    finally:
        await peer.close()
        await session.close()


async def test_a_session_outlives_everything_that_a_stranger_can_send() -> None:
    here: list[bytes] = []
    ended: list[bool] = []
    async with publishing(here, ended) as (peer, address):
        sent = await asyncio.to_thread(hostile.attack, [(address, peer.ssrc)], "127.0.0.1", 0.3)
        assert sent > 100
        packet = bytearray(clip.made()[0].packets[0])
        for number in range(5):
            clip.fill(packet, number, 0, peer.ssrc, peer.payload_type, number, 0)
            peer.socket.sendto(peer.protect(bytes(packet)), address)
        for _ in range(100):
            if len(here) == 5:
                break
            await asyncio.sleep(0.02)
        assert [clip.stamp(data) for data in here] == [(number, 0) for number in range(5)]
        assert peer.live and not ended


def _address(answer: str) -> tuple[str, int]:
    line = next(line for line in answer.splitlines() if line.startswith("a=candidate:"))
    return line.split()[4], int(line.split()[5])


def _throw(datagrams: list[bytes], address: tuple[str, int]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as somebody:
        for data in datagrams:
            somebody.sendto(data, address)
