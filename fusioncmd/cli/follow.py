"""Following an order until it settles, the commander quits or the program that reads us ends: the live loop.

On a terminal it takes the whole screen and keys move through the tiers; elsewhere it writes a line when something
changed. When the node does not answer, the last figures stay, and the screen says that they are old.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import Protocol

from msgspec import structs
from rich.live import Live

from fusioncmd import api
from fusioncmd.cli import shell
from fusioncmd.cli.browse import Browse, cursor_index, press
from fusioncmd.cli.figures import Speed, places_first
from fusioncmd.cli.keyboard import next_key, pressed
from fusioncmd.cli.tally_view import Screen, tally_line, tally_view
from fusioncmd.client import Commander
from fusioncmd.errors import BusDown, NotFound, Problem, Unavailable
from fusioncmd.words import say, sentence

EVERY_S = 0.5
ANSWER_S_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """The last reply, how fast it moved, and why there is none that is newer."""

    reply: api.TallyReply
    speed: tuple[float, float]
    trouble: Problem | None = None


class View(Protocol):
    """Where readings go."""

    def show(self, reading: Reading, browse: Browse) -> None: ...


class ScreenView:
    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, reading: Reading, browse: Browse) -> None:
        size = shell.out.size
        rows = places_first(reading.reply.below, browse.worst)
        footer = say(
            "↑↓ move   →/digits open   ← up   w worst first   q quit",
            "↑↓ 选择   →/数字 进入下级   ← 返回上级   w 最差在前   q 退出",
        )
        typed = f"[{browse.digits}_]   " if browse.digits else ""
        screen = Screen(size.width, size.height, cursor_index(browse, rows) if rows else None, typed + footer)
        self._live.update(
            tally_view(
                reading.reply, screen, worst=browse.worst, speed=reading.speed, trouble=_trouble_words(reading.trouble)
            ),
            refresh=True,
        )


class LineView:
    """A line, or a JSON object, whenever something other than the time changed."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._before: api.TallyReply | None = None
        self._troubled = False

    def show(self, reading: Reading, browse: Browse) -> None:
        timeless = replace_time(reading.reply)
        if timeless != self._before:
            if self._as_json:
                shell.print_json(reading.reply)
            else:
                shell.say_line(tally_line(reading.reply, reading.speed))
        if reading.trouble is not None and not self._troubled:
            shell.err.print(_trouble_words(reading.trouble), style="bold red", soft_wrap=True)
        self._before, self._troubled = timeless, reading.trouble is not None


def replace_time(reply: api.TallyReply) -> api.TallyReply:
    steps = tuple(structs.replace(step, due_in_s=None) for step in reply.steps)
    cut = tuple(structs.replace(line, since_ms=0) for line in reply.cut)
    return api.TallyReply(
        reply.line, 0, reply.total, reply.below, reply.outside, reply.problems, steps, cut, reply.problems_zh
    )  # fmt: skip


async def follow(
    commander: Commander, order: bytes, browse: Browse, *, until_settled_s: float = 0.0, as_json: bool = False
) -> None:
    """Show the order twice a second until nothing moved for `until_settled_s` (0: for ever) or the commander quits."""
    first = await commander.ask(api.Tally(order, browse.node))
    on_screen = not as_json and shell.out.is_terminal and not shell.out.is_dumb_terminal
    last = Reading(first, (0.0, 0.0))
    with contextlib.ExitStack() as stack:
        view: View = LineView(as_json)
        if on_screen:
            live = Live(console=shell.out, screen=True, auto_refresh=False, vertical_overflow="crop")
            view = ScreenView(stack.enter_context(live))
        async with pressed(on_screen) as keys:
            loop = _Loop(commander, order, browse, view, last)
            await loop.run(keys, until_settled_s)
    if on_screen:
        shell.out.print(tally_view(loop.last.reply, Screen(shell.out.width), worst=loop.browse.worst))


async def until_approved(commander: Commander, ident: bytes) -> None:
    """Until the order is issued; `NotFound` when it was withdrawn, or nobody approved it in time."""
    while True:
        waiting = (await commander.ask(api.Proposals())).proposals
        if all(one.order.id != ident for one in waiting):
            break
        await asyncio.sleep(EVERY_S)
    try:
        await commander.ask(api.Tally(ident))
    except NotFound:
        raise NotFound(
            "It was withdrawn, or nobody approved it in time; nothing was sent.", "已被撤回或逾期未批准，未下达。"
        ) from None


class _Loop:
    def __init__(self, commander: Commander, order: bytes, browse: Browse, view: View, first: Reading) -> None:
        self._commander, self._order, self._view = commander, order, view
        self.browse, self.last = browse, first
        self._speed = Speed()

    async def run(self, keys: asyncio.Queue[str], until_settled_s: float) -> None:
        clock = asyncio.get_running_loop().time
        moved_s = clock()
        self._take(self.last.reply)
        while True:
            self._view.show(self.last, self.browse)
            before = self.last.reply.total
            wait_s = min(EVERY_S, until_settled_s) if until_settled_s else EVERY_S
            key = await next_key(keys, wait_s)
            while key is not None:
                rows = places_first(self.last.reply.below, self.browse.worst)
                self.browse = press(self.browse, key, rows, self.last.reply.total.code)
                key = None if keys.empty() else keys.get_nowait()
            if self.browse.quit:
                return
            await self._read()
            if self.last.trouble is not None or self.last.reply.total != before:
                moved_s = clock()
            elif until_settled_s and clock() - moved_s >= until_settled_s:
                self._view.show(self.last, self.browse)
                return

    async def _read(self) -> None:
        try:
            reply = await self._commander.ask(api.Tally(self._order, self.browse.node), timeout_s=ANSWER_S_MAX)
        except Unavailable as problem:
            self.last = replace(self.last, speed=(0.0, 0.0), trouble=problem)
            return
        self._take(reply)

    def _take(self, reply: api.TallyReply) -> None:
        if reply.total.code != self.last.reply.total.code:
            self._speed = Speed()
        self.last = Reading(reply, self._speed.update(reply.now_ms, reply.total.received, reply.total.answered))


def _trouble_words(problem: Problem | None) -> str:
    if problem is None:
        return ""
    why = say("The node does not answer.", "节点没有应答。") if isinstance(problem, BusDown) else sentence(problem)
    return say("These figures are old. ", "数字不是最新。") + why
