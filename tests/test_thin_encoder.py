"""The encoder of a kit: begun by the bus, a process of its own; what a source sends may end it, and nothing else."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal

import av
import pytest

from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import parse
from fusioncmd.video import subjects
from fusioncmd.video.bundle import pack
from fusioncmd.video.source import Ask, decode
from gateways.satellite import recode, thin
from gateways.satellite.child import MEMORY_BYTES_MAX
from gateways.satellite.video_words import Do, MadeFrame, MadeStill, do, encode, made, read_made
from tests.nats_server import until
from tests.video_frames import encoded

KIT = parse("440106001")


async def test_pictures_are_made_while_they_are_wanted_and_by_nobody_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thin, "IDLE_S", 0.4)
    monkeypatch.setattr(thin, "AGAIN_S", 0.1)
    bus, stop = MemoryBus(), asyncio.Event()
    thinning = thin.Thinning(bus, KIT)
    running = asyncio.create_task(thinning.run(stop))
    found: list[MadeFrame | MadeStill] = []
    asks: list[Ask] = []
    await bus.hear(made(KIT, "drone1"), lambda _, data: found.append(read_made(data)))
    await bus.hear(subjects.ask(KIT, "drone1"), lambda _, data: asks.append(decode(data)))  # type: ignore[arg-type]
    sending = asyncio.create_task(_drone(bus))
    telling = asyncio.create_task(_tell(bus))
    try:
        await until(lambda: len(found) > 4, 15)
        small = next(one for one in found if isinstance(one, MadeStill))
        assert len(small.data) <= 6_000 and asks[0].keyframe and asks[0].viewers == 1
        frames = [one for one in found if isinstance(one, MadeFrame)]
        assert frames[0].key and frames[0].data.startswith(b"\0\0\0\1\x67")
        child = _child(thinning)
        assert resource.prlimit(child, resource.RLIMIT_AS)[0] == MEMORY_BYTES_MAX
        os.kill(child, signal.SIGSEGV)  # as a picture made for it may do
        done = len(found)
        await until(lambda: len(found) > done + 4 and _child(thinning) != child, 15)
    finally:
        telling.cancel()
    await until(lambda: asks[-1].viewers == 0 and not thinning._here, 5)
    sending.cancel()
    stop.set()
    await running


async def _drone(bus: MemoryBus) -> None:
    number = 0
    while True:
        for frame in encoded("H264"):
            packets = [p[:2] + ((number + i) & 0xFFFF).to_bytes(2, "big") + p[4:] for i, p in enumerate(frame)]
            number += len(packets)
            for bundle in pack(packets):
                await bus.say(subjects.packets(KIT, "drone1"), bundle)
            await asyncio.sleep(0.01)


async def _tell(bus: MemoryBus) -> None:
    while True:
        await bus.say(do(KIT, "drone1"), encode(Do("H264", 9, 24_000, 15, still=1)))
        await bus.say(do(KIT, "drone1"), b"nothing")
        await asyncio.sleep(0.2)


def _child(thinning: thin.Thinning) -> int:
    child = next(iter(thinning._here.values())).child
    process = None if child is None else child._process
    return 0 if process is None else process.pid


def test_a_still_fits_whatever_is_seen_and_leaves_the_process_as_it_was() -> None:
    noise = av.VideoFrame(640, 360, "yuv420p")
    for plane in noise.planes:
        plane.update(random.Random(1).randbytes(plane.buffer_size))
    for width, height, most in recode.STILLS:
        found = recode.still(noise, width, height, most)
        assert found is not None and found[0] < width and len(found[2]) <= most and found[2][8:12] == b"WEBP"
    assert os.sched_getscheduler(0) == os.SCHED_OTHER  # an encoder of AV1 makes root's process one of real time
