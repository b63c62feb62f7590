"""The node's counter: who asks is known, may ask, and is answered; or hears why not, in one sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from fusioncmd import access, api, envelope, subjects
from fusioncmd.access import Actor
from fusioncmd.audit.entries import Recorder, refusal_entry
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BadMessage, BusDown, Forbidden, NoReply, NotReady, Problem

log = structlog.get_logger("node")

Answer = Callable[[Any, Any], Awaitable[object]]  # of a question, and who asks (None: nobody, where all may)
_NOT_STORED = NoReply(
    "The node's NATS server does not take it now; is its disk full?", "节点的 NATS 服务器暂不接收，磁盘是否已满？"
)


class Serving:
    """`ready` says whether all is read; `admit` tells who asks, by the session, or raises `NoSession`. What is refused
    at the counter is noted."""

    def __init__(
        self, bus: Bus, ready: Callable[[], bool], admit: Callable[[api.Question[Any], bytes], Actor | None],
        recorder: Recorder, clock: Callable[[], float],
    ) -> None:  # fmt: skip
        self._bus, self._ready, self._admit = bus, ready, admit
        self._recorder, self._clock = recorder, clock

    async def serve(self, answers: dict[type[Any], Answer]) -> None:
        for kind, (verb, _) in api.VERBS.items():
            await self._bus.serve(subjects.api(verb), self._server(kind, answers[kind]))

    def _server(self, kind: type[Any], answer: Answer) -> Callable[[bytes], Awaitable[bytes]]:
        async def serve(data: bytes) -> bytes:
            who = None
            try:
                if not self._ready() and kind is not api.Health:
                    raise NotReady("The node is still reading its streams; try again.", "节点仍在加载，请稍后重试。")
                question, session = envelope.decode_question(kind, data)
                who = self._admit(question, session)
                access.check(who, question)
                return envelope.encode_reply(await answer(question, who))
            except BusDown:
                return envelope.encode_problem(_NOT_STORED)
            except Problem as problem:
                self._note(kind, who, problem)
                return envelope.encode_problem(problem)
            except Exception as error:  # noqa: BLE001  # told, and logged, and the next question is answered
                log.error("node.question_failed", question=kind.__name__, error=repr(error))
                return envelope.encode_problem(
                    Problem(f"The node failed over it: {error!r}.", f"节点处理失败：{error!r}。")
                )

        return serve

    def _note(self, kind: type[Any], who: Actor | None, problem: Problem) -> None:
        """What the answers refuse, they note themselves where it is a decision."""
        if kind in access.OPEN:
            return
        if isinstance(problem, Forbidden) or (who is None and isinstance(problem, BadMessage)):
            name, at_ms = "" if who is None else who.name, int(self._clock() * 1000)
            self._recorder.note(refusal_entry(at_ms, name, api.VERBS[kind][0], problem))
