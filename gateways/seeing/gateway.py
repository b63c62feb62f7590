"""Which sources are watched, their keyframes to the child that looks at them, and what it saw to alarms."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from fusioncmd.alarm.alarm import Alarm
from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadMessage, Problem
from fusioncmd.video import subjects
from fusioncmd.video.heard import SourcesHeard
from fusioncmd.video.source import Source
from gateways.alarm.intake import Intake
from gateways.satellite.child import Child
from gateways.seeing import bounds
from gateways.seeing.episodes import Episodes
from gateways.seeing.watched import Watched, is_watched
from gateways.seeing.words import LOOK, READY, Look, Saw, encode, read_saw

log = structlog.get_logger("seeing")

TICK_S = 0.5
Keep = Callable[[Alarm, bytes], Awaitable[None]]


class _One:
    """A source that is watched."""

    def __init__(self, address: str, source: Source, make_id: Callable[[int], bytes]) -> None:
        self.watched, self.episodes = Watched(source), Episodes(address, make_id)
        self.hearing: Hearing | None = None
        self.kept = b""  # the alarm of which a picture is kept
        self.seen_s = time.monotonic()  # when it could be looked at last
        self.blind, self.unseen = False, 0  # and that it cannot be is said; pictures that could not be


class Seeing:
    """`links` is the bus of what passes between tiers; `chosen`: addresses, or none for all cameras at and below
    `serves`; `keep` keeps a picture that an alarm names; `arguments` are the child's."""

    def __init__(
        self, links: Bus, intake: Intake, serves: Path, chosen: frozenset[str], keep: Keep, *arguments: str
    ) -> None:  # fmt: skip
        self._links, self._intake, self._serves, self._chosen = links, intake, serves, chosen
        self._keep, self._arguments = keep, arguments
        self._heard = SourcesHeard()
        self._here: dict[str, _One] = {}
        self._child: Child | None = None
        self._asked: deque[tuple[str, float]] = deque()  # what the child has not answered, and since when
        self._ended_s, self._again_s = -1e9, bounds.AGAIN_S
        self._ready = self._spoilt = False  # the child has its detector; it says what no detector does
        self._heard_s = 0.0  # when it began, or said something last
        self._blamed: dict[str, tuple[int, float]] = {}  # how often, and when last
        self._left_out: dict[str, float] = {}  # until when
        self._telling: set[asyncio.Task[None]] = set()
        self.looked = self.shed = self.beyond = 0  # pictures; sources beyond WATCHED_MAX

    async def run(self) -> None:
        """Until cancelled."""
        for subject in subjects.sources_heard_at(self._serves):
            await self._links.hear(subject, lambda subject, data: self._heard.take(subject, data, _now_ms()))
        try:
            while True:
                await self._turn(time.monotonic())
                await asyncio.sleep(TICK_S)
        finally:
            if self._child is not None:
                await self._child.stop()

    async def _turn(self, now_s: float) -> None:
        self._left_out = {address: until_s for address, until_s in self._left_out.items() if now_s < until_s}
        self._blamed = {
            address: one for address, one in self._blamed.items() if now_s - one[1] < bounds.LEFT_OUT_S
        }  # fmt: skip
        wanted = {
            address: source for address, source in self._heard.live(_now_ms())
            if is_watched(address, source, self._chosen) and address not in self._left_out
        }  # fmt: skip
        for address in [address for address in self._here if address not in wanted]:
            await self._stop(address)
        for address, source in wanted.items():
            if address in self._here:
                self._here[address].watched.take(source)
            elif len(self._here) < bounds.WATCHED_MAX:
                await self._watch(address, source)
        beyond = [address for address in wanted if address not in self._here]
        if len(beyond) > self.beyond:
            log.error(
                "seeing.too_many", watched=len(self._here), not_watched=len(beyond), such_as=beyond[: bounds.NAMED_MAX]
            )
        self.beyond = len(beyond)
        if self._child is None and self._here and now_s - self._ended_s >= self._again_s:
            await self._begin()
        elif self._child is not None and (self._spoilt or self._hangs(now_s)):
            if not self._spoilt:
                log.error("seeing.detector_hangs", source=self._asked[0][0] if self._asked else "")
            await self._child.stop()
        for address, one in self._here.items():
            if not one.blind and now_s - one.seen_s > bounds.BLIND_S:
                one.blind = True
                why = {"unseen": one.unseen, "too_large": one.watched.shed, "bad": one.watched.bad}
                log.error("seeing.blind", source=address, seconds=bounds.BLIND_S, **why)

    def _hangs(self, now_s: float) -> bool:
        """Over one picture: those that wait for their turn do not count."""
        if not self._ready:
            return now_s - self._heard_s > bounds.READY_S_MAX
        return bool(self._asked) and now_s - max(self._heard_s, self._asked[0][1]) > bounds.ANSWER_S_MAX

    async def _watch(self, address: str, source: Source) -> None:
        one = self._here[address] = _One(address, source, self._intake.make_id)
        path = parse(source.node)
        one.hearing = await self._links.hear(
            subjects.packets(path, source.name), lambda _, data: self._packets(address, one, data)
        )
        log.info("seeing.watches", source=address)

    async def _stop(self, address: str) -> None:
        one = self._here.pop(address)
        if one.hearing is not None:
            await one.hearing.stop()
        if self._child is not None:
            self._child.give(LOOK, encode(Look(address, "H264", 0.0)), always=True)
        log.info("seeing.ends", source=address)

    def _packets(self, address: str, one: _One, bundle: bytes) -> None:
        now_s = time.monotonic()
        data = one.watched.packets(bundle, now_s)
        if data is None or self._child is None or not self._ready:
            return
        look = encode(Look(address, one.watched.codec, now_s, data))  # type: ignore[arg-type]
        waiting = sum(each == address for each, _ in self._asked)
        if waiting >= bounds.WAITING_MAX or not self._child.give(LOOK, look):
            self.shed += 1
            if self.shed & (self.shed - 1) == 0:
                log.warning("seeing.too_slow", pictures_shed=self.shed, watched=len(self._here))
            return
        self._asked.append((address, now_s))

    async def _begin(self) -> None:
        child = Child(
            "gateways.seeing.looking", self._saw, self._ended, *self._arguments,
            waiting_bytes_max=bounds.WAITING_BYTES_MAX, memory_bytes_max=bounds.MEMORY_BYTES_MAX,
        )  # fmt: skip
        self._asked.clear()
        self._ready = self._spoilt = False
        self._heard_s = time.monotonic()
        await child.begin()
        self._child = child

    def _ended(self) -> None:
        """Detectors begin anew. Whose picture it was is left out for a while if that was so before."""
        self._child, self._ended_s = None, time.monotonic()
        self._again_s = min(bounds.AGAIN_S_MAX, self._again_s * 2)
        if not self._ready:
            log.error("seeing.detector_does_not_start", again_s=self._again_s)
        if self._asked:
            self._blame(self._asked[0][0], self._ended_s)
        self._asked.clear()
        for one in self._here.values():
            one.episodes.forget()

    def _blame(self, address: str, now_s: float) -> None:
        times = self._blamed.pop(address, (0, now_s))[0] + 1
        if times < bounds.BLAMED_MAX:
            self._blamed[address] = times, now_s
            return
        self._left_out[address] = now_s + bounds.LEFT_OUT_S
        log.error("seeing.left_out", source=address, seconds=bounds.LEFT_OUT_S)

    def _saw(self, kind: bytes, data: bytes) -> None:
        if self._spoilt:
            return
        self._heard_s = time.monotonic()
        if kind == READY:
            self._ready = True
            return
        try:
            saw = read_saw(data)
            if not self._asked or self._asked[0][0] != saw.source:
                raise BadMessage("Nobody asked for that.", "无人请求该结果。")
        except BadMessage as problem:
            self._spoilt = True
            log.error("seeing.bad_answer", problem=problem.en)
            return
        self._asked.popleft()
        self.looked += 1
        self._again_s = bounds.AGAIN_S
        if (one := self._here.get(saw.source)) is not None:
            self._tell(one, saw)

    def _tell(self, one: _One, saw: Saw) -> None:
        if saw.seen is None:
            one.unseen += 1
        else:
            one.seen_s = time.monotonic()
            if one.blind:
                one.blind = False
                log.info("seeing.sees_again", source=saw.source)
        for alarm in one.episodes.take(one.watched.source, saw.seen, time.monotonic(), self._intake.now_ms):
            first = one.kept != alarm.id
            one.kept = alarm.id
            task = asyncio.create_task(self._tell_one(alarm, saw.still if first else b""))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _tell_one(self, alarm: Alarm, still: bytes) -> None:
        """The picture first, so that it is there when the alarm is; an alarm without one is an alarm."""
        try:
            if still:
                await self._keep(alarm, still)
        except Problem as problem:
            log.warning("seeing.picture_not_kept", source=alarm.source, problem=problem.en)
        try:
            if (done := self._intake.tell(alarm)) is not None:
                await done
                log.info("seeing.alarm", source=alarm.source, about=alarm.about, certainty=alarm.certainty)
        except Problem as problem:
            log.error("seeing.not_told", source=alarm.source, problem=problem.en)


def _now_ms() -> int:
    return int(time.time() * 1_000)
