"""What a playbook does beside its order, once that is issued: a camera is shown, experts are drawn and called.

Nothing here keeps an order back: what cannot be done is said in words. Each is done once for an order, whatever is
asked again: a camera that is shown is shown, and a draw has an id that follows from the order's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import NamedTuple

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
from fusioncmd.messages import Order
from fusioncmd.places.place import Place
from tiers.alarm_orders import COMES_STEPS, AlarmOrders
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


Step = Callable[[Playbook, Known, Order], Awaitable[Done]]


class AlarmBeside:
    def __init__(
        self, desk: Desk, orders: AlarmOrders, places: AlarmPlaces, video: VideoDesk, experts: ExpertDesk
    ) -> None:
        self._desk, self._orders, self._places, self._video, self._experts = desk, orders, places, video, experts

    def steps(self, playbook: Playbook) -> list[Step]:
        """What it has beside its order, one after the other."""
        wanted = (self._camera, bool(playbook.cameras)), (self._draw, bool(playbook.experts))
        return [step for step, has in wanted if has]

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
        return await self._call(playbook, known, place, order, drawn, made, ids.time_ms(order.id))

    async def _call(
        self, playbook: Playbook, known: Known, place: Place | None, order: Order, drawn: list[Expert], draw: bytes,
        at_ms: int,
    ) -> Done:  # fmt: skip
        """By an order of their own; who cannot be reached so is to be phoned, and is named."""
        names, calls = ", ".join(expert.name for expert in drawn), None
        try:
            calls, left = await self._orders.call_experts(playbook, known, place, order, drawn, at_ms)
        except REFUSED as problem:
            phones = _phones(drawn)
            en, zh = f"Phone them: {phones}. {problem.en}", f"请电话通知：{phones}。{problem.zh}"
        else:
            phones = _phones(left)
            en, zh = (f"Phone: {phones}.", f"请电话通知：{phones}。") if left else ("Called.", "已呼叫。")
        return Done("drawn", (f"{names}. {en}", f"{names}。{zh}"), draw, calls)

    async def answered(self, playbook: Playbook, known: Known, drawn: Decided) -> Done | None:
        """What was answered by those who were called becomes steps of the draw; who comes in for those who declined is
        called, too."""
        orders, who = self._desk.ledger.book.orders, self._who(playbook)
        called, order = orders.get(drawn.calls or b""), orders.get(drawn.order or b"")
        if called is None or order is None or drawn.draw is None:
            return None
        view = self._desk.ledger.view(called, self._desk.reachable)
        if not view.answered:
            return None
        before = after = await self._experts.one(OneDraw(drawn.draw), who)
        for line in before.lines:
            number = None if line.expert is None or line.standing else self._orders.number_of(line.expert)
            answer = None if number is None or number not in view.targeted else view.answer_of(number)
            if answer is not None:
                after = await self._experts.note(NoteDraw(drawn.draw, line.id, COMES_STEPS[answer]), who)
        known_before = {line.id for line in before.lines}
        new = [line.expert for line in after.lines if line.expert is not None and line.id not in known_before]
        if not new:
            return None
        at = self._places.at(known.alarm)
        return await self._call(playbook, known, at[0] if at else None, order, new, drawn.draw, self._desk.now_ms)

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
