"""Sources that are looked at: their keyframes to a process of its own, what that sees to alarms, with pictures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import structlog

from fusioncmd.alarm import alarm as alarms
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import ALARM
from fusioncmd.codes import parse
from fusioncmd.video import source as sources
from fusioncmd.video import subjects
from fusioncmd.video.bundle import pack
from fusioncmd.video.source import Source, Track
from gateways.alarm.intake import Intake
from gateways.satellite.video_rtp import RtpMaker
from gateways.seeing import bounds, episodes, watched
from gateways.seeing.detector import Seen
from gateways.seeing.episodes import Episodes
from gateways.seeing.gateway import Seeing
from gateways.seeing.watched import Watched, is_watched
from loadtest.smoke.clips import Encoder
from tests.nats_server import until
from tests.onnx_files import mean_colour

TOWN = parse("440106001")
CAMERA = Source(TOWN.code, "gate-1", "东门", "camera", "camera", 0, (Track("H264", 9),), place=(23.1, 113.3))
BOX = (0.0, 0.0, 0.3, 0.3)
RED, GREY = (250, 20, 20), (120, 120, 120)


BROKEN = (-1, -1, -1)  # a keyframe that holds no picture


def keyframe(*colour: int) -> bytes:
    return Encoder(width=128, height=96).keyframe(np.full((96, 128, 3), colour, np.uint8))


def test_an_alarm_begins_with_the_second_picture_gets_surer_and_is_over_after_a_while() -> None:
    one = Episodes("44.01.06.001.gate-1", lambda now_ms: now_ms.to_bytes(16, "big"))
    maybe, sure = [Seen("smoke", BOX, 0.55)], [Seen("smoke", BOX, 0.9), Seen("fire", BOX, 0.4)]
    assert one.take(CAMERA, maybe, 1.0, 1_000) == [] and one.take(CAMERA, [], 2.0, 2_000) == []  # once is nothing
    assert one.take(CAMERA, maybe, 3.0, 3_000) == []
    [first] = one.take(CAMERA, maybe, 4.0, 4_000)
    assert (first.source, first.about, first.event) == ("video.44.01.06.001.gate-1", "smoke", "smoke")
    assert (first.certainty, first.severity, first.state) == ("possible", "moderate", "new")
    assert (first.nodes, first.where, first.since_ms) == ((TOWN.code,), (23.1, 113.3), 3_000)
    assert "左上" in first.text and first.evidence[0].what == "44.01.06.001.gate-1 1970-01-01T00:00:04Z"
    [surer] = one.take(CAMERA, sure, 5.0, 5_000)
    assert (surer.certainty, surer.id) == ("likely", first.id)
    assert one.take(CAMERA, [], 500.0, 6_000) == []  # silent for long: that ends nothing
    assert one.take(CAMERA, None, 501.0, 6_000) == []  # nor does what cannot be looked at
    assert one.take(CAMERA, [], 501.1 + episodes.OVER_S, 6_000) == []
    assert one.take(CAMERA, [], 501.0 + 2 * episodes.OVER_S, 6_000) == []
    [over] = one.take(CAMERA, [], 501.2 + 2 * episodes.OVER_S, 7_000)
    assert (over.state, over.id, over.certainty) == ("over", first.id, "likely")
    again = [one.take(CAMERA, sure, 1_000.0 + n, 100_000 + n) for n in range(2)]
    assert again[1][0].id != first.id
    one.forget()  # the detector begins anew
    assert [one.take(CAMERA, [], 1_001.0 + n * episodes.OVER_S, 200_000) for n in range(4)] == [[]] * 4


def test_keyframes_are_taken_at_a_pace_and_nothing_of_another_source() -> None:
    one, maker, other = Watched(CAMERA), RtpMaker(9), RtpMaker(8)
    data = keyframe(*GREY)
    taken = 0
    for n in range(8):
        for bundle in pack([*other.packets(data, n * 9_000), *maker.packets(data, n * 9_000)]):
            taken += one.packets(bundle, n * bounds.EVERY_S / 2) is not None
    assert taken == 4
    assert one.packets(b"\x00\x99no bundle", 9.0) is None and one.bad == 1
    one.take(CAMERA_ANEW)
    assert one.packets(pack(maker.packets(data, 90_000))[0], 10.0) is None


CAMERA_ANEW = Source(TOWN.code, "gate-1", "", "camera", "camera", 0, (Track("VP8", 10),))


def test_all_means_cameras_and_a_name_means_that_source() -> None:
    drone = Source(TOWN.code, "drone-1", "", "drone", "camera", 0, (Track("H264", 9),))
    thin = Source(TOWN.code, "far", "", "camera", "kit", 0, (Track("H264", 9),), thin="live")
    named = frozenset(("44.01.06.001.drone-1",))
    assert is_watched("44.01.06.001.gate-1", CAMERA, frozenset()) and not is_watched(
        "44.01.06.001.gate-1", CAMERA, named
    )
    assert is_watched("44.01.06.001.drone-1", drone, named) and not is_watched(
        "44.01.06.001.drone-1", drone, frozenset()
    )
    assert not is_watched("44.01.06.001.far", thin, frozenset())


class Running:
    def __init__(self, seeing: Seeing, own: MemoryBus, kept: list[tuple[Alarm, bytes]]) -> None:
        self.seeing, self.own, self.kept = seeing, own, kept
        self.colour = GREY

    async def alarms(self) -> list[Alarm]:
        return [alarms.decode(each.data) async for each in self.own.read(ALARM)]

    async def until_said(self, state: str) -> list[Alarm]:
        async with asyncio.timeout(30.0):
            while not (found := await self.alarms()) or found[-1].state != state:
                await asyncio.sleep(0.05)
        return found

    @property
    def pid(self) -> int:
        process = None if self.seeing._child is None else self.seeing._child._process
        return 0 if process is None else process.pid


@asynccontextmanager
async def running(model: Path) -> AsyncIterator[Running]:
    """A camera that shows `colour` ten times a second, on buses in memory; the child is a process."""
    links, own = MemoryBus(), MemoryBus()
    kept: list[tuple[Alarm, bytes]] = []

    async def keep(alarm: Alarm, still: bytes) -> None:
        kept.append((alarm, still))

    intake = Intake(own, parse("440106"), time.time)
    seeing = Seeing(links, intake, parse("440106"), frozenset(), keep, "--model", str(model))
    found = Running(seeing, own, kept)

    async def camera() -> None:
        maker = RtpMaker(9)
        red = keyframe(*RED)
        frames = {colour: keyframe(*colour) for colour in (RED, GREY)} | {
            BROKEN: red[: red.rindex(b"\x00\x00\x01")] + b"\x00\x00\x01\x65\xff\xff"
        }
        for n in range(10**6):
            await links.say(subjects.what(TOWN, "gate-1"), sources.encode(CAMERA))
            for bundle in pack(maker.packets(frames[found.colour], n * 9_000)):
                await links.say(subjects.packets(TOWN, "gate-1"), bundle)
            await asyncio.sleep(0.1)

    tasks = [asyncio.create_task(run) for run in (intake.run(), seeing.run(), camera())]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_a_camera_shows_becomes_an_alarm_and_a_child_that_dies_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "EVERY_S", 0.05)
    monkeypatch.setattr(episodes, "OVER_S", 0.5)
    monkeypatch.setattr(bounds, "AGAIN_S", 0.05)
    monkeypatch.setattr(bounds, "BLAMED_MAX", 1_000)
    model = tmp_path / "seeing.onnx"
    model.write_bytes(mean_colour())
    async with running(model) as one:
        await until(lambda: one.seeing.looked > 2, 30)
        assert resource.prlimit(one.pid, resource.RLIMIT_AS)[0] == bounds.MEMORY_BYTES_MAX and not await one.alarms()
        os.kill(one.pid, signal.SIGSEGV)  # as a picture made for it may do
        before = one.seeing.looked
        await until(lambda: one.seeing.looked > before + 2, 30)
        one.colour = RED
        found = await one.until_said("new")
        assert (found[0].event, found[0].state, found[0].nodes) == ("fire", "new", (TOWN.code,))
        [(alarm, still)] = one.kept
        assert alarm.id == found[0].id and still[8:12] == b"WEBP" and len(still) <= 15 * 1024
        assert alarm_subjects.still(TOWN, alarm.id).startswith("fc.picture.44.01.06.001.00000000.")
        one.colour = GREY
        assert (await one.until_said("over"))[-1].id == alarm.id


async def test_a_source_over_whose_pictures_the_child_ends_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "EVERY_S", 0.05)
    monkeypatch.setattr(bounds, "AGAIN_S", 0.01)
    monkeypatch.setattr(bounds, "AGAIN_S_MAX", 0.02)
    model = tmp_path / "seeing.onnx"
    model.write_bytes(mean_colour())
    async with running(model) as one:
        async with asyncio.timeout(60.0):
            while "44.01.06.001.gate-1" not in one.seeing._left_out:
                if one.seeing._asked and one.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(one.pid, signal.SIGSEGV)
                await asyncio.sleep(0)
        await until(lambda: not one.seeing._here, 10)


async def test_a_model_that_is_none_is_said_and_no_source_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "AGAIN_S", 0.01)
    model = tmp_path / "seeing.onnx"
    model.write_bytes(b"no model")
    with structlog.testing.capture_logs() as said:
        async with running(model) as one:
            await until(lambda: any(line["event"] == "seeing.detector_does_not_start" for line in said), 30)
            assert not one.seeing._blamed and not one.seeing._left_out


async def test_pictures_that_do_not_decode_are_said_and_end_no_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watched, "EVERY_S", 0.05)
    monkeypatch.setattr(episodes, "OVER_S", 0.3)
    monkeypatch.setattr(bounds, "BLIND_S", 1.5)
    model = tmp_path / "seeing.onnx"
    model.write_bytes(mean_colour())
    with structlog.testing.capture_logs() as said:
        async with running(model) as one:
            one.colour = RED
            await one.until_said("new")
            one.colour = BROKEN
            await until(lambda: any(line["event"] == "seeing.blind" and line["unseen"] > 5 for line in said), 30)
            assert not [each for each in await one.alarms() if each.state == "over"]
            one.colour = RED
            await until(lambda: any(line["event"] == "seeing.sees_again" for line in said), 30)
            one.colour = GREY
            await one.until_said("over")
