"""The cameras of a node: begun, ended and changed as the node says; their packets and descriptions onto the bus."""

from __future__ import annotations

import asyncio
import time
from collections import deque

import structlog

from fusioncmd import cameras, subjects
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.cameras import CAMERAS_MAX, Camera, Here
from fusioncmd.errors import BadInput, Unavailable
from fusioncmd.video import source
from fusioncmd.video.bounds import SAID_S
from fusioncmd.video.bundle import pack
from gateways.camera.bounds import GATHER_S, STARTS_AT_ONCE_MAX
from gateways.camera.feed import Feed, now_s

log = structlog.get_logger("camera")

TICK_S = 0.1
HERE_EVERY_S = 2.0
HERE_PAUSE_S = 0.5  # between two, whatever changes

assert 2 * HERE_EVERY_S < cameras.HERE_S


class Gateway:
    """`links` is the bus of what passes between tiers, `own` that of the node's gateways; `key` the tier's ticket key.
    `ports`: where drones push to, at `host`."""

    def __init__(self, links: Bus, own: Bus, key: bytes, name: str, host: str, ports: range) -> None:
        self._links, self._own, self._key, self._name = links, own, key, name
        self._host, self._ports = host, ports
        self._feeds: dict[str, Feed] = {}
        self._seqs: dict[str, int] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._sends: deque[Feed] = deque()  # with packets that go now
        self._wake = asyncio.Event()
        self._here_s, self._changed = -HERE_EVERY_S, True
        self.shed = 0  # messages that the bus did not take

    def fold(self, stored: Stored) -> None:
        """A camera, as the node keeps it. What no node wrote changes nothing, and keeps no other out."""
        try:
            camera = cameras.unpack(stored.data, self._key, stored.subject)
        except BadInput as problem:
            log.error("camera.bad_record", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        if stored.seq <= self._seqs.get(camera.name, 0):
            return
        self._seqs[camera.name] = stored.seq
        before = self._feeds.pop(camera.name, None)
        if before is not None:
            self._end(before)
        if not camera.removed:
            self._begin(camera)
        self._changed = True

    def _begin(self, camera: Camera) -> None:
        if len(self._feeds) >= CAMERAS_MAX:  # the node takes no more
            log.error("camera.too_many", camera=camera.name)
            return
        self._feeds[camera.name] = Feed(camera, self._name, self._host, self._ports, self._ready)

    def _end(self, feed: Feed) -> None:
        async def end() -> None:
            await feed.stop()
            if any(other.what == feed.what for other in self._feeds.values()):
                return  # it goes on, as another one
            await self._say(self._links, feed.what, source.encode(feed.source(over=True)))

        task = asyncio.get_running_loop().create_task(end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _ready(self, feed: Feed, ended: bool) -> None:
        """A frame goes at once; what is not whole yet waits for the rest of it, not for long."""
        if ended:
            self._send_now(feed)
        else:
            asyncio.get_running_loop().call_later(GATHER_S, self._send_now, feed)

    def _send_now(self, feed: Feed) -> None:
        if feed.waiting and feed not in self._sends:
            self._sends.append(feed)
            self._wake.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._send())
            tasks.create_task(self._tend())

    async def stop(self) -> None:
        """All sources are over."""
        feeds, self._feeds = self._feeds, {}
        for feed in feeds.values():
            self._end(feed)
        while self._ending:
            await asyncio.gather(*self._ending)

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._sends:
                feed = self._sends.popleft()
                packets, feed.waiting, feed.waiting_bytes = feed.waiting, [], 0
                for bundle in pack(packets):
                    await self._say(self._links, feed.packets, bundle)

    async def _tend(self) -> None:
        while True:
            opening = sum(feed.life.state == "opening" and not feed.camera.push for feed in self._feeds.values())
            for feed in list(self._feeds.values()):
                may_start = bool(feed.camera.push) or opening < STARTS_AT_ONCE_MAX
                starts = feed.life.starts
                changed = await feed.tick(may_start)
                opening += feed.life.starts - starts
                self._changed |= changed
                if changed or now_s() - feed.said_s >= SAID_S:
                    feed.said_s = now_s()
                    await self._say(self._links, feed.what, source.encode(feed.source()))
            since_s = now_s() - self._here_s
            if since_s >= HERE_EVERY_S or (self._changed and since_s >= HERE_PAUSE_S):
                self._here_s, self._changed = now_s(), False
                await self._say(self._own, subjects.CAMERAS_HERE, cameras.encode(self._here()))
            await asyncio.sleep(TICK_S)

    def _here(self) -> Here:
        ports = (self._ports.start if len(self._ports) else 0, len(self._ports))
        return Here(self._name, self._host, ports, tuple(feed.state() for feed in self._feeds.values()))

    async def _say(self, bus: Bus, subject: str, data: bytes) -> None:
        try:
            await bus.say(subject, data)
        except Unavailable:
            self.shed += 1
            if self.shed & (self.shed - 1) == 0:
                log.warning("camera.bus_does_not_take", messages=self.shed, at_s=time.time())
