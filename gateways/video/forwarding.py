"""Who publishes and who watches at this gateway, and the sources that it has heard of."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import Forbidden, NotFound, Problem, Unavailable
from fusioncmd.video import subjects
from fusioncmd.video.source import Source
from gateways.video import bounds
from gateways.video.groups import now_ms
from gateways.video.publisher import About, Publisher
from gateways.video.sources import Sources, address_of
from gateways.video.watched import Watched, Watching
from gateways.video.who import Guest, check_publishes, may_watch, source_name

log = structlog.get_logger("video")
One = Publisher | Watching
TICK_S = 0.03
SWEEP_TICKS = 10


class Forwarding:
    """Of the gateway named `gateway`, unique in the tree, which serves the place `serves`.
    `clock`: seconds since 1970."""

    def __init__(self, bus: Bus, gateway: str, serves: Path, clock: Callable[[], float]) -> None:
        self._bus, self._gateway, self._serves, self._clock = bus, gateway, serves, clock
        self._saying = Saying(bus)
        self.say = self._saying.say
        self.sources = Sources()
        self.publishers: dict[str, Publisher] = {}
        self.viewers: dict[str, Watching] = {}
        self._watched: dict[str, Watched] = {}
        self._asks: dict[str, Hearing] = {}  # by the address of who publishes here
        self._opening = 0
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Future[None]] = set()

    async def run(self) -> None:
        """Until cancelled."""
        saying = asyncio.create_task(self._saying.run())
        hearings = [await self._bus.hear(one, self._said) for one in subjects.sources_heard_at(self._serves)]
        ticks = 0
        try:
            while not saying.done():
                await asyncio.sleep(TICK_S)
                ticks += 1
                for publisher in [*self.publishers.values()]:
                    publisher.tick()
                for watched in [*self._watched.values()]:
                    for ident in watched.tick():
                        self._gone(ident)
                if ticks % SWEEP_TICKS == 0:
                    self._sweep()
                    await self._leave_unwatched()
        finally:
            for hearing in hearings:
                await hearing.stop()
            saying.cancel()
            await asyncio.gather(saying, return_exceptions=True)

    async def stop(self) -> None:
        for one in self._all():
            self.end(one)
        await asyncio.gather(*self._tasks)

    # --- who publishes

    async def publish(self, guest: Guest, where: str, offer: str, about: About) -> tuple[Publisher, str]:
        """Somebody, and our answer to the offer. Forbidden, BadInput; `Unavailable`: there are too many."""
        path = parse(where)
        check_publishes(guest.caller, path)
        if not self._serves.covers(path):
            raise Forbidden(f"{self._serves} does not serve {path}.", f"{self._serves} 不服务 {path}。")
        if len(self.publishers) >= bounds.PUBLISHERS_MAX:
            raise Unavailable("This gateway takes no further publisher.", "本网关无法再接入视频发布。")
        name = source_name(guest.caller)
        known = self.sources.find(address_of(path, name))
        since_ms = max(int(self._clock() * 1_000), 0 if known is None else known.since_ms + 1)
        made = Publisher(
            os.urandom(16).hex(), guest, path, name, self._gateway, about, since_ms, self.say, self._gone,
        )  # fmt: skip
        answer = await self._answered(made, made.answer(offer))
        self.publishers[made.ident] = made
        for other in [one for one in self.publishers.values() if one.address == made.address and one is not made]:
            self.end(other, followed=True)
        async with self._changing:
            if (former := self._asks.pop(made.address, None)) is not None:
                await former.stop()
            self._asks[made.address] = await self._bus.hear(subjects.ask(path, name), made.ask)
        log.info("video.publishes", source=made.address, who=guest.caller.name)
        return made, answer

    # --- who watches

    async def watch(self, guest: Guest, where: str, offer: str) -> tuple[Watching, str]:
        """Somebody, and our answer to the offer. `where`: `<code>.<source>`. NotFound, Forbidden, BadInput;
        `Unavailable`: there are too many."""
        code, _, name = where.rpartition(".")
        path = parse(code)
        if not may_watch(guest.caller, path, name):
            raise Forbidden(f"{guest.caller.name} may not watch {where}.", f"{guest.caller.name} 无权观看 {where}。")
        address = address_of(path, name)
        source = self.sources.find(address)
        if source is None:
            raise NotFound(f"Nothing is published as {where} now.", f"{where} 当前没有视频。")
        if len(self.viewers) >= bounds.VIEWERS_MAX:
            raise Unavailable("This gateway takes no further viewer.", "本网关无法再接入观看者。")
        watched = await self._hold(address, source)
        made = Watching(
            os.urandom(16).hex(), guest, address, watched.opened, watched.rtcp, self._gone,
        )  # fmt: skip
        try:
            answer = await self._answered(made, made.answer(offer, source))
        finally:
            watched.holds -= 1
        self.viewers[made.ident] = made
        same = [one for one in self.viewers.values() if one.guest.caller == guest.caller]
        for one in same[: -bounds.VIEWERS_PER_PERSON_MAX]:
            self.end(one)
        log.info("video.watches", source=address, who=guest.caller.name, here=len(self.viewers))
        return made, answer

    async def _hold(self, address: str, source: Source) -> Watched:
        """The source, heard; it is kept until `holds` is given back."""
        async with self._changing:
            watched = self._watched.get(address)
            if watched is None:
                watched = Watched(source, parse(source.node), self._gateway, self.say)
                await watched.begin(self._bus)
                self._watched[address] = watched
            watched.holds += 1
            return watched

    async def _answered(self, made: One, answering: Awaitable[str]) -> str:
        if self._opening >= bounds.OPENING_MAX:
            answering.close()  # type: ignore[attr-defined]
            await made.session.close()
            raise Unavailable("Too many sessions are being opened.", "正在建立的会话过多。")
        self._opening += 1
        try:
            return await answering
        except Problem:
            await made.session.close()
            raise
        finally:
            self._opening -= 1

    def viewers_of(self, address: str) -> int:
        """At all gateways, of what is published here; at this one, of another."""
        here = next((one for one in self.publishers.values() if one.address == address), None)
        if here is not None:
            return here.viewers()
        watched = self._watched.get(address)
        return 0 if watched is None else len(watched.viewers)

    def counters(self) -> dict[str, int]:
        sessions = [one.session for one in self._all()]
        return {
            "publishers": len(self.publishers), "viewers": len(self.viewers), "sources": len(self.sources),
            "watched": len(self._watched), "packets": sum(one.packets for one in self._watched.values()),
            "shed": self._saying.shed, "unsent": sum(one.unsent for one in sessions),
            "refused_datagrams": sum(one.refused for one in sessions),
        }  # fmt: skip

    # --- sessions of both

    def find(self, ident: str, guest: Guest) -> One:
        one = self.publishers.get(ident) or self.viewers.get(ident)
        if one is None or one.guest.caller != guest.caller:
            raise NotFound("There is no such session.", "没有该会话。")
        return one

    def stay(self, ident: str, guest: Guest) -> None:
        """As long as a later token of the same person says, and not shorter than before."""
        one = self.find(ident, guest)
        if guest.until_s > one.guest.until_s:
            one.guest = guest

    def end(self, one: One, followed: bool = False) -> None:
        if isinstance(one, Publisher):
            if self.publishers.pop(one.ident, None) is None:
                return
            one.stop(followed)
            another = any(other.address == one.address for other in self.publishers.values())
            if not another and (hearing := self._asks.pop(one.address, None)) is not None:
                self._then(hearing.stop())
        else:
            if self.viewers.pop(one.ident, None) is None:
                return
            if (watched := self._watched.get(one.address)) is not None:
                watched.viewers.pop(one.ident, None)
        self._then(one.session.close())

    def _all(self) -> list[One]:
        return [*self.publishers.values(), *self.viewers.values()]

    def lost(self, device: bytes) -> None:
        """Who is here with a device that was revoked has to go."""
        for one in self._all():
            if device and one.guest.device == device:
                self.end(one)

    def _gone(self, ident: str) -> None:
        if (one := self.publishers.get(ident) or self.viewers.get(ident)) is not None:
            self.end(one)

    def _sweep(self) -> None:
        at_ms, at_s = now_ms(), self._clock()
        for one in self._all():
            late = not _is_open(one, self._watched) and at_ms - one.since_ms > bounds.CONNECT_S_MAX * 1_000
            if late or one.guest.until_s <= at_s:
                self.end(one)
        for address in self.sources.silent(time.monotonic()):
            self._end_viewers(address)

    # --- what the bus says

    def _said(self, subject: str, data: bytes) -> None:
        found = self.sources.take(subject, data, time.monotonic())
        if found is None:
            return
        address, source = found
        watched = self._watched.get(address)
        if source.over or (watched is not None and not watched.become(source)):
            self._end_viewers(address)
        for one in [one for one in self.publishers.values() if one.address == address]:
            if (source.gateway, source.since_ms) != (one.source.gateway, one.source.since_ms):
                self.end(one, followed=True)  # who publishes has moved to another gateway

    def _end_viewers(self, address: str) -> None:
        for one in [one for one in self.viewers.values() if one.address == address]:
            self.end(one)

    async def _leave_unwatched(self) -> None:
        """Nobody here wants it any more: no link has to carry it for us."""
        async with self._changing:
            for address in [address for address, one in self._watched.items() if one.idle()]:
                watched = self._watched.pop(address)
                watched.ask(keyframe=False)
                await watched.end()

    def _then(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _is_open(one: One, watched: dict[str, Watched]) -> bool:
    if isinstance(one, Publisher):
        return one.is_open
    here = watched.get(one.address)
    return here is not None and one.ident in here.viewers
