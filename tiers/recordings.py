"""Recordings on the disk of a node: written when a burst ends, found by time, place, person; bounded by size and age.

A folder for each hour (UTC) below `voice` of the node's data: a file for each burst, and `index` with a line for each,
written after its file. What goes, goes by the hour, the oldest first.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from fusioncmd import limits
from fusioncmd.errors import NotFound
from fusioncmd.voice import recorded
from fusioncmd.voice.bounds import RECORDING_BYTES_MAX, RECORDINGS_BYTES_MAX, RECORDINGS_DAYS_MAX
from fusioncmd.voice.recorded import HOUR_MS, Recorded
from tiers.bursts import Ended

INDEX = "index"
PRUNE_EVERY = 64  # recordings, and at the start


def folder_of(data: Path) -> Path:
    return data / "voice"


class Recordings:
    """Blocking: to be called beside the loop."""

    def __init__(
        self, data: Path, clock: Callable[[], float] = time.time,
        bytes_max: int = RECORDINGS_BYTES_MAX, days_max: int = RECORDINGS_DAYS_MAX,
    ) -> None:  # fmt: skip
        self._folder, self._clock, self.free_bytes_min = folder_of(data), clock, limits.DISK_FREE_BYTES_MIN
        self._bytes_max, self._days_max = bytes_max, days_max
        self._written = 0

    def write(self, ended: Ended) -> None:
        """On disk when it returns. Raises OSError, and nothing of it is in the index then: also where the disk has
        room for little more than orders and answers, which come first."""
        from fusioncmd.voice import ogg  # heavy, and a node that finds recordings writes none

        one = ended.recorded
        if not ended.packets:
            return
        if shutil.disk_usage(self._folder.parent).free < self.free_bytes_min:
            raise OSError(errno.ENOSPC, "the room that is left is for orders and answers")
        tags = {
            "TITLE": f"{one.place} {one.group}", "ARTIST": one.name, "DATE": _date(one.at_ms),
            "COMMENT": f"{one.node} {one.gateway} {one.granted} {one.priority}",
        }  # fmt: skip
        hour = self._folder / one.id[:10]
        hour.mkdir(parents=True, exist_ok=True, mode=0o700)
        store(hour / f"{one.id}.ogg", ogg.write(ended.packets, tags), os.O_TRUNC)
        store(hour / INDEX, b"\n" + recorded.line(one), os.O_APPEND)  # the line before may have been cut off
        self._written += 1
        if self._written % PRUNE_EVERY == 0:
            self.prune()

    def prune(self) -> None:
        oldest = recorded.hour_of(int(self._clock() * 1_000) - self._days_max * 24 * HOUR_MS)
        sizes = {hour.name: sum(file.stat().st_size for file in hour.iterdir()) for hour in self._hours()}
        total = sum(sizes.values())
        for name in sorted(sizes):
            if name >= oldest and total <= self._bytes_max:
                return
            shutil.rmtree(self._folder / name)
            total -= sizes[name]

    def found(self, from_ms: int, until_ms: int, wanted: Callable[[Recorded], bool], limit: int) -> list[Recorded]:
        """The newest first, `limit` at most."""
        out: list[Recorded] = []
        first, last = recorded.hour_of(from_ms), recorded.hour_of(until_ms)
        for hour in sorted((one.name for one in self._hours() if first <= one.name <= last), reverse=True):
            rows = [one for one in self._index(hour) if from_ms <= one.at_ms <= until_ms and wanted(one)]
            out += sorted(rows, key=lambda one: (one.at_ms, one.id), reverse=True)
            if len(out) >= limit:
                break
        return out[:limit]

    def read(self, ident: str) -> tuple[Recorded, bytes]:
        """Raises NotFound."""
        try:
            one = next(one for one in self._index(ident[:10]) if one.id == ident)
            return one, (self._folder / ident[:10] / f"{ident}.ogg").read_bytes()[:RECORDING_BYTES_MAX]
        except (StopIteration, OSError):
            raise NotFound(
                f"There is no recording {ident}, or it is not kept any more.", f"没有录音 {ident}，或已不再保留。"
            ) from None

    def _index(self, hour: str) -> Iterator[Recorded]:
        try:
            data = (self._folder / hour / INDEX).read_bytes()
        except FileNotFoundError:
            return
        yield from recorded.lines(data)

    def _hours(self) -> list[Path]:
        return [hour for hour in self._folder.iterdir() if hour.is_dir()] if self._folder.is_dir() else []


def store(file: Path, data: bytes, how: int) -> None:
    """All of it: a disk that fills up takes a part without a word."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | how, 0o600)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _date(at_ms: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_ms / 1_000))
