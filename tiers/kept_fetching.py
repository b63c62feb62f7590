"""What a node answers of recordings below a thin link: what is to be fetched, and how far that is.

The recorder fetches (`kept_thin.py`); they share a file of wishes (`kept_wishes.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath

from fusioncmd.access import Actor
from fusioncmd.api import kept as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, Conflict, NotFound, StorageFull
from fusioncmd.video.keeping_bounds import CUT_MS_MAX, WISHES_MAX
from tiers import kept_wishes
from tiers.desk import Desk
from tiers.kept_store import folder_of


class FetchDesk:
    """`clock` gives seconds since 1970."""

    def __init__(self, desk: Desk, data: FilePath, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._desk, self._recorder, self._clock = desk, recorder, clock
        self._folder = folder_of(data)

    async def fetch(self, question: asked.FetchFootage, who: Actor) -> asked.Fetching:
        """In the audit before it begins."""
        held = await asyncio.to_thread(kept_wishes.wishes, self._folder)
        if question.node:
            held = await self._change(question, who, held)
        known = await asyncio.to_thread(kept_wishes.fetched, self._folder)
        return asked.Fetching(
            tuple(
                asked.WishLine(one, known.get(one.key, asked.Fetched()), one.key in known)
                for one in held if who.path.covers(parse(one.node))
            )
        )  # fmt: skip

    async def _change(
        self, question: asked.FetchFootage, who: Actor, held: tuple[asked.Wish, ...]
    ) -> tuple[asked.Wish, ...]:
        self._check(question, who)
        now_ms = int(self._clock() * 1_000)
        one = asked.Wish(
            question.node, question.source, question.from_ms, question.until_ms, question.idle, who.name, now_ms
        )
        others = tuple(each for each in held if each.key != one.key)
        if not question.on and len(others) == len(held):
            raise NotFound("That is not being fetched.", "没有该调取任务。")
        if question.on and len(others) >= WISHES_MAX:
            raise Conflict(
                f"{WISHES_MAX} are fetched already: take some back.", f"调取任务已达 {WISHES_MAX} 项，请先取消一些。"
            )
        change = "to be fetched" if question.on else "not to be fetched"
        details = {"what": change, "from": str(one.from_ms), "until": str(one.until_ms)}
        await self._recorder.record(Entry(now_ms, who.name, "video", f"{one.node}.{one.source}", details=details))
        held = (*others, one) if question.on else others
        try:
            await asyncio.to_thread(kept_wishes.write, self._folder, held)
        except OSError as error:
            raise StorageFull(f"It cannot be written: {error}.", f"无法写入：{error}。") from None
        return held

    def _check(self, question: asked.FetchFootage, who: Actor) -> None:
        place = self._desk.place(question.node, who)
        if place == self._desk.node:
            raise BadInput("What this node recorded is here already: video get.", "本级录像无需调取：video get。")
        if not question.source:
            raise BadInput("Of one source: PLACE.SOURCE.", "请指定一路视频源：地点.视频源。")
        if not 0 < question.until_ms - question.from_ms <= CUT_MS_MAX:
            raise BadInput("The time ends before it begins, or is too long.", "结束时间早于开始时间，或时段过长。")
