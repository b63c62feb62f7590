"""What a made camera shows when nothing happens: sky, ridges, ground, houses and trees, by a seed. Pure.

Or a photograph, which is read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator

Array = Any  # of numpy; of OpenCV's results its types say no more
WIDTH, HEIGHT = 640, 360


def rough(random: Generator, height: int = HEIGHT, width: int = WIDTH, coarse: int = 3, fine: float = 0.55) -> Array:
    """Noise of all sizes (1/f), mean 0, spread about 1."""
    out, weight = np.zeros((height, width), np.float32), 1.0
    cells = coarse
    while cells < width:
        grid = random.standard_normal((max(2, cells * height // width + 1), cells + 1)).astype(np.float32)
        out += np.float32(weight) * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        weight, cells = weight * fine, cells * 2
    return out / (out.std() + 1e-6)


def outdoors(random: Generator, night: bool = False) -> tuple[Array, int]:
    """RGB, 0 to 255, and the row of the horizon."""
    horizon = int(random.uniform(0.28, 0.5) * HEIGHT)
    rows = np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None, None]
    blue = random.random() < 0.6
    above, below = ([90, 140, 205], [185, 205, 225]) if blue else ([165, 170, 175], [205, 208, 210])
    picture = np.broadcast_to(np.array(above, np.float32) * (1 - rows) + np.array(below, np.float32) * rows,
                              (HEIGHT, WIDTH, 3)).copy()  # fmt: skip
    for depth in range(3):
        ridge = horizon + int(depth * 14) + rough(random, 2, WIDTH, 4)[0] * (10 - 2 * depth)
        green = np.array([70, 92, 62], np.float32) * (1.15 - 0.2 * depth) + np.array([60, 70, 90]) * (
            0.5 - 0.25 * depth
        )
        paint = green + rough(random, coarse=24)[..., None] * np.array([13, 15, 11]) * (0.6 + 0.3 * depth)
        under = np.arange(HEIGHT)[:, None] > ridge[None, :]
        picture[under] = paint[under]
    start = horizon + int(random.uniform(35, 70))
    soil = np.array(random.choice([[120, 112, 92], [112, 125, 88], [128, 126, 122]]), np.float32)
    picture[start:] = soil + rough(random, HEIGHT - start, WIDTH, 40, 0.8)[..., None] * np.array([17, 16, 14])
    for _ in range(int(random.integers(2, 6))):
        _house(random, picture, start)
    for _ in range(int(random.integers(3, 9))):
        _tree(random, picture, start)
    if night:
        picture = picture * 0.13 + np.array([6, 7, 10])
    return np.clip(picture, 0, 255).astype(np.float32), horizon


def photograph(file: Path) -> tuple[Array, int]:
    found = cv2.imread(str(file), cv2.IMREAD_COLOR)
    assert found is not None, file
    height, width = found.shape[:2]
    part = max(WIDTH / width, HEIGHT / height)
    large = cv2.resize(found, (int(width * part + 1), int(height * part + 1)), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(large[:HEIGHT, :WIDTH], cv2.COLOR_BGR2RGB).astype(np.float32), HEIGHT // 4


def _house(random: Generator, picture: Array, start: int) -> None:
    wide, high = int(random.uniform(40, 150)), int(random.uniform(30, 110))
    left, foot = int(random.uniform(0, WIDTH - wide)), min(HEIGHT - 5, start + int(random.uniform(5, 90)))
    top = max(0, foot - high)
    wall = np.array(random.choice([[170, 160, 145], [140, 90, 75], [190, 188, 182], [120, 122, 128]]), np.float32)
    picture[top:foot, left : left + wide] = wall + rough(random, foot - top, wide, 12, 0.8)[..., None] * 7
    for y in range(top + 8, foot - 14, 20):
        for x in range(left + 8, left + wide - 12, 22):
            picture[y : y + 10, x : x + 11] = random.uniform(30, 80)


def _tree(random: Generator, picture: Array, start: int) -> None:
    radius, x = int(random.uniform(14, 45)), int(random.uniform(0, WIDTH))
    y = min(HEIGHT - 20, start + int(random.uniform(-20, 90)))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    crown = np.hypot(rows - y, columns - x) < radius * (1 + 0.25 * rough(random, coarse=40))
    leaves = np.array([52, 74, 40], np.float32) + rough(random, coarse=60, fine=0.8)[..., None] * np.array([20, 24, 15])
    picture[crown] = leaves[crown]
