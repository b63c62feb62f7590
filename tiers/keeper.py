"""The recorder of a node: every source that is to be kept, what was heard of it, and what that makes on the disk.

Blocking, and without a bus: `keep.py` gives it what came and the time.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import structlog

from fusioncmd.video.bounds import SILENT_S, SOURCES_MAX
from fusioncmd.video.keeping_bounds import KEPT_MAX, LEFT_MS
from fusioncmd.video.source import Source
from tiers import kept_wanted
from tiers.kept_source import KeptSource
from tiers.kept_store import KeptStore
from tiers.kept_wanted import State, Wanted

log = structlog.get_logger("keep")
Key = tuple[str, str]  # of a source: its node's code, its name
PRUNE_EVERY_MS, FULL_EVERY_MS = 30_000, 2_000
ROOM_BYTES = 16 * 1024**2  # made beyond what must be there, where the disk was full
SAID_EVERY_MS = 5_000
SHOWN = "shown"  # another source's packets, said again: that one is kept


class Heard(NamedTuple):
    key: Key
    bundle: bytes
    at_ms: float


class Wants(NamedTuple):
    """What the recorder wants to hear; of which of it, a new picture."""

    hear: frozenset[Key]
    keyframes: frozenset[Key]


class Keeper:
    """`folder` is shared with the node, which says there what is wanted. `origin` is the node's code."""

    def __init__(self, store: KeptStore, folder: Path, origin: str, now_ms: float) -> None:
        self._store, self._folder, self._origin = store, folder, origin
        self._began_ms = now_ms
        self._known: dict[Key, tuple[Source, float]] = {}  # and when it was heard last
        self.sources: dict[Key, KeptSource] = {}
        self._pruned_ms = self._said_ms = 0.0
        self._over = 0  # sources beyond KEPT_MAX
        self.shed = 0  # messages
        for (node, name), done_ms in store.begin().items():
            self.sources[node, name] = KeptSource(store, origin, node, name, done_ms, now_ms, "down")

    def work(self, said: list[Source], heard: list[Heard], shed: int, now_ms: float) -> Wants:
        """A turn: what sources said of themselves, their packets, and how many messages were shed before those."""
        if shed:
            self.shed += shed
            for one in self.sources.values():
                one.shed(now_ms)
        for source in said:
            self._hear_source(source, now_ms)
        self._choose(kept_wanted.read(self._folder), now_ms)
        for each in heard:
            found = self.sources.get(each.key)
            if found is not None:
                found.hear(each.bundle, each.at_ms)
        for one in self.sources.values():
            one.tick(now_ms)
        often = self._store.full or self._store.share is not None  # what others leave on the disk may become less
        if abs(now_ms - self._pruned_ms) >= (FULL_EVERY_MS if often else PRUNE_EVERY_MS):
            self._pruned_ms = now_ms
            if gone := self._store.prune(ROOM_BYTES if self._store.full else 0):
                log.warning("keep.shed", segments=gone)
        if abs(now_ms - self._said_ms) >= SAID_EVERY_MS:
            self._said_ms = now_ms
            self._say(now_ms)
        live = frozenset(key for key in self.sources if self._is_live(key, now_ms))
        return Wants(live, frozenset(key for key in live if self.sources[key].wants_key))

    def end(self, now_ms: float) -> None:
        """The recorder ends, and says up to when it kept."""
        for one in self.sources.values():
            one.end(now_ms, over=False)
        (self._folder / kept_wanted.STATE).unlink(missing_ok=True)  # it is not missed

    def _hear_source(self, source: Source, now_ms: float) -> None:
        key = source.node, source.name
        if source.kind == SHOWN or source.name == SHOWN or source.thin or self._is_stale(source):
            return  # one over a thin link is recorded below it, whole; copies come from there
        if source.over:
            self._known.pop(key, None)
            return
        if key not in self._known and len(self._known) >= SOURCES_MAX:
            del self._known[min(self._known, key=lambda each: self._known[each][1])]
        self._known[key] = source, now_ms
        if key in self.sources:
            self.sources[key].is_now(source)

    def _is_stale(self, source: Source) -> bool:
        """Of a gateway that it has left since: a later one has begun."""
        known = self._known.get((source.node, source.name))
        return known is not None and known[0].gateway != source.gateway and source.since_ms < known[0].since_ms

    def _choose(self, wanted: Wanted, now_ms: float) -> None:
        for key, one in list(self.sources.items()):
            left = not wanted.chose(*key) and not self._is_live(key, now_ms) and now_ms - self._last(key) > LEFT_MS
            if not wanted.wants(*key) or left:
                one.end(now_ms, over=True)
                del self.sources[key]
        fresh = [key for key in self._known if self._is_live(key, now_ms) and wanted.wants(*key)]
        fresh = [key for key in dict.fromkeys([*wanted.named(), *fresh]) if key not in self.sources]
        room = KEPT_MAX - len(self.sources)
        self._over = max(0, len(fresh) - room)
        for key in fresh[: max(0, room)]:
            made = self.sources[key] = KeptSource(
                self._store, self._origin, *key, since_ms=round(now_ms), now_ms=now_ms
            )
            if key in self._known:
                made.is_now(self._known[key][0])

    def _is_live(self, key: Key, now_ms: float) -> bool:
        return now_ms - self._last(key) <= SILENT_S * 1_000

    def _last(self, key: Key) -> float:
        """When it was heard last; at the start, it is as if each had been right before."""
        return self._known[key][1] if key in self._known else self._began_ms

    def _say(self, now_ms: float) -> None:
        problems = []
        if self._store.full:
            problems.append(
                ("The disk has no room for video: nothing more is recorded until something is unpinned or moved away",
                 "磁盘已无空间录像：解除锁定或移走文件之前不再录制")
            )  # fmt: skip
        if self._store.shed:
            count = self._store.shed
            problems.append(
                (f"{count} segments of video were shed to keep within the bounds of disk and age",
                 f"为不超出磁盘与保存期限，已清除 {count} 个录像片段")
            )  # fmt: skip
        if self._over:
            problems.append(
                (f"{self._over} sources of video are not recorded: {KEPT_MAX} are at most",
                 f"{self._over} 路视频未录制：最多同时录制 {KEPT_MAX} 路")
            )  # fmt: skip
        if self.shed:
            problems.append(
                (f"The recorder of video did not keep up: {self.shed} messages were shed",
                 f"录像程序积压，已舍弃 {self.shed} 条消息")
            )  # fmt: skip
        try:
            kept_wanted.write(
                self._folder, State(round(now_ms), len(self.sources), tuple(problems), self._store.shed_for_room)
            )
        except OSError as error:
            log.error("keep.cannot_say", problem=str(error))
