"""What the gateway makes of its child: one that hangs, one that lies, and whose picture it was."""

from __future__ import annotations

import time

import pytest
import structlog

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import parse
from fusioncmd.video import source as sources
from fusioncmd.video import subjects
from fusioncmd.video.source import Source, Track
from gateways.alarm.intake import Intake
from gateways.seeing import bounds
from gateways.seeing.gateway import Seeing
from gateways.seeing.words import READY, SAW, Saw, encode

TOWN = parse("440106001")
ADDRESS, OTHER = "44.01.06.001.gate-1", "44.01.06.001.gate-2"


def quiet_gateway() -> Seeing:
    """With no process: what it hears of one is said by the test."""

    async def keep(alarm: Alarm, still: bytes) -> None:
        raise AssertionError

    return Seeing(MemoryBus(), Intake(MemoryBus(), TOWN, time.time), TOWN, frozenset(), keep)


def test_pictures_that_wait_for_their_turn_are_no_sign_that_the_child_hangs() -> None:
    seeing = quiet_gateway()
    seeing._saw(READY, b"")
    began_s = time.monotonic()
    seeing._asked.extend([(ADDRESS, began_s - 2 * bounds.ANSWER_S_MAX), (OTHER, began_s)])
    seeing._saw(SAW, encode(Saw(ADDRESS, [])))
    seeing._asked[0] = OTHER, began_s - 2 * bounds.ANSWER_S_MAX
    assert not seeing._hangs(time.monotonic())  # it answered one a moment ago
    assert seeing._hangs(time.monotonic() + bounds.ANSWER_S_MAX)


def test_a_child_that_never_has_its_detector_hangs_too() -> None:
    seeing = quiet_gateway()
    seeing._heard_s = 100.0
    assert not seeing._hangs(99.0 + bounds.READY_S_MAX) and seeing._hangs(101.0 + bounds.READY_S_MAX)


@pytest.mark.parametrize(
    "said",
    [
        b"\x93no", encode(Saw("another", [])), encode([ADDRESS, [["fire", [0.0, 0.0, 1.0, 1.0], float("nan")]], b""]),
        encode([ADDRESS, [["fire", [float("nan"), 0.0, 1.0, 1.0], 0.9]], b""]),
        encode([ADDRESS, [["fire", [-9.0, 0.0, 1.0, 1.0], 0.9]], b""]),
        encode([ADDRESS, [["fire", [0.0, 0.0, 1.0, 1.0], 7.0]], b""]),
    ],
)  # fmt: skip
def test_a_child_that_says_what_no_detector_does_is_ended_and_said_once(said: bytes) -> None:
    seeing = quiet_gateway()
    seeing._saw(READY, b"")
    seeing._asked.append((ADDRESS, time.monotonic()))
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            seeing._saw(SAW, said)
    assert seeing._spoilt and not seeing.looked and [line["event"] for line in lines] == ["seeing.bad_answer"]


async def test_sources_beyond_what_one_gateway_watches_are_named() -> None:
    seeing, now_s = quiet_gateway(), time.monotonic()
    seeing._ended_s = now_s  # no child is begun
    names = [f"c{n:03}" for n in range(bounds.WATCHED_MAX + 9)]
    for name in names:
        camera = Source(TOWN.code, name, "", "camera", "camera", 0, (Track("H264", 9),))
        seeing._heard.take(subjects.what(TOWN, name), sources.encode(camera), int(time.time() * 1_000))
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            await seeing._turn(now_s)
    [line] = [line for line in lines if line["event"] == "seeing.too_many"]
    assert (line["watched"], line["not_watched"]) == (bounds.WATCHED_MAX, 9)
    assert line["such_as"] == [f"44.01.06.001.{name}" for name in names[bounds.WATCHED_MAX :][: bounds.NAMED_MAX]]
