"""What a node answers of video: which sources are live, and which one is shown to everybody below; and its rolls.

It hears what sources are, and says `fc.show.<path>` and `fc.roll.<path>`, on the account that passes between tiers.
Where no video runs at this tier it has no way there, and says so. What is shown survives a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Any

from fusioncmd.access import Actor, check_places
from fusioncmd.api import video as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, NotFound, Unavailable
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S
from fusioncmd.video.heard import RollsHeard, SourcesHeard, parsed
from fusioncmd.video.source import Show, Source, encode
from tiers.desk import Desk
from tiers.roll_desk import RollDesk
from tiers.roll_files import RollFiles
from tiers.serving import Answer
from tiers.still_desk import StillDesk

TICK_S = 0.25
SOURCES_TOLD_MAX = 500  # in one reply; the rest is counted


class VideoDesk:
    """`clock` gives seconds since 1970. `bus` leads to the account of links; None where this tier has no video."""

    def __init__(self, desk: Desk, data: FilePath, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._desk, self._node, self._recorder, self._clock = desk, desk.node, recorder, clock
        self.bus: Bus | None = None
        self._saying: Saying | None = None
        self._files = RollFiles(data / "rolls")
        self._sources, self._above = SourcesHeard(), RollsHeard()
        self._stills = StillDesk(desk.node.code, self._sources, self._say)
        self._shown, self._said_ms = self._files.shown(), 0
        self._showing = asyncio.Lock()
        self.rolls = RollDesk(
            desk.node, desk.roster, self._files, recorder, clock, self._check,
            lambda code: self._sources.at(code, self._now_ms), self._say,
        )  # fmt: skip

    def answers(self) -> dict[type[Any], Answer]:
        own: dict[type[Any], Answer] = {
            asked.Video: self.video,
            asked.ShowSource: self.show,
            asked.HideSource: self.hide,
            asked.AskStill: self.still,
        }
        return own | self.rolls.answers()

    async def run(self) -> None:
        """Until cancelled; at once where there is no video."""
        if self.bus is None:
            return
        self._saying = Saying(self.bus)
        for subject in subjects.sources_heard_at(self._node):
            await self.bus.hear(subject, lambda said, data: self._sources.take(said, data, self._now_ms))
        for subject in subjects.stills_heard_at(self._node):
            await self.bus.hear(subject, lambda said, data: self._stills.heard.take(said, data, self._now_ms))
        for path in self._node.ancestors():
            await self.bus.hear(subjects.roll(path), lambda said, data: self._above.take(said, data, self._now_ms))
        saying = asyncio.create_task(self._saying.run())
        try:
            while not saying.done():
                self.rolls.tick()
                self._stills.tick(self._now_ms)
                if self._shown is not None and not 0 <= self._now_ms - self._said_ms < SAID_S * 1_000:
                    self._say_shown()
                await asyncio.sleep(TICK_S)
            saying.result()  # why it has ended
        finally:
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    async def video(self, question: asked.Video, who: Actor) -> asked.VideoReply:
        now_ms, place = self._now_ms, self._desk.place(question.node, who)
        live = [*self._sources.live(now_ms)]
        here = [one for one in live if one[1].node.startswith(place.code) and one[1].kind != "shown"]
        above = [
            one for one in live
            if one[1].kind == "shown" and one[1].node != self._node.code and Path(one[1].node).covers(self._node)
        ]  # fmt: skip
        rules = who.path.covers(self._node)
        return asked.VideoReply(
            self.bus is not None, now_ms, tuple(_line(*one) for one in here[:SOURCES_TOLD_MAX]), len(here),
            self._shown_now(now_ms), tuple(_line(*one) for one in above), self.rolls.running if rules else None,
            self._called(self._desk.place("", who), now_ms),
            rules and self.bus is not None and "commander" in who.roles,
        )  # fmt: skip

    async def still(self, question: asked.AskStill, who: Actor) -> asked.StillReply:
        return self._stills.still(question, self._now_ms)

    async def show(self, question: asked.ShowSource, who: Actor) -> asked.Shown:
        """In the audit before anybody sees it."""
        self._check(who)
        address, source = self._source(question.source)
        async with self._showing:
            shown = asked.Shown(self._node.code, address, source.title, who.name[:64], self._now_ms, True)
            await self._recorder.record(self._entry(who.name, address, "shown to everybody below"))
            self._files.keep_shown(shown)
            self._shown = shown
            self._say_shown()
        return shown

    async def hide(self, question: asked.HideSource, who: Actor) -> asked.Hidden:
        """It holds at once; its entry stays until the audit can be written."""
        self._check(who)
        async with self._showing:
            was, self._shown = self._shown, None
            self._say_shown()
            if was is None:
                return asked.Hidden("")
            self._files.keep_shown(None)
            await self._recorder.record_after(self._entry(who.name, was.source, "shown no more"))
        return asked.Hidden(was.source)

    def _called(self, place: Path, now_ms: int) -> tuple[asked.Called, ...]:
        """Whom nodes above call, or this one in the place of somebody who does not command it."""
        found = [
            asked.Called(said.node, said.ident, said.called, said.until_ms, said.by)
            for said in self._above.calls(place.code, now_ms)
        ]
        call = self.rolls.running
        if call is not None and (one := call.called) is not None and place.code.startswith(one.place):
            found.append(asked.Called(call.node, call.id, one.place, call.until_ms, call.by))
        return tuple(found)

    @property
    def shown(self) -> asked.Shown | None:
        """What is before everybody below, and whether it is live."""
        return self._shown_now(self._now_ms)

    def _shown_now(self, now_ms: int) -> asked.Shown | None:
        was = self._shown
        if was is None:
            return None
        live = self._sources.find(was.source, now_ms) is not None
        return asked.Shown(was.node, was.source, was.title, was.by, was.since_ms, live)

    def _source(self, typed: str) -> tuple[str, Source]:
        dotted, name = parsed(typed)
        address = f"{dotted}.{name}"
        source = self._sources.find(address, self._now_ms)
        if source is None or not source.node.startswith(self._node.code):
            raise NotFound(f"There is no live source {address} here.", f"本级没有在线视频源 {address}。")
        if source.kind == "shown":
            raise BadInput(
                "That is what somebody shows already: show the source itself.",
                "该视频源本身是转播画面，请展示原视频源。",
            )
        return address, source

    def _check(self, who: Actor) -> None:
        """Forbidden to who does not command the node itself; `Unavailable` where nobody would hear it."""
        check_places(who, (self._node.code,))
        if self.bus is None:
            raise Unavailable(
                "This tier has no video: `fusioncmd up --video`.", "本级未启用视频：fusioncmd up --video。"
            )

    def _say_shown(self) -> None:
        shown, self._said_ms = self._shown, self._now_ms
        said = Show(self._node.code, "") if shown is None else Show(shown.node, shown.source, shown.by)
        self._say(subjects.show(self._node), encode(said))

    def _say(self, subject: str, data: bytes) -> None:
        if self._saying is not None:
            self._saying.say(subject, data)

    def _entry(self, actor: str, about: str, what: str) -> Entry:
        return Entry(self._now_ms, actor, "video", about, details={"what": what})

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)


def _line(address: str, source: Source) -> asked.SourceLine:
    return asked.SourceLine(
        address, source.node, source.name, source.title, source.kind, source.since_ms, source.number, source.width,
        source.height, source.place, source.of, source.trouble, source.thin,
    )  # fmt: skip
