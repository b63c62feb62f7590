"""`python -m loadtest smoke`: how often the detector that ships misses smoke and fire, and sees what is none.

Clips are made by a seed: plumes and flames in made scenes, and weather, light, traffic and lamps where nothing burns;
each picture goes through H.264, the gateway's decoder, the detector and the rules that make an alarm of it. Made clips
say what the detector does with what its makers thought of: the rates at real fires are unknown. With `--photographs`
the scenes are photographs; with `--folder`, clips of your own are looked at: files in `smoke`, `fire` and `none`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np
from rich.table import Table

from fusioncmd.video.source import Source
from gateways.seeing.classical import Classical
from gateways.seeing.detector import Event, Picture
from gateways.seeing.episodes import Episodes
from gateways.seeing.grounds import one_thread
from gateways.seeing.pictures import Keyframes
from loadtest import measure
from loadtest.output import Result, note, show
from loadtest.smoke.clips import BEGINS_S, KINDS, LASTS_S, Encoder, pictures

EVERY_S = 1.0  # a picture of a clip of one's own
MISSED_MAX, FALSE_MAX = 0.1, 0.05  # of the clips, but those that are far off
FAR = "smoke, far, before the sky"
Clip = tuple[str, int, tuple[Path, ...], bool]  # kind, seed, photographs, or the file of one's own
SOURCE = Source("440106001", "clip", "clip", "camera", "clip", 0, ())


@dataclass(slots=True)
class Told:
    """What was alarmed of one clip: when each event was first, and seconds of processor."""

    first_s: dict[Event, float] = field(default_factory=dict)
    before_s: dict[Event, float] = field(default_factory=dict)  # that it began
    lasted_s: float = 0.0
    pictures: int = 0
    blind: int = 0  # of them
    undecoded: int = 0
    decode_s: float = 0.0
    look_s: float = 0.0


def watch(clip: Iterable[tuple[float, Picture | bytes]], begins_s: float = BEGINS_S) -> Told:
    """`clip`: pictures, or keyframes of H.264, with their times."""
    told, keyframes, detector = Told(), Keyframes("H264"), Classical()
    episodes = Episodes("44.01.06.001.clip", lambda _: bytes(16))
    for at_s, given in clip:
        began = time.process_time()
        picture = keyframes.picture(given, detector.size) if isinstance(given, bytes) else given
        decoded = time.process_time()
        seen = None if picture is None else detector.look(at_s, picture)
        told.look_s += time.process_time() - decoded
        told.decode_s += decoded - began
        told.pictures += 1
        told.undecoded += picture is None
        told.blind += seen is None
        told.lasted_s = at_s
        for alarm in episodes.take(SOURCE, seen, at_s, 0):
            when = told.first_s if at_s >= begins_s else told.before_s
            when.setdefault(alarm.event, at_s)  # type: ignore[arg-type]
    return told


def made(
    kind: str, seed: int, photographs: tuple[Path, ...] = (), lasts_s: float = LASTS_S, every_s: float | None = None
) -> Iterator[tuple[float, bytes]]:
    encoder = Encoder()
    shown = pictures(kind, seed, photographs, lasts_s, every_s)
    return ((at_s, encoder.keyframe(picture)) for at_s, picture in shown)


async def run(given: argparse.Namespace) -> Result:
    result = Result("smoke", measure.conditions() | {"clips": given.clips, "seed": given.seed})
    grid = Table("", "clips", "missed", "false", "alarm after, median", "alarm after, last", title="smoke", box=None)
    photographs = tuple(sorted(given.photographs.iterdir())) if given.photographs else ()
    all_told: list[tuple[tuple[Event, ...], str, Told]] = []
    with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn"), one_thread) as pool:
        for kind, (expected, _, _) in _kinds(given):
            note(kind)
            found = list(pool.map(_one, _clips(given, kind, photographs)))
            all_told += [(expected, kind, told) for told in found]
            _row(grid, kind, expected, found, 0.0 if given.folder else BEGINS_S)
    _sum(result, all_told)
    if not given.folder:
        _sum_costs(result, [told for _, _, told in all_told])
        result.remarks.append("These are made clips: the rates at real fires are unknown.")
    result.remarks[:0] = [f"{each.name}: {each.value} {each.unit}".rstrip() for each in result.figures]
    result.grid = grid
    return result


def _kinds(given: argparse.Namespace) -> list[tuple[str, Any]]:
    if given.folder:
        return [(name, ((name,) if name != "none" else (), None, False)) for name in ("smoke", "fire", "none")]
    return [(name, kind) for name, kind in KINDS.items() if not given.only or given.only in name]


def _clips(given: argparse.Namespace, kind: str, photographs: tuple[Path, ...]) -> list[Clip]:
    if given.folder:
        return [(kind, 0, (file,), True) for file in sorted((given.folder / kind).glob("*.*"))]
    return [(kind, given.seed * 1_000 + n, photographs, False) for n in range(given.clips)]


def _one(clip: Clip) -> Told:
    kind, seed, files, own = clip
    if own:
        return watch(_own(files[0]), 0.0)
    return watch(made(kind, seed, files), BEGINS_S if KINDS[kind].expected else 0.0)


def _own(file: Path) -> Iterator[tuple[float, Picture]]:
    """Pictures of a file, one each second."""
    detector, last_s = Classical(), -EVERY_S
    with av.open(str(file)) as opened:
        for frame in opened.decode(video=0):
            if frame.time is not None and frame.time - last_s >= EVERY_S:
                last_s = frame.time
                small = frame.reformat(*detector.size(frame.width, frame.height), "rgb24")
                yield frame.time, np.ascontiguousarray(small.to_ndarray())


def is_missed(expected: tuple[Event, ...], told: Told) -> bool:
    """None of what burns was said: where there are both, one of them calls the same people."""
    return bool(expected) and not any(event in told.first_s for event in expected)


def is_false(expected: tuple[Event, ...], told: Told) -> bool:
    """Something was said where nothing burns, or before it did. Smoke that is called fire is no false alarm."""
    return bool(told.before_s) or (not expected and bool(told.first_s))


def _row(grid: Table, kind: str, expected: tuple[Event, ...], found: list[Told], begins_s: float) -> None:
    if not found:
        return
    after = sorted(min(each.first_s[event] for event in expected if event in each.first_s) - begins_s
                   for each in found if expected and not is_missed(expected, each))  # fmt: skip
    missed = str(sum(is_missed(expected, each) for each in found)) if expected else ""
    false = str(sum(is_false(expected, each) for each in found))
    grid.add_row(
        kind, str(len(found)), missed, false, f"{median(after):.0f} s" if after else "",
        f"{after[-1]:.0f} s" if after else "",
    )  # fmt: skip


def _sum(result: Result, all_told: list[tuple[tuple[Event, ...], str, Told]]) -> None:
    burns = [(expected, told) for expected, kind, told in all_told if expected and kind != FAR]
    quiet = [told for expected, _, told in all_told if not expected]
    missed, false = sum(is_missed(*each) for each in burns), sum(is_false((), each) for each in quiet)
    hours = sum(each.lasted_s for each in quiet) / 3_600
    result.add("clips that burn, the far ones left out", len(burns))
    result.add("of them missed", missed)
    result.add("clips where nothing burns", len(quiet))
    result.add("of them alarmed", false)
    result.add("hours where nothing burns", round(hours, 2), "h")
    shown = sum(told.pictures for told in quiet)
    result.add("of their pictures, blind", round(100 * sum(told.blind for told in quiet) / max(1, shown), 1), "%")
    if not all_told:
        result.failures.append("There are no clips.")
    if undecoded := sum(told.undecoded for _, _, told in all_told):
        result.failures.append(f"{undecoded} pictures could not be decoded: nothing is seen on those.")
    if burns and missed > MISSED_MAX * len(burns):
        result.failures.append(f"{missed} of {len(burns)} clips that burn were missed.")
    if quiet and false > FALSE_MAX * len(quiet):
        result.failures.append(f"{false} of {len(quiet)} clips where nothing burns were alarmed.")


def _sum_costs(result: Result, found: list[Told]) -> None:
    count = sum(told.pictures for told in found)
    decode_ms, look_ms = (
        1_000 * sum(getattr(told, name) for told in found) / max(1, count) for name in ("decode_s", "look_s")
    )
    result.add("decoded and scaled", round(decode_ms, 1), "ms of CPU a picture")
    result.add("looked at", round(look_ms, 1), "ms of CPU a picture")
    cameras = int(1_000 / (decode_ms + look_ms)) if count else 0
    result.add("cameras of 640x360 a core carries, a picture a second each", cameras)


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=int, default=10, help="of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--only", default="", help="kinds whose name holds this")
    parser.add_argument("--photographs", type=Path, help="a folder of pictures, which become the scenes")
    parser.add_argument("--folder", type=Path, help="of clips of your own, in place of made ones")
