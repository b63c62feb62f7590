"""A kit's disk, watched by its node: how much each class has, what has to go, what is refused, and who is told.

The rules are those of `fusioncmd/kit_disk.py`. Recorders read what they may keep from a file beside their index; the
stream of pictures is given its bound; gateways find a file where no reports are taken. What was shed is counted in a
file of its own, so that the tiers above hear of it when the link is back, whatever was started anew meanwhile.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import PICTURE, Bus
from fusioncmd.errors import StorageFull, Unavailable
from fusioncmd.kit_disk import DiskWord, Used, divide, moved, sentence_of
from fusioncmd.room import refusing
from fusioncmd.voice.recorded import HOUR_MS, hour_of
from tiers import kept_wanted
from tiers.kept_store import SHARE, copies_of, folder_of
from tiers.problems import Said
from tiers.recordings import folder_of as voice_of

log = structlog.get_logger("node")

LOOK_EVERY_S = 2.0
PICTURES_BYTES_MIN = 1024**2  # a stream of 0 bytes would be one without a bound
VOICE_SHARE, VOICE_BYTES = 8, 256 * 1024**2
TOLD_S = 24 * 3_600  # what was shed is said for so long after the last of it
NOTED_EVERY_S = 60  # in the audit, what was shed since


class Shed(Struct, frozen=True):
    """Since the folder was made, and when something went last (ms since 1970)."""

    segments: Annotated[int, Meta(ge=0)] = 0
    parts: Annotated[int, Meta(ge=0)] = 0
    at_ms: int = 0


_shed = msgspec.json.Decoder(Shed)


class KitDisk:
    """Of the node `code`, whose folder is `data`; `budget`: bytes that were given; 0: as many as there are. `clock`
    gives seconds since 1970."""

    def __init__(
        self, bus: Bus, code: str, data: Path, budget: int, recorder: Recorder, clock: Callable[[], float]
    ) -> None:
        self._bus, self._code, self._data, self._given = bus, code, data, budget
        self._recorder, self._clock = recorder, clock
        self._file = data / "shed.json"
        self.shed = self._read()
        self._noted, self._noted_s = self.shed, clock()
        self._before = _segments(data)
        self._first = 0  # of the stream of pictures
        self._pictures = -1  # its bound, as it was told
        self.word = DiskWord(code)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except (OSError, Unavailable) as problem:
                log.warning("disk.not_looked_at", problem=str(problem))
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        used = await asyncio.to_thread(measure, self._data)
        free = shutil.disk_usage(self._data).free
        shares = divide(self._given, used, free)
        voice = await asyncio.to_thread(_shed_voice, self._data, shares.recordings, self._clock())
        await asyncio.to_thread(_tell_recorders, self._data, shares.recordings)
        refusing(self._data, bool(shares.full))
        wanted = max(PICTURES_BYTES_MIN, shares.pictures)
        before = (await self._bus.edge(PICTURE)).first
        if moved(self._pictures, wanted):
            await self._bus.bound(PICTURE, wanted)
            self._pictures = wanted
        parts = max(0, (await self._bus.edge(PICTURE)).first - (self._first or before))
        self._first = before + parts if not self._first else self._first + parts
        segments = _segments(self._data)
        self._count(max(0, segments - self._before) + voice, parts)
        self._before = segments
        recent = self._clock() * 1_000 - self.shed.at_ms < TOLD_S * 1_000
        shed = self.shed if recent else Shed()
        if shares.full != self.word.full:
            log.warning("disk.refuses", what=shares.full)
        self.word = DiskWord(self._code, shed.segments, shed.parts, shares.full)
        self._note()

    @property
    def said(self) -> DiskWord | None:
        """For the tiers above; None where there is nothing to say."""
        word = self.word
        return word if word.full or word.segments or word.parts else None

    def problems(self) -> tuple[Said, ...]:
        return () if self.said is None else (sentence_of(self.said, own=True),)

    def check_room(self) -> None:
        """`StorageFull` where no order is taken."""
        if self.word.full == "orders":
            raise StorageFull(
                "The kit's share of its disk is full: nothing was written. Make room, or give it more with --disk-gib.",
                "四合一装备的磁盘配额已满，未写入任何内容；请清出空间，或用 --disk-gib 增加配额。",
            )

    def _count(self, segments: int, parts: int) -> None:
        if not segments and not parts:
            return
        log.warning("disk.shed", segments=segments, parts=parts)
        was = self.shed
        self.shed = Shed(was.segments + segments, was.parts + parts, int(self._clock() * 1_000))
        partial = self._file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(self.shed))
        os.replace(partial, self._file)

    def _note(self) -> None:
        """Into the audit, once in a while."""
        now_s = self._clock()
        if self.shed == self._noted or abs(now_s - self._noted_s) < NOTED_EVERY_S:
            return
        details = {
            "change": "shed", "segments": str(self.shed.segments - self._noted.segments),
            "parts of pictures": str(self.shed.parts - self._noted.parts),
        }  # fmt: skip
        self._recorder.note(Entry(int(now_s * 1_000), "disk", "node", self._code, "", details))
        self._noted, self._noted_s = self.shed, now_s

    def _read(self) -> Shed:
        try:
            return _shed.decode(self._file.read_bytes())
        except (OSError, msgspec.MsgspecError):
            return Shed()


def unbounded(data: Path) -> None:
    """This node is no kit, or not any more."""
    for folder in (folder_of(data), *copies_of(data)):
        (folder / SHARE).unlink(missing_ok=True)
    refusing(data, False)


def measure(data: Path) -> Used:
    """What is on the disk, as files; what goes meanwhile counts or not."""
    recordings = sum(map(_size, (folder_of(data), data / "video-copies", voice_of(data))))
    pictures = sum(map(_size, (data / "nats" / "store").glob(f"jetstream/*/streams/{PICTURE.name}")))
    return Used(_size(data) - recordings - pictures, pictures, recordings)


def _size(folder: Path) -> int:
    total = 0
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return 0
    for entry in entries:
        try:
            total += _size(Path(entry)) if entry.is_dir(follow_symlinks=False) else entry.stat().st_size
        except OSError:
            continue
    return total


def _shed_voice(data: Path, share: int, now_s: float) -> int:
    """What was said in talkgroups, by the hour, the oldest first, never that of now: it has an eighth, and where little
    is left all of a little. Returns how many recordings went."""
    folder, most, gone = voice_of(data), max(share // VOICE_SHARE, min(share, VOICE_BYTES)), 0
    sizes = {hour: _size(hour) for hour in sorted(folder.iterdir())} if folder.is_dir() else {}
    total = sum(sizes.values())
    for hour, size in sizes.items():
        if total <= most or hour.name >= hour_of(int(now_s * 1_000) - HOUR_MS):
            break
        gone += sum(1 for _ in hour.glob("*.ogg"))
        shutil.rmtree(hour, ignore_errors=True)  # what is left of it is seen at the next look
        total -= size
    return gone


def _tell_recorders(data: Path, share: int) -> None:
    """Copies of what nodes below recorded get a quarter together; the own video, what they and voice do not take."""
    copies = copies_of(data)
    taken = sum(map(_size, (*copies, voice_of(data))))
    told = [(folder_of(data), max(0, share - taken)), *((each, share // 4 // len(copies)) for each in copies)]
    for folder, most in told:
        if not folder.is_dir():
            continue
        partial = folder / f"{SHARE}.partial"
        partial.write_text(str(most), "ascii")
        os.replace(partial, folder / SHARE)


def _segments(data: Path) -> int:
    """How many the recorder shed for want of room since it began; fewer than before: it began anew."""
    said = kept_wanted.state(folder_of(data))
    return 0 if said is None else said.shed
