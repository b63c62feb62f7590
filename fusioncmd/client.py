"""A commander's end of the bus: a question of the `api` vocabulary in, its reply out."""

from __future__ import annotations

import asyncio
from typing import Any, overload

from fusioncmd import api, envelope, subjects
from fusioncmd.bus.port import Bus
from fusioncmd.errors import BusDown, NoReply, NotReady, Unsure

ASK_S_MAX = 10.0
RETRY_S = 0.3
FIRST_TRY_S = 2.0  # doubled with each try: a node that was killed over a question never replies to it


class Commander:
    """Asks the tier node on `bus`. A question may be asked again after a lost reply: each is idempotent."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    @overload
    async def ask(self, request: api.Health, timeout_s: float = ...) -> api.HealthReply: ...
    @overload
    async def ask(self, request: api.Issue, timeout_s: float = ...) -> api.Issued: ...
    @overload
    async def ask(self, request: api.Preview, timeout_s: float = ...) -> api.PreviewReply: ...
    @overload
    async def ask(self, request: api.Tally, timeout_s: float = ...) -> api.TallyReply: ...
    @overload
    async def ask(self, request: api.Who, timeout_s: float = ...) -> api.People: ...
    @overload
    async def ask(self, request: api.Find, timeout_s: float = ...) -> api.People: ...
    @overload
    async def ask(self, request: api.Orders, timeout_s: float = ...) -> api.OrdersReply: ...
    @overload
    async def ask(self, request: api.Reports, timeout_s: float = ...) -> api.ReportsReply: ...
    async def ask(self, request: Any, timeout_s: float = ASK_S_MAX) -> Any:
        """The node's reply; its `Problem` is raised here. While no reply comes, or the node
        is not ready, ask again, until `timeout_s`."""
        loop = asyncio.get_running_loop()
        give_up, try_s, asked = loop.time() + timeout_s, FIRST_TRY_S, False
        if isinstance(request, api.Issue) and request.until_ms is None:
            clock = (await self.ask(api.Health(), timeout_s)).now_ms
            request = api.Issue(request.draft, clock + int(1000 * (give_up - loop.time())))
        verb, kind = api.VERBS[type(request)]
        data = envelope.encode_request(request)
        while True:
            try:
                left_s = max(give_up - loop.time(), 0.05)
                return envelope.decode_reply(kind, await self.bus.ask(subjects.api(verb), data, min(try_s, left_s)))
            except (BusDown, NotReady) as problem:
                asked = asked or isinstance(problem, NoReply)
                if loop.time() + RETRY_S >= give_up:
                    raise _unsure() if asked and isinstance(request, api.Issue) else problem from None
                await asyncio.sleep(RETRY_S)
                try_s *= 2


def _unsure() -> Unsure:
    return Unsure(
        "The node was asked to issue it and did not confirm in time: it may have been issued, or not. From now on it "
        "will not be. Look at `fusioncmd orders` before you try again.",
        "已请求下达，但节点未及时确认：可能已下达，也可能没有；此后不会再下达。请先用 fusioncmd orders 查看再重试。",
    )
