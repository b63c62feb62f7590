"""A source of video for a recorder in simulated time: what it sends, when it is silent, what is lost, and the recorder
that is killed. It knows the truth of each picture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from fusioncmd.video import rtcp
from fusioncmd.video.bundle import pack
from fusioncmd.video.h264 import staple
from fusioncmd.video.kept import Segment
from fusioncmd.video.packet import build
from fusioncmd.video.source import VIDEO_RATE, VIDEO_TYPE, Source, Track
from tiers.keeper import Heard, Keeper
from tiers.kept_store import KeptStore, folder_of
from tiers.kept_wanted import Wanted, write

SPS = bytes.fromhex("6742c00dda0507e840000003004000000f23c50aa8")
PPS = bytes.fromhex("68ce0fc8")
IDR, SLICE = b"\x65\xb8", b"\x41\x9a"  # of which `first_mb_in_slice` is 0
SPAN_MS = 1_000  # between sender reports, and between what a source says of itself


class Trouble(NamedTuple):
    """From `begin_ms` until before `end_ms`. `lost`: packets do not come; `silent`: nothing is sent; `away`: the source
    is gone, and comes back as another one; `clock`: its clock is set by `ms`."""

    begin_ms: int
    end_ms: int
    kind: str
    ms: int = 0


class Simulated:
    """One source at `node`, `rate` pictures a second, a keyframe each `key_ms`."""

    def __init__(self, node: str, name: str, random: Random, troubles: list[Trouble], rate: int, key_ms: int) -> None:
        self.node, self.name, self._random, self.troubles = node, name, random, troubles
        self._step_ms, self._key_ms = 1_000 // rate, key_ms
        self._sequence, self._ssrc, self._base = random.randrange(1 << 16), 0, 0
        self._began_anew(0)
        self._reported_ms = self._key_due_ms = 0
        self.sent: dict[int, int] = {}  # by number: when (true time) it was sent and came
        self.number = 0

    def _began_anew(self, now_ms: int) -> None:
        self._ssrc = self._random.randrange(1, 1 << 32)
        self._base = self._random.randrange(1 << 32)
        self._epoch_ms = now_ms
        self._key_due_ms = now_ms

    def now(self, now_ms: int) -> frozenset[str]:
        return frozenset(one.kind for one in self.troubles if one.begin_ms <= now_ms < one.end_ms)

    def what(self, now_ms: int) -> Source | None:
        if "away" in self.now(now_ms):
            self._began_anew(now_ms)
            return None
        return Source(self.node, self.name, "现场", "camera", "g", 1, (Track("H264", self._ssrc),))

    def pictures(self, now_ms: int, until_ms: int, keyframe: bool) -> Iterator[Heard]:
        """Bundles of that time, as they come."""
        if keyframe:
            self._key_due_ms = min(self._key_due_ms, now_ms)
        for at_ms in range(now_ms, until_ms, self._step_ms):
            trouble = self.now(at_ms)
            if trouble & {"away", "silent"}:
                continue
            stamp = (self._base + (at_ms - self._epoch_ms) * VIDEO_RATE // 1_000) & 0xFFFF_FFFF
            packets = []
            if at_ms - self._reported_ms >= SPAN_MS:
                self._reported_ms = at_ms
                said_ms = at_ms + sum(one.ms for one in self.troubles if one.kind == "clock" and one.begin_ms <= at_ms)
                packets.append(rtcp.build([rtcp.SenderReport(self._ssrc, rtcp.to_ntp(said_ms), stamp, 0, 0)]))
            self.number += 1
            key = at_ms >= self._key_due_ms
            if key:
                self._key_due_ms = at_ms + self._key_ms
                packets.append(self._packet(stamp, staple((SPS, PPS)), False))
            payload = (IDR if key else SLICE) + b"\x80" + str(self.number).encode()
            packets.append(self._packet(stamp, payload, True))
            if "lost" in trouble:
                continue
            self.sent[self.number] = at_ms
            for bundle in pack(packets):
                yield Heard((self.node, self.name), bundle, at_ms + self._random.random() * 60)

    def _packet(self, stamp: int, payload: bytes, last: bool) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        return build(VIDEO_TYPE, self._sequence, stamp, self._ssrc, payload, last)


def number_of(data: bytes) -> int:
    """Which picture it is, of its Annex B or AVCC bytes."""
    return int(data.rpartition(b"\x80")[2])


class World:
    """A recorder at `node` with its disk, at `at_ms` of simulated time."""

    def __init__(self, data: Path, node: str, at_ms: int, bytes_max: int, days_max: int = 30) -> None:
        self.data, self.node, self.now_ms = data, node, at_ms
        self._bounds = bytes_max, days_max
        write(folder_of(data), Wanted(chosen=(node,)))
        self.kills: list[tuple[int, int]] = []
        self.keeper: Keeper | None = None
        self.store = self._store()
        self.keyframes: frozenset[tuple[str, str]] = frozenset()

    def _store(self) -> KeptStore:
        return KeptStore(self.data, folder_of(self.data), lambda: self.now_ms / 1_000, *self._bounds)

    def start(self) -> Keeper:
        self.store = self._store()
        self.keeper = Keeper(self.store, folder_of(self.data), self.node, self.now_ms)
        return self.keeper

    def kill(self, random: Random) -> None:
        """As `kill -9` does: what was written stays, in the middle of a fragment or not; what was not, is lost."""
        sizes = {file: file.stat().st_size for file in folder_of(self.data).rglob("*.mp4")}
        self.keeper = None
        self.keyframes = frozenset()
        for file, size in sizes.items():
            if size != file.stat().st_size:
                os.truncate(file, size)
        for file in sizes:
            if not any(isinstance(row, Segment) and row.id == file.stem for row in self.store.rows(file.parent.name)):
                with file.open("ab") as opened:
                    opened.write((b"\0\0\x10\0moof" + random.randbytes(900))[: random.randrange(900)])

    def turn(self, sources: list[Simulated], step_ms: int) -> None:
        """Goes on for `step_ms`, with or without a recorder."""
        until_ms = self.now_ms + step_ms
        heard: list[Heard] = []
        said: list[Source] = []
        for one in sources:
            if (what := one.what(self.now_ms)) is not None:
                said.append(what)
            heard += one.pictures(self.now_ms, until_ms, (one.node, one.name) in self.keyframes)
        self.now_ms = until_ms
        if self.keeper is not None:
            self.keyframes = self.keeper.work(said, heard, 0, self.now_ms).keyframes
