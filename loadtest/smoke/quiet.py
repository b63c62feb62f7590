"""What is no fire, and is meant to be taken for none: weather, light, traffic, lamps, by a seed. Each is a function of
the picture and of the seconds since it began. Pure."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from loadtest.smoke.plumes import Plume
from loadtest.smoke.scenes import HEIGHT, WIDTH, Array, rough

Happening = Callable[[Array, float], Array]


def nothing(random: Generator, horizon: int) -> Happening:
    return lambda picture, at_s: picture


def clouds(random: Generator, horizon: int) -> Happening:
    field, speed = rough(random, HEIGHT, WIDTH * 2, 7), random.uniform(2, 9)
    sky = np.clip((horizon - np.arange(HEIGHT)) / 8, 0, 1)[:, None]

    def on(picture: Array, at_s: float) -> Array:
        moved = np.roll(field, int(speed * at_s), 1)[:, :WIDTH]
        part = np.clip(moved * 0.6, 0, 0.9)
        part *= sky
        return picture * (1 - part[..., None]) + 235 * part[..., None]

    return on


def cloud_shadows(random: Generator, horizon: int) -> Happening:
    field, speed = rough(random, HEIGHT, WIDTH * 2, 4), random.uniform(8, 25)

    def on(picture: Array, at_s: float) -> Array:
        part = 1 - 0.42 / (1 + np.exp(-4 * np.roll(field, int(speed * at_s), 1)[:, :WIDTH]))
        part[:horizon] = 1
        return picture * part[..., None]

    return on


def fog(random: Generator, horizon: int) -> Happening:
    far = np.clip((HEIGHT - np.arange(HEIGHT)) / (HEIGHT - horizon), 0, 1.4)[:, None, None]
    comes_s = random.uniform(60, 240)
    uneven = 1 + 0.15 * rough(random, coarse=2)[..., None]

    def on(picture: Array, at_s: float) -> Array:
        left = np.exp(-2.2 * min(1.0, at_s / comes_s) * far * uneven)
        return picture * left + np.array([198, 200, 202]) * (1 - left)

    return on


def rain(random: Generator, horizon: int) -> Happening:
    def on(picture: Array, at_s: float) -> Array:
        drops = np.zeros((HEIGHT, WIDTH), np.float32)
        for x, y in zip(random.integers(0, WIDTH, 350), random.integers(0, HEIGHT, 350), strict=True):
            drops[y : y + int(random.integers(6, 22)), x] = random.uniform(10, 45)
        return np.clip(picture * 0.93 + 8 + cv2.GaussianBlur(drops, (0, 0), 0.7)[..., None], 0, 255)

    return on


def people_and_cars(random: Generator, horizon: int) -> Happening:
    moving = []
    for _ in range(7):
        car = random.random() < 0.6
        size = (int(random.uniform(45, 110)), int(random.uniform(22, 45))) if car else (14, 38)
        colour = np.array(random.choice([[225, 225, 228], [40, 42, 45], [150, 30, 28], [60, 80, 130], [235, 120, 30]]))
        paint = colour + rough(random, size[1], size[0], 8, 0.8)[..., None] * 14
        paint[size[1] // 5 : size[1] // 2, size[0] // 5 : -size[0] // 5] = 45
        speed = random.uniform(20, 90) if car else random.uniform(3, 9)
        begin = (random.uniform(0, WIDTH), random.uniform(horizon + 60, HEIGHT - 50))
        moving.append((paint, speed * random.choice([-1, 1]), *begin))

    def on(picture: Array, at_s: float) -> Array:
        out = picture.copy()
        for paint, speed, x, y in moving:
            high, wide = paint.shape[:2]
            left, top = int(x + speed * at_s) % (WIDTH + 2 * wide) - wide, int(y)
            begin, end = max(0, left), min(WIDTH, left + wide)
            if begin < end:
                out[top : top + high, begin:end] = paint[: HEIGHT - top, begin - left : end - left]
        return out

    return on


def a_lorry_parks(random: Generator, horizon: int) -> Happening:
    wide, high = int(random.uniform(90, 170)), int(random.uniform(50, 90))
    stop, top = random.uniform(60, WIDTH - wide - 10), int(random.uniform(horizon + 50, HEIGHT - high - 4))
    side = np.full((high, wide, 3), random.uniform(150, 215)) + rough(random, high, wide, 6, 0.9)[..., None] * 3

    def on(picture: Array, at_s: float) -> Array:
        left = int(stop - max(0.0, 4.0 - at_s) * 90)
        out = picture.copy()
        if left + wide > 0:
            out[top : top + high, max(0, left) : left + wide] = side[:, max(0, -left) :]
        return out

    return on


def waving_trees(random: Generator, horizon: int) -> Happening:
    rows, columns = (each.astype(np.float32) for each in np.mgrid[0:HEIGHT, 0:WIDTH])
    where = np.clip(rough(random, coarse=4), 0, 1)
    ways = [rough(random, coarse=12) for _ in range(2)]

    def on(picture: Array, at_s: float) -> Array:
        swing = 3.5 * where * (ways[0] * np.sin(at_s * 2.1) + ways[1] * np.sin(at_s * 3.3 + 1))
        return cv2.remap(
            picture, columns + swing.astype(np.float32), rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )

    return on


def shake(random: Generator, horizon: int) -> Happening:
    def on(picture: Array, at_s: float) -> Array:
        x, y = random.normal(0, 4, 2)
        move = np.array([[1, 0, x], [0, 1, y]], np.float32)
        return cv2.warpAffine(picture, move, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)

    return on


def light_switches(random: Generator, horizon: int) -> Happening:
    gains = random.uniform(0.45, 1.5, 40)
    return lambda picture, at_s: np.clip(picture * gains[int(at_s / 9) % 40], 0, 255)


def headlights(random: Generator, horizon: int) -> Happening:
    lamps = [
        (random.uniform(0, WIDTH), random.uniform(horizon + 50, HEIGHT - 30), random.uniform(15, 70)) for _ in range(5)
    ]

    def on(picture: Array, at_s: float) -> Array:
        out = picture.copy()
        for of, colour in ((0, (230, 35, 25)), (1, (255, 235, 200))):
            spots = np.zeros((HEIGHT, WIDTH), np.float32)
            for x, y, speed in lamps[of::2]:
                at = (x + speed * at_s * (1 if of else -1)) % WIDTH
                for side in (-9, 9):
                    cv2.circle(spots, (int(at + side), int(y)), 4, 1.0, -1)
            glow = cv2.GaussianBlur(spots, (0, 0), 1.5) + 9 * cv2.GaussianBlur(spots, (0, 0), 14)
            out += glow[..., None] * np.array(colour) * 0.8
        return np.clip(out, 0, 255)

    return on


def a_beacon(random: Generator, horizon: int) -> Happening:
    x, y = int(random.uniform(40, WIDTH - 40)), int(random.uniform(horizon + 30, HEIGHT - 30))

    def on(picture: Array, at_s: float) -> Array:
        if random.random() < 0.5:
            return picture
        spot = np.zeros((HEIGHT, WIDTH), np.float32)
        cv2.circle(spot, (x, y), 6, 1.0, -1)
        glow = (cv2.GaussianBlur(spot, (0, 0), 2) * 1.6 + 6 * cv2.GaussianBlur(spot, (0, 0), 12))[..., None]
        return np.clip(picture + glow * np.array([255, 165, 40]), 0, 255)

    return on


def sunset(random: Generator, horizon: int) -> Happening:
    x = random.uniform(100, WIDTH - 100)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]

    def on(picture: Array, at_s: float) -> Array:
        away = np.hypot(columns - x, rows - (horizon - 60 + at_s * 0.35))
        sun = np.where(rows < horizon, np.exp(-away / 16) * 1.6 + np.exp(-away / 110) * 0.7, 0)[..., None]
        warm = picture * np.array([1.0, 0.82, 0.62]) * (0.95 - 0.002 * at_s)
        return np.clip(warm + sun * np.array([255, 170, 60]), 0, 255)

    return on


def dust_behind_a_car(random: Generator, horizon: int) -> Happening:
    y, speed, begin = random.uniform(horizon + 60, HEIGHT - 40), random.uniform(25, 60), random.uniform(0, WIDTH)

    def on(picture: Array, at_s: float) -> Array:
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        at = (begin + speed * at_s) % (WIDTH + 300)
        behind = at - columns
        part = np.exp(-(((rows - y + 8) / 16) ** 2)) * np.where(behind > 0, np.exp(-behind / 70), 0) * 0.75
        part = np.clip(part * (1 + 0.3 * rough(random, coarse=20)), 0, 1)[..., None]
        out = picture * (1 - part) + np.array([188, 172, 148]) * part
        left = int(at)
        if 0 <= left < WIDTH - 45:
            out[int(y) - 14 : int(y) + 8, left : left + 45] = 60
        return out

    return on


def steam_all_along(random: Generator, horizon: int) -> Happening:
    """A chimney that steamed before the camera began to look; `at_s` counts from a minute before the clip."""
    at = (random.uniform(80, WIDTH - 80), random.uniform(horizon + 20, horizon + 70))
    plume = Plume(random, at, random.uniform(10, 20), 225, 0.8, 1.0, 1.3)
    return lambda picture, at_s: plume.on(picture, at_s + 60)
