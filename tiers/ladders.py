"""Orders climb their ladders: once a second, what is due is decided, written down, and handed to the channels.

The shell around `ladder.climb`: it owns the monotonic clock, the disk and the bus. A step that cannot be written is not
taken. A channel that does not answer delays no other, and no later step.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import structlog
from msgspec import structs
from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BusDown, Conflict, Problem, StorageFull, Unavailable
from fusioncmd.ladder import bounds
from fusioncmd.ladder.behalf import Behalf
from fusioncmd.ladder.climb import Elapsed, Standing
from fusioncmd.ladder.steps import NONE, SUPERIOR, Channel, named
from fusioncmd.ladder.wire import Target
from fusioncmd.messages import Order
from fusioncmd.roster.directory import Roster
from tiers.channel_asks import ChannelAsks, notice_of
from tiers.ladder_records import Kept, Records
from tiers.ledger import Ledger
from tiers.subscriptions import Addresses

log = structlog.get_logger("ladders")

EVERY_S = 1.0
TIME_NOTED_EVERY_MS = 15_000
FORGOTTEN_AFTER_MS = 7 * 86_400_000  # since the order ended, by the ladder's own time
BATCHES_MAX = 5  # of a channel and step at a time


class Ladders:
    """`monotonic` gives seconds; `boot` names the run of that clock. `recorder` is the audit, `name` the node's in it.
    `default` is the ladder of actual orders that carry none."""

    def __init__(
        self, bus: Bus, roster: Roster, ledger: Ledger, recorder: Recorder, now_ms: Callable[[], int], name: str,
        monotonic: Callable[[], float], boot: bytes, default: str = NONE,
        taken_by: Callable[[Order], str] = lambda _: "", node: str = "",
    ) -> None:  # fmt: skip
        self._ledger, self._recorder, self._now_ms, self._name = ledger, recorder, now_ms, name
        self._monotonic, self._boot, self.default = monotonic, boot, default
        self._taken_by, self._node = taken_by, node
        self.tell: Callable[[Kept], Awaitable[None]] | None = None  # the superiors
        self.behalf = Behalf()
        self.addresses = Addresses(bus, roster)
        self.channels = ChannelAsks(bus)
        self.records = Records(bus, self.behalf)
        self.kept: dict[bytes, Kept] = {}
        self._passed: set[bytes] = set()  # orders without a ladder
        self.problems: dict[str, tuple[str, str]] = {}
        self.ready = False  # what is stored has been read
        self.begun = False  # and what ran when the node ended runs on
        self._adopting = asyncio.Lock()
        self._handing: dict[Channel, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """For ever, from when the ledger is read."""
        while True:
            try:
                await self.records.read()
                await self.addresses.begin()
                break
            except Unavailable as problem:
                self.problems["ladders"] = f"Ladders cannot be read: {problem.en}", f"升级阶梯无法读取：{problem.zh}"
                await asyncio.sleep(EVERY_S)
        self.problems.clear()
        self.ready = True
        try:
            while True:
                await self.tend()
                await asyncio.sleep(EVERY_S)
        finally:
            for handing in self._handing.values():
                handing.cancel()

    async def tend(self) -> None:
        """One round: decide, and let each channel that has nothing in hand begin. What fails is tried again."""
        for order in [*self._ledger.book.orders.values()]:
            try:
                running = await self.of(order)
                if running is not None:
                    await self._tend(running)
                    self.problems.pop("ladders", None)
            except Conflict:
                log.warning("ladders.another_wrote", order=order.id.hex())
            except Unavailable as problem:
                self.problems["ladders"] = f"A ladder waits: {problem.en}", f"升级阶梯在等待：{problem.zh}"
        self.begun = True
        wanted: dict[Channel, list[tuple[Kept, int]]] = {}
        for kept in self.kept.values():
            for i in [] if self.is_over(kept) else kept.climb.open_steps(self.standing(kept.order)):
                wanted.setdefault(kept.climb.ladder.steps[i].channel, []).append((kept, i))
        for channel, steps in wanted.items():
            if channel not in self._handing or self._handing[channel].done():
                self._handing[channel] = asyncio.create_task(self._hand_all(channel, steps))

    async def settle(self) -> None:
        """Until the channels have what this round gives them."""
        await asyncio.gather(*self._handing.values())

    async def _hand_all(self, channel: Channel, steps: list[tuple[Kept, int]]) -> None:
        for kept, i in steps:
            try:
                await self._hand_over(kept, i)
            except BusDown:
                en = f"No process has the channel {channel}: a step of an order waits"
                self.problems[channel] = en, f"没有进程提供通道 {channel}：指令的一个步骤在等待"
            except Problem as problem:
                self.problems[channel] = (
                    f"The channel {channel} waits: {problem.en}",
                    f"通道 {channel} 在等待：{problem.zh}",
                )

    def standing(self, order: Order) -> Standing:
        targeted, marks = self._ledger.targeted(order), self._ledger.accounts[order.id].marks
        answered = targeted & BitMap.union(*marks.answers)
        return Standing(targeted, marks.received | answered, answered, self.behalf.numbers(order.id))

    def is_over(self, kept: Kept) -> bool:
        """By the ladder's own time, or because something ended the order."""
        book, ident = self._ledger.book, kept.order.id
        ended = book.successor(ident) is not None or ident in book.fallen
        return ended or kept.climb.is_over(self.ran_ms(kept))

    def ran_ms(self, kept: Kept) -> int:
        return kept.elapsed.at(self._mono_ms)

    @property
    def _mono_ms(self) -> int:
        return int(self._monotonic() * 1000)

    async def of(self, order: Order) -> Kept | None:
        """The order's ladder, if it has one: known, resumed or begun now."""
        if order.id in self.kept or order.id in self._passed:
            return self.kept.get(order.id)
        async with self._adopting:
            return self.kept.get(order.id) or await self._adopted(order)

    async def _adopted(self, order: Order) -> Kept | None:
        """Its steps are taken by the node that took the order, and by no other; nodes above tell their superiors."""
        taken_by = self._taken_by(order)
        if not taken_by.startswith(self._node):
            self._passed.add(order.id)
            return None
        kept = self.records.known(order, self._boot, self._mono_ms)
        if kept is None:
            text = order.ladder or (self.default if order.status == "actual" else NONE)
            is_open = self._ledger.book.state(order, self._now_ms()) == "open"
            if order.msg_type == "cancel" or not is_open or not named(text).steps:
                self._passed.add(order.id)
                return None
            kept = Kept(order, named(text).text, Elapsed(self._boot, self._mono_ms))
            await self.records.note_time(kept, 0)
        kept.taken_by, kept.below = taken_by, taken_by != self._node
        self.kept[order.id] = kept
        return kept

    async def _tend(self, kept: Kept) -> None:
        for step in [*kept.said]:
            await self.records.write(kept, step)
        ran_ms = self.ran_ms(kept)
        if self.is_over(kept):
            if ran_ms > kept.order.open_s * 1000 + FORGOTTEN_AFTER_MS:
                await self.records.forget(kept)
                del self.kept[kept.order.id]
                self._passed.add(kept.order.id)
            return
        while (i := kept.climb.due(ran_ms)) is not None:
            await self._begin(kept, i, ran_ms)
        if self.tell is not None:
            await self.tell(kept)
        if ran_ms - kept.noted_ms >= TIME_NOTED_EVERY_MS:
            await self.records.note_time(kept, ran_ms)

    async def _begin(self, kept: Kept, i: int, ran_ms: int) -> None:
        step = kept.climb.ladder.steps[i]
        rung = kept.climb.begin(i, ran_ms, self.standing(kept.order))
        if step.channel != SUPERIOR:
            rung.chosen = BitMap() if kept.below else rung.chosen
            rung.unaddressed = rung.chosen - self.addresses.known(step.channel)
            rung.handed |= rung.unaddressed
        kept.began_ms[i] = self._now_ms()
        try:
            await self.records.write(kept, i)
        except Unavailable:  # decided anew; if it was stored all the same, what is on disk is what is taken up
            del kept.climb.rungs[i]
            kept.said.discard(i)
            raise
        log.info("ladders.step", order=kept.order.id.hex(), step=i, channel=step.channel, people=len(rung.chosen))
        said = {
            "step": str(i + 1), "channel": step.channel, "people": str(len(rung.chosen)),
            "without_address": str(len(rung.unaddressed)), "status": kept.order.status,
        }  # fmt: skip
        self._recorder.note(Entry(self._now_ms(), self._name, "ladder", ids.to_text(kept.order.id), details=said))

    async def _hand_over(self, kept: Kept, i: int) -> None:
        """To the channel, as much as it takes now. On disk first: what a crash leaves between is lost to this step."""
        channel = kept.climb.ladder.steps[i].channel
        empty = notice_of(kept, i, kept.climb.open_left_s(self.ran_ms(kept)))
        said = await self.channels.ask(channel, empty)
        self.problems.pop(channel, None)
        for _ in range(BATCHES_MAX):
            room = min(said.room, bounds.NOTICE_PEOPLE_MAX)
            if not room or not (targets := await self._take(kept, i, channel, room)):
                return
            work = structs.replace(empty, work=os.urandom(16), run=said.run, targets=tuple(targets))
            answer = await self.channels.give(channel, work)
            if answer is None:
                return
            if not answer.took and answer.run == said.run:  # surely not taken: they are still to be reached
                kept.climb.give_back(i, BitMap([target.number for target in targets]))
                kept.said.add(i)
                return
            said = answer

    async def _take(self, kept: Kept, i: int, channel: Channel, people_max: int) -> list[Target]:
        """The next people of a step, counted as handed over on disk before anybody hears of them."""
        if self.is_over(kept) or not (batch := kept.climb.take(i, self.standing(kept.order), people_max)):
            return []
        try:
            targets = await self.addresses.of(channel, batch)
        except Unavailable:
            kept.climb.give_back(i, batch)
            raise
        kept.climb.rungs[i].unaddressed |= batch - BitMap([target.number for target in targets])
        try:
            await self.records.write(kept, i)
        except StorageFull:  # surely not stored
            kept.climb.give_back(i, batch)
            raise
        return targets
