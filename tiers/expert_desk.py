"""The node's counter for experts: a registry, draws that nobody can steer, and what became of those who were drawn.

The seed of the next draw lies in the data folder; its SHA-256 stands in the audit before the draw can be asked for, and
it is published with the draw. So nobody who asks can know whom a list will give, and the node cannot take another seed
once it saw the list. A draw is in the audit before anybody is told of it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from fusioncmd import ids
from fusioncmd.access import Actor, check_places
from fusioncmd.alarm import subjects
from fusioncmd.api import experts as asked
from fusioncmd.audit.entries import Deed, Entry, Recorder
from fusioncmd.bus.port import EXPERT, Bus, Stored
from fusioncmd.errors import BadInput, Conflict, NotFound, Problem
from fusioncmd.experts import draw, record, registry
from fusioncmd.experts.draw import SEED_BYTES, commitment
from fusioncmd.experts.expert import EXPERTS_MAX, Expert, listed
from fusioncmd.experts.record import Record, Step
from fusioncmd.trust.keyfile import make_file
from tiers.desk import Desk
from tiers.serving import Answer

log = structlog.get_logger("experts")

DEED: Deed = "expert"
SEED_FILE = "draw.seed"
DRAWS_MAX = 10_000  # known to a node; reject
Officials = Callable[[str], tuple[str, ...]]


class ExpertDesk:
    """`officials`: the names of who may carry out a draw at a place. `clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, desk: Desk, data: Path, recorder: Recorder, officials: Officials, clock: Callable[[], float]
    ) -> None:
        self._bus, self._desk, self._seed_file, self._recorder = bus, desk, data / SEED_FILE, recorder
        self._officials, self._clock = officials, clock
        self._experts: dict[str, Expert] = {}
        self._draws: dict[bytes, Record] = {}
        self._one_at_a_time, self._read = asyncio.Lock(), asyncio.Event()
        self.bad = 0

    def answers(self) -> dict[type[Any], Answer]:
        return {
            asked.PutExperts: self.put, asked.Experts: self.experts, asked.SetExpert: self.set,
            asked.DrawExperts: self.draw, asked.Draws: self.draws, asked.OneDraw: self.one, asked.NoteDraw: self.note,
        }  # fmt: skip

    async def run(self) -> None:
        """Reads what there is; where there are experts, a seed for the next draw is committed to from then on."""
        await (await self._bus.tail(EXPERT, self._fold)).caught_up()
        self._read.set()
        if self._experts:
            async with self._one_at_a_time:
                await self._seed()

    def _fold(self, stored: Stored) -> None:
        try:
            if stored.subject.startswith("fc.draw."):
                found = record.decode(stored.data)
                record.check(found)
                self._draws[found.id] = found
            else:
                expert = registry.decode(stored.data)
                self._experts[expert.id] = expert
        except Problem as problem:
            self.bad += 1
            log.error("experts.bad_message", subject=stored.subject, seq=stored.seq, problem=problem.en)

    # --- the registry

    async def put(self, request: asked.PutExperts, who: Actor) -> asked.PutExpertsReply:
        check_places(who, (expert.place for expert in request.experts))
        new = {expert.id for expert in request.experts} - set(self._experts)
        if len(self._experts) + len(new) > EXPERTS_MAX:
            raise BadInput(f"A node has {EXPERTS_MAX} experts at most.", f"每个节点至多 {EXPERTS_MAX} 名专家。")
        changed = 0
        await self._recorder.record(self._entry(who.name, "registry", {"put": str(len(request.experts))}))
        for expert in request.experts:
            before = self._experts.get(expert.id)
            if before is not None:
                check_places(who, (before.place,))
            if before != expert:
                await self._keep(expert)
                changed += before is not None
        async with self._one_at_a_time:
            await self._seed()
        return asked.PutExpertsReply(len(new), changed)

    async def set(self, request: asked.SetExpert, who: Actor) -> asked.ExpertsReply:
        expert = self._experts.get(request.id)
        if expert is None:
            raise NotFound(f"There is no expert {request.id}.", f"没有专家 {request.id}。")
        check_places(who, (expert.place,))
        await self._recorder.record(self._entry(who.name, expert.id, {"state": request.state}))
        return asked.ExpertsReply((asked.ExpertLine(await self._now(expert, request.state)),), 1)

    async def experts(self, request: asked.Experts, who: Actor) -> asked.ExpertsReply:
        place = self._desk.place(request.node, who).code
        matching = list(
            registry.found(
                self._experts.values(), place, request.text, request.field, request.state or "", request.at,
                request.within_km * 1_000,
            )
        )  # fmt: skip
        if request.at is not None:
            matching.sort(key=lambda each: (each[1] or 0.0, each[0].id))
        else:
            matching = sorted(matching, key=lambda each: each[0].id)
        rest = matching if request.at is not None else [each for each in matching if each[0].id > request.after]
        page = rest[: request.limit]
        more = request.at is None and len(rest) > len(page)
        lines = tuple(asked.ExpertLine(*each) for each in page)
        return asked.ExpertsReply(lines, len(matching), page[-1][0].id if more else None)

    # --- draws

    async def draw(self, request: asked.DrawExperts, who: Actor) -> asked.DrawReply:
        await self._read.wait()  # of half a registry nobody is drawn
        async with self._one_at_a_time:
            known = self._draws.get(request.id)
            if known is not None:
                if known.asked_by != who.name:
                    raise Conflict("There is another draw of that number.", "该编号已用于另一次抽取。")
                return self._reply(known)
            return self._reply(await self._draw(request, who))

    async def _draw(self, request: asked.DrawExperts, who: Actor) -> Record:
        if len(self._draws) >= DRAWS_MAX:
            raise BadInput(f"A node keeps {DRAWS_MAX} draws.", f"节点至多保存 {DRAWS_MAX} 次抽取。")
        place = self._desk.place(request.node, who).code
        if request.order is not None:
            self._desk.order(request.order, who)
        officials = request.officials or self._officials(place) or (who.name,)
        here = [expert for expert in self._experts.values() if request.at is not None or expert.place.startswith(place)]
        made = listed(
            ids.to_text(request.id), here, request.needs, request.at, request.within_km * 1_000, request.parties,
            tuple(sorted(set(officials))), {},
        )  # fmt: skip
        seed = await self._seed()
        result = draw.drawn(made, seed)
        found = Record(request.id, request.order, who.name, self._now_ms, made, commitment(seed), seed.hex())
        names = " ".join(name for each in result.experts.values() for name in each)
        about = {
            "experts": names, "official": result.official, "of": str(len(made.experts)),
            "excluded": str(len(made.excluded)), "list": made.digest().hex(), "commitment": found.commitment,
        }  # fmt: skip
        await self._recorder.record(self._entry(who.name, ids.to_text(found.id), about))
        await self._store(found)
        self._seed_file.unlink(missing_ok=True)  # a seed is used once
        for name in (name for each in result.experts.values() for name in each):
            await self._now(self._experts[name], "task")
        await self._seed()
        return found

    async def note(self, request: asked.NoteDraw, who: Actor) -> asked.DrawReply:
        async with self._one_at_a_time:
            before = self._known(request.id)
            step = Step(request.expert, request.what, self._now_ms, who.name, request.words)
            after = record.stepped(before, step)
            about = {"expert": request.expert, "what": request.what, "words": request.words[:100]}
            await self._recorder.record(self._entry(who.name, ids.to_text(before.id), about))
            await self._store(after)
            expert = self._experts.get(request.expert)
            if expert is not None and request.what in ("declined", "signed"):
                await self._now(expert, "available")
            if request.what == "declined":
                for line in self._reply(after).lines:
                    if line.expert is not None and not line.standing and line.expert.state != "task":
                        await self._now(line.expert, "task")  # the next in order
            return self._reply(after)

    async def draws(self, request: asked.Draws, who: Actor) -> asked.DrawsReply:
        wanted = (found for found in self._draws.values() if request.order in (None, found.order))
        newest = sorted(wanted, key=lambda found: found.id, reverse=True)
        return asked.DrawsReply(tuple(map(self._reply, newest[: request.limit])), len(newest))

    async def one(self, request: asked.OneDraw, who: Actor) -> asked.DrawReply:
        return self._reply(self._known(request.id))

    # --- inside

    def _known(self, ident: bytes) -> Record:
        if ident not in self._draws:
            raise NotFound(f"There is no draw {ids.to_text(ident)}.", f"没有抽取 {ids.to_text(ident)}。")
        return self._draws[ident]

    def _reply(self, found: Record) -> asked.DrawReply:
        try:
            result, short = found.now, ("", "")
        except BadInput as problem:  # too many declined
            result, short = found.left, (problem.en, problem.zh)
        lines = tuple(
            asked.DrawnLine(field, self._experts.get(name), name, found.standing(name))
            for field, names in result.experts.items()
            for name in names
        )
        return asked.DrawReply(found, result.official, lines, *short)

    async def _seed(self) -> bytes:
        """The one that is committed; if there is none, a new one, whose digest is in the audit first."""
        try:
            seed = bytes.fromhex(self._seed_file.read_text("ascii").strip())
            draw.check(seed)
            return seed
        except (OSError, ValueError, BadInput):
            seed = os.urandom(SEED_BYTES)
        await self._recorder.record(self._entry(self._desk.node.code, "seed", {"commitment": commitment(seed)}))
        self._seed_file.unlink(missing_ok=True)
        make_file(self._seed_file, seed.hex().encode(), 0o600)
        return seed

    async def _now(self, expert: Expert, state: Any) -> Expert:
        changed = Expert(
            expert.id, expert.name, expert.phone, expert.place, expert.fields, expert.category, expert.specialities,
            expert.grade, expert.organisation, expert.interests, expert.where, state,
        )  # fmt: skip
        await self._keep(changed)
        return changed

    async def _keep(self, expert: Expert) -> None:
        await self._bus.store(subjects.expert(expert.id), registry.encode(expert))
        self._experts[expert.id] = expert

    async def _store(self, found: Record) -> None:
        await self._bus.store(subjects.draw(found.id), record.encode(found))
        self._draws[found.id] = found

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _entry(self, by: str, about: str, details: dict[str, str]) -> Entry:
        return Entry(self._now_ms, by, DEED, about, details=details)
