"""Who watches the same place of an order shares one question; who may not, or not any more, hears so and no figure."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any, cast

import pytest

from fusioncmd import api
from fusioncmd.errors import Forbidden, NoSession, Unavailable
from fusioncmd.messages import Order, Selector
from gateways.console import bounds
from gateways.console.desk import Desk
from gateways.console.watching import Event, Watcher, Watching

ORDER = b"o" * 16
CHEN, LIN, GUEST = b"chen", b"lin", b"guest"


class Node:
    """Answers as a node does: Chen and Lin have the province, a guest has one city. It is the clock as well."""

    def __init__(self) -> None:
        self.places = {CHEN: "44", LIN: "44", GUEST: "4403"}
        self.asked: list[tuple[str, bytes]] = []
        self.answered, self.now_s = 0, 0.0
        self.down = False

    async def ask(self, question: Any, session: bytes = b"", wait_s: float = 0) -> Any:
        if self.down:
            raise Unavailable("down", "断")
        if session not in self.places:
            raise NoSession("ended", "已结束")
        place = self.places[session]
        if isinstance(question, api.WhoAmI):
            return api.Identity("x", "account", ("commander",), place, "44", 0, 0)
        self.asked.append((question.node, session))
        if not question.node.startswith(place):
            raise Forbidden("beyond", "超出")
        row = api.Row(question.node, "n", 9, 9, 9, self.answered, (), 0, 0, 0)
        order = Order(
            id=ORDER, msg_type="alert", status="exercise", refs=None, root=None, node="44", issuer="i", issued_ms=0,
            text="t", severity="minor", answers=(), audience=Selector(("44",)), receive_within_s=1, answer_within_s=1,
            open_s=1,
        )  # fmt: skip
        return api.TallyReply(api.OrderLine(order, "open", None, 9, 0), len(self.asked), row, (), 0)

    async def ask_all(self, questions: Any, session: bytes) -> list[Any]:
        return [await self.ask(question, session) for question in questions]


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def watching(node: Node) -> Watching:
    return Watching(cast(Desk, node), lambda: node.now_s)


async def drain(watcher: Watcher) -> list[Event]:
    found = []
    while (event := await watcher.next(0.01)) is not None:
        found.append(event)
    return found


async def look(watching: Watching) -> None:
    """One round of `run`, and no more."""
    task = asyncio.create_task(watching.run())
    await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_two_who_watch_the_same_share_one_question_and_hear_each_change_once(
    node: Node, watching: Watching
) -> None:
    async with watching.watch(CHEN, ORDER, ("44",), "") as chen, watching.watch(LIN, ORDER, ("44",), "") as lin:
        first = [event.kind for event in await drain(chen)]
        assert first == ["tally"] and len(await drain(lin)) == 1
        node.asked.clear()
        await look(watching)
        assert len(node.asked) == 1 and await drain(chen) == []  # nothing is new
        node.answered = 3
        await look(watching)
        assert len(node.asked) == 2
        for watcher in (chen, lin):
            (said,) = await drain(watcher)
            assert json.loads(said.data)["tally"]["total"]["answered"] == 3
    node.asked.clear()
    await look(watching)
    assert node.asked == []  # nobody watches


async def test_what_is_not_theirs_is_refused_before_they_watch_it(node: Node, watching: Watching) -> None:
    with pytest.raises(Forbidden):
        async with watching.watch(GUEST, ORDER, ("44",), ""):
            pass
    async with watching.watch(CHEN, ORDER, ("4403",), ""), watching.watch(GUEST, ORDER, ("4403",), ""):
        node.asked.clear()
        await look(watching)
        assert sorted(session for _, session in node.asked) == [CHEN, GUEST]  # of different places: nothing is shared


async def test_who_is_logged_out_hears_that_and_the_others_go_on(node: Node, watching: Watching) -> None:
    async with watching.watch(CHEN, ORDER, ("44",), "") as chen, watching.watch(LIN, ORDER, ("44",), "") as lin:
        await drain(chen), await drain(lin)
        del node.places[CHEN]
        node.now_s, node.answered = bounds.SESSION_SEEN_S + 1, 1
        await look(watching)
        await look(watching)
        assert [event.kind for event in await drain(chen)] == ["ended"]
        assert [event.kind for event in await drain(lin)] == ["tally"]


async def test_who_leaves_while_the_node_is_asked_stops_nobody_elses_stream(node: Node, watching: Watching) -> None:
    async with watching.watch(CHEN, ORDER, ("44",), "") as chen:
        await drain(chen)
        leaving = AsyncExitStack()
        await leaving.enter_async_context(watching.watch(LIN, ORDER, ("4403",), ""))
        answers = node.ask

        async def slowly(question: Any, *given: Any) -> Any:
            if question == api.Tally(ORDER, "4403"):
                await leaving.aclose()
            return await answers(question, *given)

        node.ask = slowly  # type: ignore[method-assign]
        task = asyncio.create_task(watching.run())
        await asyncio.sleep(0.02)
        assert not task.done()
        task.cancel()


async def test_a_node_that_does_not_answer_is_said_and_the_figures_come_back(node: Node, watching: Watching) -> None:
    async with watching.watch(CHEN, ORDER, ("44",), "") as chen:
        await drain(chen)
        node.down = True
        await look(watching)
        assert [event.kind for event in await drain(chen)] == ["trouble"]
        node.down = False
        await look(watching)
        assert [event.kind for event in await drain(chen)] == ["tally"]


async def test_what_was_heard_is_not_said_again(node: Node, watching: Watching) -> None:
    async with watching.watch(CHEN, ORDER, ("44",), "") as chen:
        heard = next(event.ident for event in await drain(chen) if event.kind == "tally")
    async with watching.watch(CHEN, ORDER, ("44",), heard) as chen:
        assert await drain(chen) == []


async def test_streams_are_bounded(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STREAMS_MAX", 1)
    async with watching.watch(CHEN, ORDER, ("44",), ""):
        with pytest.raises(Unavailable, match="Too many"):
            async with watching.watch(LIN, ORDER, ("44",), ""):
                pass
    async with watching.watch(LIN, ORDER, ("44",), ""):
        pass
