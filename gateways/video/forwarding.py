"""Who publishes and who watches at this gateway, and the sources that it has heard of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import Forbidden, NotFound, Unavailable
from fusioncmd.video import subjects
from fusioncmd.video.source import Source
from gateways.radio.groups import now_ms
from gateways.video import bounds
from gateways.video.ended import Ended
from gateways.video.heard import Heard
from gateways.video.publisher import About, Publisher
from gateways.video.shown import Shown
from gateways.video.sources import Sources, address_of
from gateways.video.watched import Watching
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
        self._heard = Heard(bus, gateway, serves, self._saying.say, self._changed)
        self._shown = Shown(self._heard, gateway, serves, self._saying.say, clock)
        self.publishers: dict[str, Publisher] = {}
        self.viewers: dict[str, Watching] = {}
        self.ended = Ended()
        self._asks: dict[str, Hearing] = {}  # by the address of who publishes here
        self._opening = 0
        self._changing = asyncio.Lock()
        self._tasks: set[asyncio.Future[None]] = set()

    @property
    def sources(self) -> Sources:
        return self._heard.sources

    async def run(self) -> None:
        """Until cancelled."""
        saying = asyncio.create_task(self._saying.run())
        await self._heard.begin()
        await self._shown.begin(self._bus)
        ticks = 0
        try:
            while not saying.done():
                await asyncio.sleep(TICK_S)
                ticks += 1
                for publisher in [*self.publishers.values()]:
                    publisher.tick()
                for watched in self._heard:
                    for ident in watched.tick():
                        self._gone(ident)
                if ticks % SWEEP_TICKS == 0:
                    self._sweep()
                    for address in await self._heard.sweep():
                        self._end_viewers(address)
                    await self._shown.sweep()
        finally:
            await self._shown.end()
            await self._heard.end()
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
        address = address_of(path, name)
        known = self.sources.find(address)
        since_ms = max(int(self._clock() * 1_000), 0 if known is None else known.since_ms + 1)
        made = Publisher(
            os.urandom(16).hex(), guest, path, name, self._gateway, about, since_ms, self._saying.say, self._follow,
            self._gone,
        )  # fmt: skip
        answer = await self._answered(made, made.answer(offer))
        for other in [one for one in self.publishers.values() if one.address == address and not one.is_open]:
            self.end(other, followed=True)  # who asks again and again has one session that is opening
        self.publishers[made.ident] = made
        async with self._changing:
            if address not in self._asks:
                self._asks[address] = await self._bus.hear(subjects.ask(path, name), partial(self._asked, address))
        log.info("video.publishes", source=address, who=guest.caller.name)
        return made, answer

    def _follow(self, made: Publisher) -> None:
        """It is there: who published as the same source before goes."""
        for other in [*self.publishers.values()]:
            if other.address == made.address and other is not made:
                self.end(other, followed=True)

    def _asked(self, address: str, _: str, data: bytes) -> None:
        for one in self.publishers.values():
            if one.address == address:
                one.ask(data)

    # --- who watches

    async def watch(self, guest: Guest, where: str, offer: str) -> tuple[Watching, str]:
        """Somebody, and our answer to the offer. `where`: `<code>.<source>`. NotFound, Forbidden, BadInput;
        `Unavailable`: there are too many."""
        code, _, name = where.rpartition(".")
        path = parse(code)
        if not may_watch(guest.caller, path, name):
            raise Forbidden(f"{guest.caller.name} may not watch {where}.", f"{guest.caller.name} 无权观看 {where}。")
        if len(self.viewers) >= bounds.VIEWERS_MAX:
            raise Unavailable("This gateway takes no further viewer.", "本网关无法再接入观看者。")
        address, ident = address_of(path, name), os.urandom(16).hex()
        watched = await self._heard.hold(address, ident)
        made = Watching(ident, guest, address, watched.opened, watched.rtcp, self._gone)
        try:
            answer = await self._answered(made, made.answer(offer, watched.source))
        except BaseException:
            self._heard.let_go(address, ident)
            raise
        self.viewers[ident] = made
        same = [one for one in self.viewers.values() if one.guest.caller == guest.caller]
        for one in same[: -bounds.VIEWERS_PER_PERSON_MAX]:
            self.end(one)
        log.info("video.watches", source=address, who=guest.caller.name, here=len(self.viewers))
        return made, answer

    async def _answered(self, made: One, answering: Awaitable[str]) -> str:
        if self._opening >= bounds.OPENING_MAX:
            answering.close()  # type: ignore[attr-defined]
            await made.session.close()
            raise Unavailable("Too many sessions are being opened.", "正在建立的会话过多。")
        self._opening += 1
        try:
            return await answering
        except BaseException:  # refused, or who asked has gone
            await made.session.close()
            raise
        finally:
            self._opening -= 1

    def viewers_of(self, address: str) -> int:
        """At all gateways, of what is published here; at this one, of another."""
        here = next((one for one in self.publishers.values() if one.address == address), None)
        if here is not None:
            return here.viewers()
        watched = self._heard.find(address)
        return 0 if watched is None else len(watched.viewers)

    def counters(self) -> dict[str, int]:
        sessions = [one.session for one in self._all()]
        return {
            "publishers": len(self.publishers), "viewers": len(self.viewers), "sources": len(self.sources),
            "watched": sum(1 for _ in self._heard), "packets": sum(one.packets for one in self._heard),
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
            self._heard.let_go(one.address, one.ident)
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
            self.ended.add(ident, one.guest.caller)
            self.end(one)

    def _sweep(self) -> None:
        at_ms, at_s = now_ms(), self._clock()
        for one in self._all():
            late = not one.is_open and at_ms - one.since_ms > bounds.CONNECT_S_MAX * 1_000
            if late or one.guest.until_s <= at_s:
                self.end(one)

    def _changed(self, address: str, source: Source, goes_on: bool) -> None:
        """A source said what it is."""
        if source.over or not goes_on:
            self._end_viewers(address)
        for one in [one for one in self.publishers.values() if one.address == address]:
            if source.gateway != self._gateway and source.since_ms > one.source.since_ms:
                self.end(one, followed=True)  # who publishes has moved to another gateway

    def _end_viewers(self, address: str) -> None:
        for one in [one for one in self.viewers.values() if one.address == address]:
            self.end(one)

    def _then(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
