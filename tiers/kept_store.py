"""Video on the disk of a node: segments and the index of what was kept and what is missing; bounded by size and age.

A folder for each hour (UTC) below `video` of the node's data: the segments that begin in it, and `index`, a line each,
written after its file. What goes, goes by the segment, the oldest first, and never what is pinned; the index says so.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from fusioncmd import limits
from fusioncmd.errors import NotFound
from fusioncmd.video import kept
from fusioncmd.video.keeping_bounds import KEPT_BYTES_MAX, KEPT_DAYS_MAX
from fusioncmd.video.kept import FORM, Missing, Pin, Row, Segment, Shed
from fusioncmd.voice.recorded import HOUR_MS, hour_of
from tiers.recordings import store

log = structlog.get_logger("keep")
INDEX, PINS, SHARE = "index", "pins", "share"


def folder_of(data: Path) -> Path:
    return data / "video"


def folder_of_copies(data: Path, code: str) -> Path:
    return data / "video-copies" / code


def copies_of(data: Path) -> list[Path]:
    """Folders of what nodes below recorded, one for each."""
    folder = data / "video-copies"
    return sorted(one for one in folder.iterdir() if one.is_dir()) if folder.is_dir() else []


class KeptStore:
    """Blocking: to be called beside the loop. `folder` holds the hours; pins are those of the node's `data`."""

    def __init__(
        self, data: Path, folder: Path, clock: Callable[[], float],
        bytes_max: int = KEPT_BYTES_MAX, days_max: int = KEPT_DAYS_MAX,
    ) -> None:  # fmt: skip
        self.folder, self._clock, self._pins = folder, clock, folder_of(data) / PINS
        self._bytes_max, self._days_max, self.free_bytes_min = bytes_max, days_max, limits.DISK_FREE_BYTES_MIN
        self._sizes: dict[str, int] = {}  # of hours that are over, until something of them goes
        self.shed = self.shed_for_room = 0  # segments, since the start
        self.full = False  # also without all that may go

    @property
    def bytes_max(self) -> int:
        """What it may keep: its bound, and on a kit not more than what more important things leave (tiers/kit_disk)."""
        return self._bytes_max if (share := self.share) is None else min(self._bytes_max, share)

    @property
    def share(self) -> int | None:
        try:
            return int((self.folder / SHARE).read_text("ascii"))
        except (OSError, ValueError):
            return None

    def file(self, one: Segment) -> Path:
        return self.folder / one.id[:10] / f"{one.id}.{FORM[one.codec]}"

    def place(self, ident: str, codec: str) -> Path:
        """Where a segment that begins is written. Raises OSError, also where the disk has room for little more than
        orders and answers, which come first."""
        if (self.full and self.share is not None) or shutil.disk_usage(self.folder.parent).free < self.free_bytes_min:
            self.full = True
            raise OSError(errno.ENOSPC, "the room that is left is for orders and answers")
        hour = self.folder / ident[:10]
        hour.mkdir(parents=True, exist_ok=True, mode=0o700)
        return hour / f"{ident}.{FORM[codec]}"

    def append(self, row: Row) -> None:
        """On disk when it returns. Raises OSError."""
        for one in kept.by_hours(row) if isinstance(row, Missing) else (row,):
            hour = self.folder / kept.hour_of_row(one)
            hour.mkdir(parents=True, exist_ok=True, mode=0o700)
            store(hour / INDEX, kept.line(one), os.O_APPEND)

    def hours(self) -> list[str]:
        """The oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(hour.name for hour in self.folder.iterdir() if hour.name.isdigit() and hour.is_dir())

    def rows(self, hour: str) -> list[Row]:
        try:
            return list(kept.rows((self.folder / hour / INDEX).read_bytes()))
        except FileNotFoundError:
            return []

    def between(self, from_ms: int, until_ms: int) -> Iterator[Row]:
        """Rows of that time, and some before."""
        first, last = hour_of(max(0, from_ms - HOUR_MS)), hour_of(until_ms)
        for hour in self.hours():
            if first <= hour <= last:
                yield from self.rows(hour)

    def find(self, ident: str) -> Segment:
        """Raises NotFound."""
        gone = False
        for row in self.rows(ident[:10]):
            if isinstance(row, Segment) and row.id == ident and self.file(row).exists():
                return row
            gone = gone or (isinstance(row, Shed) and row.id == ident)
        if gone:
            raise NotFound(f"The segment {ident} was shed to make room.", f"录像片段 {ident} 已为腾出空间而清除。")
        raise NotFound(f"There is no segment {ident}.", f"没有录像片段 {ident}。")

    def pins(self) -> list[Pin]:
        try:
            return kept.pins(self._pins.read_bytes())
        except FileNotFoundError:
            return []

    def pin(self, one: Pin) -> None:
        self._pins.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        store(self._pins, kept.line(one), os.O_APPEND)

    def begin(self) -> dict[tuple[str, str], int]:
        """At the start: what was being written is made whole and put into the index; up to when each source that is
        still to be kept is accounted for."""
        held: dict[tuple[str, str], int] = {}
        for hour in self.hours()[-2:]:
            known = self.rows(hour)
            self._mend(hour, known)
            for row in self.rows(hour):
                match row:
                    case (
                        Segment(node=node, source=source, end_ms=end_ms)
                        | Missing(node=node, source=source, end_ms=end_ms)
                    ):
                        held[node, source] = end_ms
                    case kept.Began(node=node, source=source, at_ms=at_ms):
                        held[node, source] = at_ms
                    case kept.Ended(node=node, source=source):
                        held.pop((node, source), None)
                    case Shed():
                        pass
        return held

    def _mend(self, hour: str, known: list[Row]) -> None:
        from fusioncmd.video.mp4 import repair  # heavy, and a node that finds what was kept mends nothing

        done = {row.id for row in known if isinstance(row, Segment)}
        for file in sorted((self.folder / hour).glob("*.*")):
            if file.stem in done or file.suffix[1:] not in FORM.values():
                continue
            found = repair(file)
            if found is None:
                file.unlink()
                continue
            one = msgspec.json.decode(found.label, type=Segment)
            log.info("keep.mended", segment=one.id, ms=found.lasts_ms)
            self.append(
                msgspec.structs.replace(
                    one, end_ms=one.begin_ms + found.lasts_ms, bytes=found.bytes, sha256=found.sha256
                )
            )

    def prune(self, room: int = 0) -> int:
        """Sheds what is too old, and the oldest beyond the bound, or until the disk has so many bytes `room` more than
        it must have. Returns how many segments went."""
        hours, pins, bytes_max = self.hours(), self.pins(), self.bytes_max
        total = sum(map(self._size, hours))
        oldest = hour_of(max(0, int(self._clock() * 1_000) - self._days_max * 24 * HOUR_MS))
        before = self.shed
        for hour in hours:
            free = shutil.disk_usage(self.folder.parent).free
            short = free < self.free_bytes_min + room
            if hour >= oldest and total <= bytes_max and not short:
                break
            why: kept.Why = "days" if hour < oldest else "bytes" if total > bytes_max else "room"
            over = total - bytes_max if why == "bytes" else self.free_bytes_min + room - free
            total -= self._shed(hour, pins, why, None if why == "days" else over)
        self.full = total > bytes_max or shutil.disk_usage(self.folder.parent).free < self.free_bytes_min
        return self.shed - before

    def _shed(self, hour: str, pins: list[Pin], why: kept.Why, wanted: int | None) -> int:
        """So many bytes of that hour at least, where it has them; None: all that is not pinned."""
        freed, left = 0, False
        self._sizes.pop(hour, None)
        for row in sorted((row for row in self.rows(hour) if isinstance(row, Segment)), key=lambda one: one.begin_ms):
            file = self.file(row)
            if not file.exists():
                continue
            if kept.is_pinned(row, pins) or (wanted is not None and freed >= wanted):
                left = True
                continue
            self._gone(row, file, why)
            freed += row.bytes
        if why == "days" and not left:
            shutil.rmtree(self.folder / hour)
        return freed

    def _gone(self, row: Segment, file: Path, why: kept.Why) -> None:
        """Said first, and said again where it was not done. An index that cannot be written for want of room must not
        keep the file there."""
        said = Shed(row.id, int(self._clock() * 1_000), why)
        try:
            self.append(said)
            file.unlink()
        except OSError:
            file.unlink()
            self.append(said)
        self.shed += 1
        self.shed_for_room += why != "days"

    def _size(self, hour: str) -> int:
        found = self._sizes.get(hour)
        if found is None:
            found = sum(file.stat().st_size for file in (self.folder / hour).iterdir())
            if hour < hour_of(int(self._clock() * 1_000) - HOUR_MS):
                self._sizes[hour] = found
        return found
