"""Who watches which order: one question to the node for all who watch the same place of it, twice a second at most.

Whoever joins has asked the node under their own session first, so that nobody watches more than they may; from then on
those whose place is the same share what one of them is told. Each session is asked about again, and ends with its
login. What a watcher hears is the state and not a history: who was away names what they heard last, and hears the
newest.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import blake2b

import structlog
from msgspec import structs

from fusioncmd import api
from fusioncmd.errors import NoSession, Problem, Unavailable
from gateways.console import bounds
from gateways.console.desk import Desk
from gateways.console.shapes import encoded, trouble_of

log = structlog.get_logger("console")
Key = tuple[bytes, str, str]  # order, place that is asked about, place of who asks


@dataclass(frozen=True, slots=True)
class Event:
    """`ident` names what it says: whoever has heard it need not hear it again."""

    kind: str  # tally, trouble, ended
    ident: str
    data: bytes


@dataclass(eq=False, slots=True)
class Watcher:
    """The newest event of each key; a slow reader skips what was overtaken, and is never waited for."""

    session: bytes
    waiting: OrderedDict[Key | str, Event] = field(default_factory=OrderedDict)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, key: Key | str, event: Event) -> None:
        self.waiting[key] = event
        self.woken.set()

    async def next(self, wait_s: float) -> Event | None:
        """None when there was nothing for so long."""
        if not self.waiting:
            self.woken.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self.woken.wait()
            except TimeoutError:
                return None
        return self.waiting.popitem(last=False)[1]


@dataclass(eq=False, slots=True)
class _Watched:
    watchers: set[Watcher] = field(default_factory=set)
    newest: Event | None = None
    failing: bool = False


class Watching:
    """All streams of one console. `clock` gives seconds; `run` works until it is cancelled."""

    def __init__(self, desk: Desk, clock: Callable[[], float]) -> None:
        self._desk, self._clock = desk, clock
        self._watched: dict[Key, _Watched] = {}
        self._seen_s: dict[Watcher, float] = {}
        self.asked = 0  # questions about tallies: fewer than watchers, where they watch the same

    @asynccontextmanager
    async def watch(self, session: bytes, order: bytes, nodes: tuple[str, ...], heard: str) -> AsyncIterator[Watcher]:
        """One who watches, while the block runs; `heard` is the id of the last event that they had, or empty."""
        if len(self._seen_s) >= bounds.STREAMS_MAX:
            raise Unavailable("Too many watch at this console; try again later.", "同时查看人数过多，请稍后再试。")
        watcher = Watcher(session)
        self._seen_s[watcher] = self._clock()
        keys: list[Key] = []
        try:
            place = (await self._desk.ask(api.WhoAmI(), session)).path
            replies = await self._desk.ask_all([api.Tally(order, node) for node in nodes], session)
            for node, reply in zip(nodes, replies, strict=True):
                key = (order, node, place)
                watched = self._watched.setdefault(key, _Watched())
                self._told(key, reply)  # to the others, before it is one of them
                keys.append(key)
                watched.watchers.add(watcher)
                if watched.newest is not None and watched.newest.ident != heard:
                    watcher.tell(key, watched.newest)
            yield watcher
        finally:
            self._seen_s.pop(watcher, None)
            for key in keys:
                self._leave(key, watcher)

    async def run(self) -> None:
        """Ask about all that is watched, and once in a while about those who watch."""
        while True:
            began = self._clock()
            await asyncio.gather(*(self._look(key) for key in list(self._watched)))
            await self._look_at_sessions(began)
            await asyncio.sleep(max(bounds.TALLY_EVERY_MS / 1000 - (self._clock() - began), 0.05))

    async def _look(self, key: Key) -> None:
        watched = self._watched.get(key)
        if watched is None or not watched.watchers:
            return
        asker = next(iter(watched.watchers))
        self.asked += 1
        try:
            reply = await self._desk.ask(api.Tally(key[0], key[1]), asker.session, bounds.WATCH_S_MAX)
            if key in self._watched:  # nobody may be left by now
                self._told(key, reply)
        except NoSession as problem:
            self._end(asker, problem)
        except Problem as problem:
            if not watched.failing:
                log.warning("console.cannot_watch", problem=problem.en)
            watched.failing = True
            for watcher in watched.watchers:
                watcher.tell(key, Event("trouble", "", trouble_of(problem)))

    def _told(self, key: Key, reply: api.TallyReply) -> None:
        watched = self._watched[key]
        ident = blake2b(encoded(structs.replace(reply, now_ms=0)), digest_size=8).hexdigest()
        if watched.newest is None or watched.newest.ident != ident or watched.failing:
            watched.newest = Event("tally", ident, encoded({"node": key[1], "tally": reply}))
            for watcher in watched.watchers:
                watcher.tell(key, watched.newest)
        watched.failing = False

    async def _look_at_sessions(self, now_s: float) -> None:
        for watcher, seen_s in list(self._seen_s.items()):
            if now_s - seen_s < bounds.SESSION_SEEN_S:
                continue
            self._seen_s[watcher] = now_s
            try:
                await self._desk.ask(api.WhoAmI(), watcher.session, bounds.WATCH_S_MAX)
            except NoSession as problem:
                self._end(watcher, problem)
            except Unavailable:  # asked again later; the tally says what is wrong
                pass

    def _end(self, watcher: Watcher, problem: Problem) -> None:
        for key in list(self._watched):
            self._leave(key, watcher)
        watcher.waiting.clear()
        watcher.tell("ended", Event("ended", "", trouble_of(problem)))

    def _leave(self, key: Key, watcher: Watcher) -> None:
        watched = self._watched.get(key)
        if watched is not None:
            watched.watchers.discard(watcher)
            if not watched.watchers:
                del self._watched[key]
