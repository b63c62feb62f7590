"""What a playbook does beside its order, once that is issued: a camera is shown, experts are drawn and called.

Nothing here keeps an order back: what cannot be done is said in words. Each is done once for an order, whatever is
asked again: a camera that is shown is shown, and a draw has an id that follows from the order's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import ids
from fusioncmd.access import Actor
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.book import Known
from fusioncmd.alarm.decided import Decided, What
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.api.experts import DrawExperts, NoteDraw, OneDraw
from fusioncmd.api.video import ShowSource
from fusioncmd.codes import LENGTHS
from fusioncmd.errors import BadInput, Conflict, Forbidden, NotFound
from fusioncmd.experts.expert import Expert
from fusioncmd.experts.record import Step, stepped
from fusioncmd.messages import Order
from fusioncmd.places.place import Place
from tiers.alarm_orders import COMES, AlarmOrders
from tiers.alarm_places import AlarmPlaces
from tiers.desk import Desk
from tiers.expert_desk import ExpertDesk
from tiers.video_desk import VideoDesk

REFUSED = (BadInput, NotFound, Conflict, Forbidden)  # what asking again changes nothing of
_CITY = LENGTHS[1]


class Done(NamedTuple):
    """`draw`: of experts; `calls`: the order by which they are called."""

    what: What
    words: tuple[str, str]
    draw: bytes | None = None
    calls: bytes | None = None


class Answered(NamedTuple):
    """`made`: what is to be decided; `steps`: of the draw, to be noted then."""

    made: Done | None
    steps: tuple[Step, ...]


Act = Callable[[Playbook, Known, Order], Awaitable[Done]]


class AlarmBeside:
    def __init__(
        self, desk: Desk, orders: AlarmOrders, places: AlarmPlaces, video: VideoDesk, experts: ExpertDesk
    ) -> None:
        self._desk, self._orders, self._places, self._video, self._experts = desk, orders, places, video, experts

    def steps(self, playbook: Playbook) -> list[Act]:
        """What it has beside its order, one after the other."""
        wanted = (self._camera, bool(playbook.cameras)), (self._draw, bool(playbook.experts))
        return [step for step, has in wanted if has]

    def is_ended(self, order: Order) -> bool:
        """Somebody took it back: nothing more is done for it."""
        return self._desk.ledger.book.state(order, self._desk.now_ms) in ("cancelled", "revoked")

    async def _camera(self, playbook: Playbook, known: Known, _: Order) -> Done:
        """The first of them that is live; what somebody shows already is not taken from before people's eyes."""
        sources = self._places.cameras(known.alarm, playbook.cameras)
        shown = self._video.shown
        if shown is not None and shown.live:
            if shown.source in sources:
                return Done("shown", (shown.source, shown.source))
            return _lacking(
                f"No camera was shown: {shown.by} shows {shown.source}.",
                f"未展示摄像头：{shown.by} 正在展示 {shown.source}。",
            )
        if self._video.bus is None:
            return _lacking("No camera was shown: this tier has no video.", "未展示摄像头：本级未启用视频。")
        for source in sources:
            try:
                await self._video.show(ShowSource(source), self._who(playbook))
            except REFUSED:
                continue
            return Done("shown", (source, source))
        names = ", ".join(sources)
        if not sources:
            return _lacking("No camera was shown: none is known near.", "未展示摄像头：附近没有已知摄像头。")
        return _lacking(f"No camera was shown: none is live of {names}.", f"未展示摄像头：{names} 均不在线。")

    async def _draw(self, playbook: Playbook, known: Known, order: Order) -> Done:
        at = self._places.at(known.alarm)
        place = at[0] if at else None
        where = known.alarm.where or next((each.where for each in at if each.where is not None), None)
        made = ids.make(ids.time_ms(order.id), sha256(b"draw" + order.id).digest()[: ids.ENTROPY_BYTES])
        question = DrawExperts(
            made, playbook.experts, "" if where else self._around(known.alarm), where, playbook.experts_km,
            tuple(each.name for each in at), order=order.id,
        )  # fmt: skip
        try:
            reply = await self._experts.draw(question, self._who(playbook))
        except REFUSED as problem:
            return _lacking(f"No experts were drawn: {problem.en}", f"未抽取专家：{problem.zh}")
        drawn = [line.expert for line in reply.lines if line.expert is not None]
        return await self._call(playbook, known, place, order, drawn, made)

    async def _call(
        self, playbook: Playbook, known: Known, place: Place | None, order: Order, drawn: list[Expert], draw: bytes
    ) -> Done:  # fmt: skip
        """By an order of their own; who cannot be reached so is to be phoned, and is named."""
        names, calls = ", ".join(expert.name for expert in drawn), None
        try:
            calls, left = await self._orders.call_experts(playbook, known, place, order, drawn)
        except REFUSED as problem:
            phones = _phones(drawn)
            en, zh = f"Phone them: {phones}. {problem.en}", f"请电话通知：{phones}。{problem.zh}"
        else:
            phones = _phones(left)
            en, zh = (f"Phone: {phones}.", f"请电话通知：{phones}。") if left else ("Called.", "已呼叫。")
        return Done("drawn", (f"{names}. {en}", f"{names}。{zh}"), draw, calls)

    def answers(self, called: Order) -> list[BitMap]:
        """Who gave which, of those who were called."""
        found: list[BitMap] = self._desk.ledger.view(called, self._desk.reachable).by_answer
        return found

    async def answered(self, playbook: Playbook, known: Known, drawn: Decided) -> Answered:
        """What was answered by those who were called, as steps of the draw; who comes in for those who declined is
        called. The steps are for `note`, once that is decided: what fails on the way is done again from the start."""
        orders, who = self._desk.ledger.book.orders, self._who(playbook)
        called, order = orders.get(drawn.calls or b""), orders.get(drawn.order or b"")
        if called is None or order is None or drawn.draw is None:
            return Answered(None, ())
        view = self._desk.ledger.view(called, self._desk.reachable)
        if not view.answered:
            return Answered(None, ())
        before = await self._experts.one(OneDraw(drawn.draw), who)
        after, steps = before.record, list[Step]()
        for line in before.lines:
            number = None if line.expert is None else self._orders.number_of(line.expert)
            answer = None if number is None or number not in view.targeted else view.answer_of(number)
            what = None if answer is None else COMES.get(called.answers[answer])
            if what is not None and what != line.standing and line.standing in ("", "accepted"):
                steps.append(Step(line.id, what, self._desk.now_ms, who.name))
                after = stepped(after, steps[-1])
        if not steps:
            return Answered(None, ())
        (now, short), known_before = after.now, {line.id for line in before.lines}
        new = self._experts.of(name for names in now.experts.values() for name in names if name not in known_before)
        made = None
        if new and (self.is_ended(order) or known.standing == "dismissed"):
            names = ", ".join(expert.name for expert in new)
            made = Done("lacking", (f"Not called, as the order was ended: {names}.", f"指令已终止，未呼叫：{names}。"))
        elif new:
            at = self._places.at(known.alarm)
            made = await self._call(playbook, known, at[0] if at else None, order, new, drawn.draw)
        if short[0] and short != before.record.now[1]:
            en, zh = made.words if made is not None else ("", "")
            words = f"{en} {short[0]}".strip(), f"{zh}{short[1]}"
            made = Done("lacking", words, drawn.draw) if made is None else made._replace(words=words)
        return Answered(made, tuple(steps))

    async def note(self, playbook: Playbook, draw: bytes, step: Step) -> None:
        await self._experts.note(NoteDraw(draw, step.expert, step.what), self._who(playbook))

    def _around(self, alarm: Alarm) -> str:
        """Where experts are looked for when nobody knows the point: in the city, or all that is of this node."""
        own, city = self._desk.node.code, alarm.path.code[:_CITY]
        return city if city.startswith(own) else ""

    def _who(self, playbook: Playbook) -> Actor:
        return Actor(f"playbook:{playbook.name}", frozenset({"commander"}), self._desk.node, by="key")


def _lacking(en: str, zh: str) -> Done:
    return Done("lacking", (en, zh))


def _phones(experts: list[Expert] | tuple[Expert, ...]) -> str:
    return ", ".join(f"{expert.name} {expert.phone}".strip() for expert in experts)
