"""Clips of each kind, by a seed: scenes with something in them, as a camera's sensor and encoder leave them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from numpy.random import Generator, default_rng

from gateways.seeing.detector import Event
from loadtest.smoke import quiet
from loadtest.smoke.plumes import Flames, Plume
from loadtest.smoke.quiet import Happening
from loadtest.smoke.scenes import HEIGHT, WIDTH, Array, outdoors, photograph

BEGINS_S = 20.0  # the clip shows the scene as it usually is until then
LASTS_S = 80.0


Range = tuple[float, float]
Make = Callable[[Generator, int], Happening]


class Kind(NamedTuple):
    """`expected`: empty where nothing is to be said."""

    expected: tuple[Event, ...]
    make: Make
    night: bool = False


def _plume(sizes: Range, greys: Range, thick: Range, rows: Range) -> Make:
    def make(random: Generator, horizon: int) -> Happening:
        at = (random.uniform(90, WIDTH - 90), horizon + random.uniform(*rows) * (HEIGHT - horizon))
        plume = Plume(
            random, at, random.uniform(*sizes), random.uniform(*greys), random.uniform(*thick),
            random.uniform(8, 25), random.uniform(0.6, 1.2),
        )  # fmt: skip
        return lambda picture, at_s: plume.on(picture, at_s)

    return make


def _flames(sizes: Range) -> Make:
    def make(random: Generator, horizon: int) -> Happening:
        at = (random.uniform(60, WIDTH - 60), random.uniform(horizon + 60, HEIGHT - 15))
        flames = Flames(random, at, random.uniform(*sizes))
        return lambda picture, at_s: flames.on(picture, at_s)

    return make


def _both(random: Generator, horizon: int) -> Happening:
    at = (random.uniform(80, WIDTH - 80), random.uniform(horizon + 80, HEIGHT - 20))
    size = random.uniform(25, 60)
    flames, plume = Flames(random, at, size), Plume(random, (at[0], at[1] - size), size, random.uniform(50, 140), 1.2)
    return lambda picture, at_s: flames.on(plume.on(picture, at_s), at_s)


KINDS: dict[str, Kind] = {
    "smoke, light": Kind(("smoke",), _plume((18, 50), (165, 225), (0.5, 1.2), (0.3, 0.8))),
    "smoke, dark": Kind(("smoke",), _plume((18, 50), (60, 100), (0.6, 1.3), (0.3, 0.8))),
    "smoke, thin": Kind(("smoke",), _plume((14, 30), (150, 210), (0.2, 0.35), (0.3, 0.8))),
    "smoke, far, before the sky": Kind(("smoke",), _plume((5, 12), (150, 215), (0.5, 1.0), (0.02, 0.12))),
    "fire by day": Kind(("fire",), _flames((30, 80))),
    "fire by day, small": Kind(("fire",), _flames((12, 28))),
    "fire at night": Kind(("fire",), _flames((15, 70)), night=True),
    "fire and smoke": Kind(("fire", "smoke"), _both),
    "nothing": Kind((), quiet.nothing),
    "nothing, at night": Kind((), quiet.nothing, night=True),
    "clouds": Kind((), quiet.clouds),
    "shadows of clouds": Kind((), quiet.cloud_shadows),
    "fog comes": Kind((), quiet.fog),
    "rain": Kind((), quiet.rain),
    "people and cars": Kind((), quiet.people_and_cars),
    "a lorry parks": Kind((), quiet.a_lorry_parks),
    "trees in the wind": Kind((), quiet.waving_trees),
    "the camera shakes": Kind((), quiet.shake),
    "light goes on and off": Kind((), quiet.light_switches),
    "headlights at night": Kind((), quiet.headlights, night=True),
    "an amber beacon": Kind((), quiet.a_beacon),
    "sunset": Kind((), quiet.sunset),
    "dust behind a car": Kind((), quiet.dust_behind_a_car),
    "a chimney steams all along": Kind((), quiet.steam_all_along),
}  # fmt: skip
FROM_THE_START = {"a chimney steams all along", "trees in the wind", "the camera shakes", "clouds", "shadows of clouds",
                  "people and cars", "headlights at night", "sunset", "dust behind a car"}  # fmt: skip


def pictures(
    kind: str, seed: int, photographs: tuple[Path, ...] = (), lasts_s: float = LASTS_S, every_s: float | None = None
) -> Iterator[tuple[float, Array]]:
    """Each with its time in the clip; RGB, 8 bits, as the sensor gives it: not encoded yet."""
    random = default_rng([seed, *kind.encode()])
    of = KINDS[kind]
    night = of.night
    scene, horizon = outdoors(random, night)
    if photographs:
        scene, horizon = photograph(photographs[int(random.integers(len(photographs)))])
        scene = scene * 0.15 if night else scene
    happening = of.make(random, horizon)
    every_s = every_s or float(random.choice([0.7, 1.0, 2.0]))
    noise = random.uniform(1.5, 5.0) * (1.6 if night else 1.0)
    sway = random.uniform(0.0, 0.6)
    at_s = 0.0
    while at_s < lasts_s:
        passed_s = at_s if kind in FROM_THE_START else at_s - BEGINS_S
        shown = happening(scene, passed_s) if passed_s >= 0 else scene
        flicker = 1 + random.normal(0, 0.004)
        grain = random.standard_normal((HEIGHT // 2, WIDTH // 2, 1)).astype(np.float32).repeat(2, 0).repeat(2, 1)
        grain = grain * 0.5 + random.standard_normal(shown.shape, dtype=np.float32) * 0.7
        shown = np.roll(shown * flicker, round(random.normal(0, sway)), 1) + grain * noise
        yield at_s, np.clip(shown, 0, 255).astype(np.uint8)
        at_s += every_s * random.uniform(0.9, 1.1)


class Encoder:
    """Keyframes of H.264, each for itself, as strong as cameras of 1 to 2 Mbit/s press them."""

    def __init__(self, crf: int = 28, width: int = WIDTH, height: int = HEIGHT) -> None:
        codec = av.CodecContext.create("libx264", "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.time_base, codec.framerate, codec.thread_count = Fraction(1, 1000), Fraction(1), 1
        codec.options = {"preset": "superfast", "tune": "zerolatency", "crf": str(crf), "g": "1"}
        codec.open()
        self._codec, self._n = codec, 0

    def keyframe(self, picture: Array) -> bytes:
        frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        self._n += 1
        frame.pts, frame.pict_type = self._n, PictureType.I
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))
