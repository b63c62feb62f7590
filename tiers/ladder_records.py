"""Ladders on disk: what each step means and whom it reached, read at the start, written before anything is sent.

Each record is written on top of the one that this node wrote before, and of no other: a second node on the same bus
cannot take a step as well. After a store whose reply was lost, what is on disk is what counts.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import structlog

from fusioncmd import subjects
from fusioncmd.bus.port import LADDER, Bus
from fusioncmd.errors import BadInput, BadMessage, Conflict, Unavailable
from fusioncmd.ladder.behalf import Behalf
from fusioncmd.ladder.climb import Climb, Elapsed, Rung
from fusioncmd.ladder.steps import NONE, named, parse
from fusioncmd.ladder.wire import OnBehalf, Progress, Running, Told, decode, encode
from fusioncmd.messages import Order
from fusioncmd.words import reason

log = structlog.get_logger("ladders")

BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")


class Kept:
    """One order's ladder, and where its records stand."""

    def __init__(self, order: Order, ladder: str, elapsed: Elapsed) -> None:
        self.order, self.elapsed = order, elapsed
        self.climb = Climb(parse(ladder), order.status, order.open_s * 1000)
        self.began_ms: dict[int, int] = {}  # step → by the node's clock
        self.seqs: dict[int, int] = {}
        self.said: set[int] = set()  # steps with outcomes that are not on disk yet
        self.taken_by, self.below = "", False  # the node that took the order; whether it is one below this
        self.noted_ms = -1  # of the ladder's time that is on disk
        self.writing = asyncio.Lock()


class Records:
    def __init__(self, bus: Bus, behalf: Behalf) -> None:
        self._bus, self._behalf = bus, behalf
        self._running: dict[bytes, Running] = {}
        self._steps: dict[bytes, dict[int, tuple[Progress, int]]] = {}
        self.told: dict[bytes, dict[int, Told]] = {}  # by order and superior
        self.bad = 0

    async def read(self) -> None:
        async for stored in self._bus.read(LADDER):
            if not stored.data:  # forgotten
                continue
            try:
                kind = stored.subject.split(".")[3]
                if kind == "run":
                    running = decode(Running, stored.data)
                    self._running[running.order] = running
                elif kind == "step":
                    progress = decode(Progress, stored.data)
                    self._steps.setdefault(progress.order, {})[progress.step] = (progress, stored.seq)
                elif kind == "told":
                    told = decode(Told, stored.data)
                    self.told.setdefault(told.order, {})[told.number] = told
                else:
                    self._behalf.add(decode(OnBehalf, stored.data))
            except BadMessage as problem:
                self.bad += 1
                log.error("ladders.bad_record", subject=stored.subject, seq=stored.seq, problem=problem.en)

    def known(self, order: Order, boot: bytes, now_ms: int) -> Kept | None:
        """The ladder that was running when the node ended."""
        running = self._running.pop(order.id, None)
        if running is None:
            return None
        kept = Kept(order, running.ladder, Elapsed.resumed(running.elapsed, boot, now_ms))
        for i, (progress, seq) in sorted(self._steps.pop(order.id, {}).items()):
            kept.climb.rungs[i], kept.seqs[i], kept.began_ms[i] = progress.rung(), seq, progress.at_ms
        return kept

    async def forget(self, kept: Kept) -> None:
        """What ended long ago leaves the disk, but for answers on behalf; that it ran last, so that it is finished."""
        order = kept.order.id
        gone = [subjects.told(order, number) for number in self.told.get(order, {})]
        gone += [subjects.ladder_step(order, i) for i in kept.climb.rungs]
        for subject in (*gone, subjects.ladder_running(order)):
            await self._bus.store(subject, b"")
        self.told.pop(order, None)

    async def note_time(self, kept: Kept, ran_ms: int) -> None:
        elapsed, order = kept.elapsed, kept.order.id
        running = Running(order, kept.climb.ladder.text, elapsed.boot, elapsed.origin_ms, ran_ms)
        await self._bus.store(subjects.ladder_running(order), encode(running))
        kept.noted_ms = ran_ms

    async def write(self, kept: Kept, i: int) -> None:
        """Step `i` as it stands. `Conflict`: the disk holds another, which is taken up; nothing may be sent of it."""
        async with kept.writing:
            await self._write(kept, i)

    async def _write(self, kept: Kept, i: int) -> None:
        order, rung = kept.order.id, kept.climb.rungs[i]
        subject = subjects.ladder_step(order, i)
        data = encode(Progress.of(order, i, kept.began_ms.get(i, 0), rung))
        kept.said.discard(i)
        try:
            kept.seqs[i] = await self._bus.store(subject, data, expect_last=kept.seqs.get(i, 0))
        except Conflict:
            last = await self._bus.last(subject)
            if last is not None:
                progress = decode(Progress, last.data)
                kept.climb.rungs[i] = _together(progress.rung(), rung)
                kept.seqs[i], kept.began_ms[i] = last.seq, progress.at_ms
            raise
        except Unavailable:
            kept.said.add(i)
            raise

    async def write_behalf(self, said: OnBehalf) -> None:
        self._behalf.check_room(said.order)
        await self._bus.store(subjects.on_behalf(said.order, said.number), encode(said))
        self._behalf.add(said)


def _together(disk: Rung, held: Rung) -> Rung:
    """Whom it means as the disk says; handed over as either does, so that nobody is twice."""
    disk.handed |= held.handed & disk.chosen
    for kind, numbers in held.outcomes.items():
        disk.note(kind, numbers)
    return disk


def boot_id() -> bytes:
    """What names this run of the machine's monotonic clock."""
    try:
        return BOOT_FILE.read_bytes().strip()
    except OSError:  # elsewhere: each start of the node is a new run, and time between does not count
        return os.urandom(16)


def default_of(data: Path) -> str:
    """`ladder.txt` in the node's data: a ladder's name or text, for actual orders that carry none."""
    file = data / "ladder.txt"
    try:
        return named(file.read_text("utf-8").strip()).text if file.exists() else NONE
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    except UnicodeDecodeError:
        raise BadInput(f"{file} is not UTF-8 text.", f"{file} 不是 UTF-8 文本。") from None
