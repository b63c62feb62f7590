"""Smoke and flames, by a seed: density that rises, drifts and curls from its source, and tongues of fire. Pure."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from loadtest.smoke.scenes import HEIGHT, WIDTH, Array, rough

PART = 4  # density is made at a quarter of the picture's sides
STEP_S = 0.2


class Plume:
    """`at`: where it comes from, column and row of the picture; `size`: pixels across the source; `grey`: what the
    smoke shows; `thick`: 1 hides what is behind it near the source."""

    def __init__(
        self, random: Generator, at: tuple[float, float], size: float, grey: float, thick: float, grows_s: float = 15.0,
        rise: float = 1.0,
    ) -> None:  # fmt: skip
        self._random, self._at, self._size = random, at, size
        self._grey, self._thick, self._grows_s, self._rise = grey, thick, grows_s, rise
        shape = (HEIGHT // PART, WIDTH // PART)
        self._density = np.zeros(shape, np.float32)
        self._wind = random.uniform(-0.5, 0.5)
        self._rows, self._columns = (each.astype(np.float32) for each in np.mgrid[0 : shape[0], 0 : shape[1]])
        self._swirls = [rough(random, *shape, coarse=5) for _ in range(3)]
        self._passed_s = 0.0

    def on(self, picture: Array, passed_s: float) -> Array:
        """The picture with the smoke before it, so long after it began."""
        while self._passed_s < passed_s:
            self._step()
            self._passed_s += STEP_S
        hidden = 1 - np.exp(-cv2.resize(self._density, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).clip(0))
        light = self._grey * (0.92 + 0.08 * np.clip(1 - hidden, 0, 1))
        smoke = np.stack([light, light * 0.995, light * 1.01], -1)
        return picture * (1 - hidden[..., None]) + smoke * hidden[..., None]

    def _step(self) -> None:
        at = self._passed_s * 0.35
        turn = np.roll(self._swirls[0], int(at * 9), 0) + np.roll(self._swirls[1], int(-at * 7), 1)
        across = cv2.Sobel(turn, cv2.CV_32F, 0, 1, scale=0.25) + np.float32(self._wind * (1 + 0.4 * np.sin(at)))
        up = -self._rise + 0.6 * cv2.Sobel(turn, cv2.CV_32F, 1, 0, scale=0.25)
        back = cv2.remap(self._density, self._columns - across, self._rows - up, cv2.INTER_LINEAR)
        self._density = cv2.GaussianBlur(back, (0, 0), 0.55) * 0.992
        x, y = self._at[0] / PART, self._at[1] / PART
        wide = max(0.8, self._size / PART / 2)
        spot = np.exp(-((self._columns - x) ** 2 + (self._rows - y) ** 2) / (2 * wide**2))
        strength = min(1.0, 0.15 + self._passed_s / self._grows_s) * self._random.uniform(0.6, 1.4)
        self._density += (spot * strength * self._thick * 0.35).astype(np.float32)


class Flames:
    """`at`: the middle of their foot; `size`: pixels across when grown."""

    def __init__(self, random: Generator, at: tuple[float, float], size: float, grows_s: float = 12.0) -> None:
        self._random, self._at, self._size, self._grows_s = random, at, size, grows_s

    def on(self, picture: Array, passed_s: float) -> Array:
        grown = self._size * min(1.0, 0.3 + passed_s / self._grows_s)
        tongues = cv2.resize(self._random.uniform(0.35, 1.5, (1, 7)).astype(np.float32), (WIDTH, 1), interpolation=2)[0]
        columns, rows = np.arange(WIDTH, dtype=np.float32), np.arange(HEIGHT, dtype=np.float32)
        lean = self._random.uniform(-0.25, 0.25)
        x = (columns[None, :] - self._at[0] - lean * (self._at[1] - rows[:, None])) / (grown / 2)
        y = (self._at[1] - rows[:, None]) / grown
        scaled = np.interp(x.ravel() * 100 + WIDTH / 2, np.arange(WIDTH), tongues).reshape(x.shape)
        edge = scaled * np.sqrt(np.clip(1 - x**2, 0, 1)) * self._random.uniform(0.8, 1.2)
        heat = np.clip((edge - y) / 0.7, 0, 1) * (y > -0.03) * (np.abs(x) < 1)
        heat = cv2.GaussianBlur(
            (heat + 0.1 * rough(self._random, coarse=30) * (heat > 0)).astype(np.float32), (0, 0), 1.2
        )
        heat = np.clip(heat, 0, 1)[..., None]
        colour = np.concatenate([245 + 10 * heat, 90 + 165 * heat, 15 + 190 * np.clip(heat - 0.55, 0, 1)], -1)
        glow = cv2.GaussianBlur(heat[..., 0], (0, 0), max(2.0, grown / 3))[..., None]
        lit = picture * (1 + 1.2 * glow) + glow * np.array([60, 28, 6])
        part = np.clip(heat * 3.5, 0, 1)
        return np.clip(lit * (1 - part) + colour * part, 0, 255)
