"""The detector that ships, on made clips: a small part of `python -m loadtest smoke`, and what it keeps."""

from __future__ import annotations

import numpy as np
import pytest

from gateways.seeing.classical import Classical
from gateways.seeing.detector import AREA_PIXELS, CELL, POSSIBLE, REGIONS_MAX, size_of
from gateways.seeing.regions import FOLLOWED_MAX, HISTORY_MAX
from loadtest.smoke.clips import BEGINS_S
from loadtest.smoke.scenario import Told, is_false, is_missed, made, watch

SEED = 11


@pytest.mark.parametrize(("kind", "event"), [("smoke, light", "smoke"), ("fire by day", "fire")])
def test_smoke_and_fire_are_seen_after_they_began_and_not_before(kind: str, event: str) -> None:
    told = watch(made(kind, SEED, (), 52.0, 1.5))
    assert not told.before_s and BEGINS_S < told.first_s[event] < BEGINS_S + 45, told


@pytest.mark.parametrize("kind", ["people and cars", "a lorry parks", "the camera shakes"])
def test_nothing_is_said_where_nothing_burns(kind: str) -> None:
    assert not watch(made(kind, SEED, (), 40.0, 1.5), 0.0).first_s


def test_a_clip_is_missed_or_false_by_what_was_to_be_said() -> None:
    smoke, nothing = Told({"smoke": 40.0}), Told()
    assert is_missed(("smoke",), nothing) and not is_missed(("fire", "smoke"), smoke) and not is_missed((), nothing)
    assert (
        is_false((), smoke) and not is_false(("fire",), smoke) and is_false(("smoke",), Told(before_s={"smoke": 9.0}))
    )


def test_a_picture_keeps_its_proportions_and_its_size_is_bounded() -> None:
    for width, height in ((640, 360), (1920, 1080), (4096, 2160), (720, 1280), (4096, 16), (64, 48)):
        wide, high = size_of(width, height)
        assert wide % CELL == high % CELL == 0 and wide * high <= 1.5 * AREA_PIXELS
    assert size_of(1920, 1080) == (320, 176) and size_of(720, 1280) == (176, 320)


def test_noise_of_any_size_is_nothing_and_what_is_kept_is_bounded() -> None:
    random, detector = np.random.default_rng(SEED), Classical()
    for n in range(80):
        shape = (184, 320, 3) if n < 60 else (64, 96, 3)
        seen = detector.look(n * 0.5, random.integers(0, 256, shape, np.uint8))
        assert seen is None or (len(seen) <= REGIONS_MAX and all(each.score < POSSIBLE for each in seen))
    for regions in (detector._smoke._regions, detector._fire._regions):
        assert len(regions.known) <= FOLLOWED_MAX and all(len(each.moments) <= HISTORY_MAX for each in regions.known)


def test_who_cannot_see_says_so_and_not_that_nothing_is_there() -> None:
    random, detector = np.random.default_rng(SEED), Classical()
    scene = random.integers(60, 200, (23, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    seen = [detector.look(n * 1.0, scene) for n in range(8)]
    assert seen[0] is None and seen[-1] == []
    fog = (scene * 0.3 + 140).astype(np.uint8)
    assert detector.look(8.0, fog) is None
