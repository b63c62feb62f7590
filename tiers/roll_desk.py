"""Roll calls of a node: begun by who commands it, and run here to their end, whoever looks.

What is called survives a restart. Each turn is noted in the audit, and the whole is kept as a report.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import structlog

from fusioncmd import ids
from fusioncmd.access import Actor, check_places
from fusioncmd.api import video as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Conflict, NotFound, Unavailable
from fusioncmd.roster.directory import Roster
from fusioncmd.video import roll, subjects
from fusioncmd.video.bounds import ROLL_PLACES_MAX, SAID_S
from fusioncmd.video.roll import RollCall, Turn
from fusioncmd.video.source import Roll, Source, encode
from tiers.roll_files import RollFiles
from tiers.serving import Answer

log = structlog.get_logger("video")

LISTENS_S = 2 * SAID_S  # after a start, before anybody is taken for absent
SEED_BYTES = 8


class RollDesk:
    """`clock` gives seconds since 1970. `check`: may the actor command this node's video; `seen`: who publishes at a
    place or below; `say` puts a message on the bus."""

    def __init__(
        self, node: Path, roster: Roster, files: RollFiles, recorder: Recorder, clock: Callable[[], float],
        check: Callable[[Actor], None], seen: Callable[[str], Source | None], say: Callable[[str, bytes], None],
    ) -> None:  # fmt: skip
        self._node, self._roster, self._files, self._recorder, self._clock = node, roster, files, recorder, clock
        self._check, self._seen, self._say = check, seen, say
        self.running = files.running()
        self._from_ms = self._now_ms + int(LISTENS_S * 1_000)
        self._said_ms = 0
        self._beginning = asyncio.Lock()

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.BeginRoll: self.begin, asked.TurnRoll: self.turn, asked.Rolls: self.rolls,
            asked.RollReport: self.report,
        }  # fmt: skip

    async def begin(self, question: asked.BeginRoll, who: Actor) -> RollCall:
        """In the audit before anybody is called."""
        self._check(who)
        places, seed = self._places(question)
        async with self._beginning:
            if self.running is not None:
                raise Conflict("A roll is being called already: end it first.", "正在点名，请先结束本次点名。")
            ident = ids.to_text(ids.make(self._now_ms, os.urandom(ids.ENTROPY_BYTES)))
            within = (question.within or self._node.code) if seed else ""
            call = roll.begun(
                RollCall(
                    ident, self._node.code, who.name[:64], self._now_ms, tuple(map(Turn, places)), question.wait_s,
                    question.hold_s, seed, within,
                )
            )  # fmt: skip
            details = {"what": "roll begun", "places": str(len(places)), "seed": seed, "within": within}
            await self._recorder.record(self._entry(who.name, ident, details))
            self._files.keep(call)
            self.running = call
            self.say_again()
        return call

    async def turn(self, question: asked.TurnRoll, who: Actor) -> RollCall:
        self._check(who)
        call = self.running
        if call is None or question.roll not in ("", call.id):
            raise Conflict("This roll is over.", "本次点名已结束。")
        one = call.called
        if question.place and (one is None or one.place != question.place):
            raise Conflict("Another place is called by now.", "现已点到其他地点。")
        changed = roll.acted(call, question.act, self._now_ms)
        self._take(call, changed, who.name)
        return changed

    async def rolls(self, question: asked.Rolls, who: Actor) -> asked.RollsReply:
        check_places(who, (self._node.code,))
        return asked.RollsReply(tuple(self._files.lines(question.limit)))

    async def report(self, question: asked.RollReport, who: Actor) -> RollCall:
        check_places(who, (self._node.code,))
        if self.running is not None and self.running.id == question.roll:
            return self.running
        return self._files.find(question.roll)

    def tick(self) -> None:
        call, now_ms = self.running, self._now_ms
        if call is None:
            return
        if now_ms >= self._from_ms and (changed := roll.ticked(call, self._seen, now_ms)) is not call:
            self._take(call, changed, f"node {self._node.code}")
        elif not 0 <= now_ms - self._said_ms < SAID_S * 1_000:
            self.say_again()

    def say_again(self) -> None:
        if self.running is not None:
            self._tell(self.running)

    def _take(self, was: RollCall, call: RollCall, by: str) -> None:
        """It goes on: kept, noted and said. A disk that is full stops no roll; the audit has it all the same."""
        self.running = None if call.over_ms else call
        try:
            self._files.keep(call)
        except Unavailable as problem:
            log.error("video.roll_not_kept", problem=problem.en)
        for before, one in zip(was.turns, call.turns, strict=True):
            if one.over_ms and not before.over_ms and one.outcome != "uncalled":
                self._recorder.note(self._entry(by, call.id, _told(one)))
        if call.over_ms:
            counts = {outcome: str(count) for outcome, count in call.counts().items()}
            self._recorder.note(self._entry(by, call.id, {"what": "roll over"} | counts))
        self._tell(call)

    def _tell(self, call: RollCall) -> None:
        one = call.called
        said = Roll(call.node, call.id, "" if one is None else one.place, call.until_ms, call.by)
        self._said_ms = self._now_ms
        self._say(subjects.roll(self._node), encode(said))

    def _places(self, question: asked.BeginRoll) -> tuple[tuple[str, ...], str]:
        """The places that are called, and the seed that drew them."""
        if bool(question.places) == bool(question.count):
            raise BadInput(
                "A roll calls places that are named, or so many that are drawn.", "点名须指定地点，或给出抽取数量。"
            )
        named = (*question.places, *((question.within,) if question.within else ()))
        for code in named:
            if Path(code) not in self._roster.divisions:
                raise NotFound(f"There is no place with the code {code}.", f"没有代码为 {code} 的地点。")
            if not self._node.covers(Path(code)):
                raise BadInput(f"{code} does not lie below {self._node}.", f"{code} 不在 {self._node} 之下。")
        if question.places:
            return question.places, ""
        seed = question.seed or os.urandom(SEED_BYTES).hex()
        towns = self._roster.divisions.towns_under(Path(question.within or self._node.code))
        return roll.drawn((town.code for town in towns), min(question.count, ROLL_PLACES_MAX), seed), seed

    def _entry(self, actor: str, about: str, details: dict[str, str]) -> Entry:
        return Entry(self._now_ms, actor, "video", about, details=details)

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)


def _told(one: Turn) -> dict[str, str]:
    seen = {"live": str(one.live_ms), "seen_ms": str(one.seen_ms), "source": one.source} if one.live_ms else {}
    return {"what": f"roll: {one.outcome}", "place": one.place, "called": str(one.called_ms), **seen}
