"""Browsers in talkgroups: who is here, what they say, and what they hear.

A browser takes part as a radio with floor control does, and its Opus passes as it came.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage, NotFound, Problem, Unavailable
from fusioncmd.floor import codec
from fusioncmd.voice import rtp
from gateways.radio.calls import CallUp, MediaOffer
from gateways.radio.groups import Groups, now_ms
from gateways.radio.leg import Leg
from gateways.radio.talkgroup import Talkgroup
from gateways.video import bounds
from gateways.video.ended import Ended
from gateways.video.talk_session import TalkSession
from gateways.video.who import Guest, check_branch

log = structlog.get_logger("video")

SWEEP_S = 1.0
_SSRC = struct.Struct(">I")


@dataclass(slots=True)
class Browser:
    """`leg` and `group` are there as soon as the session is open."""

    ident: str
    guest: Guest
    where: str
    session: TalkSession
    since_ms: int
    leg: Leg | None = None
    group: Talkgroup | None = None
    allowance: float = bounds.FLOOR_BURST  # floor messages
    said_ms: int = 0


class Talking:
    """`gateway` is unique among all gateways of the tree; it serves the place `serves`. `exists` knows places."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, clock: Callable[[], float], exists: Callable[[Path], bool],
    ) -> None:  # fmt: skip
        self._clock, self._exists = clock, exists
        self._groups = Groups(bus, gateway, serves, clock, self)
        self.say = self._groups.say
        self.browsers: dict[str, Browser] = {}
        self.ended = Ended()
        self._opening = 0
        self._tasks: set[asyncio.Future[None]] = set()
        self.refused = 0  # packets and floor messages that are none, or too many

    async def run(self) -> None:
        """Until cancelled."""
        await self._groups.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._groups.run())
            while True:
                await asyncio.sleep(SWEEP_S)
                self._sweep()

    async def stop(self) -> None:
        for browser in [*self.browsers.values()]:
            self.end(browser)
        await asyncio.gather(*self._tasks)

    # --- browsers

    async def open(self, guest: Guest, where: str, offer: str) -> tuple[Browser, str]:
        """A browser, and our answer to its offer. Forbidden, NotFound, BadInput; `Unavailable`: there are too many."""
        check_branch(guest.caller, self._groups.check(where), self._exists)
        if len(self.browsers) + self._opening >= bounds.SESSIONS_MAX or self._opening >= bounds.OPENING_MAX:
            raise Unavailable("This gateway takes no further browser.", "本网关无法再接入浏览器。")
        self._opening += 1
        ident = os.urandom(16).hex()
        session = TalkSession(
            lambda: self._then(self._join(ident)), lambda data: self._sound(ident, data),
            lambda data: self._floor(ident, data), lambda: self._ended(ident),
        )  # fmt: skip
        try:
            answer = await session.talk(offer)
        except Problem:
            await session.close()
            raise
        finally:
            self._opening -= 1
        browser = self.browsers[ident] = Browser(ident, guest, where, session, now_ms())
        same = [one for one in self.browsers.values() if one.guest.caller == guest.caller]
        for one in same[: -bounds.SESSIONS_PER_PERSON_MAX]:
            self.end(one)
        log.info("video.browser", where=where, who=guest.caller.name, here=len(self.browsers))
        return browser, answer

    def find(self, ident: str, guest: Guest) -> Browser:
        browser = self.browsers.get(ident)
        if browser is None or browser.guest.caller != guest.caller:
            raise NotFound("There is no such session.", "没有该会话。")
        return browser

    def stay(self, ident: str, guest: Guest) -> None:
        """As long as a later token of the same person says, and not shorter than before."""
        browser = self.find(ident, guest)
        if guest.until_s > browser.guest.until_s:
            browser.guest = guest

    def end(self, browser: Browser) -> None:
        if self.browsers.pop(browser.ident, None) is None:
            return
        if browser.leg is not None and browser.group is not None:
            browser.group.leave(browser.leg, now_ms())
        self._then(browser.session.close())

    def lost(self, device: bytes) -> None:
        """Who is here with a device that was revoked has to go."""
        for browser in [one for one in self.browsers.values() if device and one.guest.device == device]:
            self.end(browser)

    async def _join(self, ident: str) -> None:
        browser = self.browsers.get(ident)
        if browser is None or browser.leg is not None:
            return
        try:
            joined = await self._groups.join(browser.where, lambda ssrc: self._leg(browser, ssrc))
            browser.group = browser.group if joined is None else joined[1]
        except Problem as problem:
            log.warning("video.not_joined", where=browser.where, problem=problem.en)
            self.end(browser)

    def _leg(self, browser: Browser, ssrc: int) -> Leg | None:
        """As of a radio that has floor control and speaks Opus."""
        if browser.ident not in self.browsers or browser.leg is not None:
            return None
        spoken = browser.session.payload_type
        offer = MediaOffer("", 1, "opus", spoken, None, 20, send=True, receive=True, keys=None, floor=("", 0))
        browser.leg = Leg(CallUp(browser.ident, browser.guest.caller, browser.where, offer), None, ssrc, None)
        return browser.leg

    def _ended(self, ident: str) -> None:
        if (browser := self.browsers.get(ident)) is not None:
            self.ended.add(ident, browser.guest.caller)
            self.end(browser)

    def _sweep(self) -> None:
        at_ms, at_s = now_ms(), self._clock()
        for browser in [*self.browsers.values()]:
            late = browser.leg is None and at_ms - browser.since_ms > bounds.CONNECT_S_MAX * 1_000
            if late or browser.guest.until_s <= at_s:
                self.end(browser)

    # --- what comes

    def _sound(self, ident: str, data: bytes) -> None:
        browser = self.browsers.get(ident)
        if browser is None or browser.leg is None or browser.group is None:
            return
        try:
            browser.group.packet(browser.leg, rtp.parse(data), now_ms())
        except BadMessage:
            self.refused += 1

    def _floor(self, ident: str, data: bytes) -> None:
        browser, at_ms = self.browsers.get(ident), now_ms()
        if browser is None or browser.leg is None or browser.group is None:
            return
        since_ms, browser.said_ms = at_ms - browser.said_ms, at_ms
        browser.allowance = min(bounds.FLOOR_BURST, browser.allowance + since_ms * bounds.FLOOR_PER_S / 1_000)
        try:
            if browser.allowance < 1:
                raise BadMessage("Floor messages come too fast.", "话权消息过于频繁。")
            browser.allowance -= 1
            browser.group.message(browser.leg, codec.decode(data), at_ms)
        except BadMessage:
            self.refused += 1

    # --- what goes (talkgroup.Wire)

    def rtp(self, leg: Leg, packet: bytearray) -> None:
        if (browser := self.browsers.get(leg.call)) is not None:
            _SSRC.pack_into(packet, 8, browser.session.ssrc)  # the one that its answer named
            browser.session.send((packet,))

    def rtcp(self, leg: Leg, packet: bytes) -> None:
        browser = self.browsers.get(leg.call)
        if browser is not None and not browser.session.say(packet):
            self.end(browser)

    def pressed(self, leg: Leg, key: str, order: bytes) -> None:
        """A browser has no keys."""

    def _then(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
