"""The sources that this gateway has heard of, and those of them that it hears: each once, however many watch it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path, parse
from fusioncmd.errors import NotFound
from fusioncmd.video import subjects
from fusioncmd.video.source import Source
from gateways.video.sources import Sources
from gateways.video.watched import Watched

log = structlog.get_logger("video")


class Heard:
    """Of the gateway named `gateway`, which serves the place `serves`; `say` goes to the bus. `changed` is told what a
    source says of itself, with its address, and whether its viewers can go on."""

    def __init__(
        self, bus: Bus, gateway: str, serves: Path, say: Callable[[str, bytes], None],
        changed: Callable[[str, Source, bool], None],
    ) -> None:  # fmt: skip
        self.sources = Sources()
        self._bus, self._gateway, self._serves, self._say, self._changed = bus, gateway, serves, say, changed
        self._watched: dict[str, Watched] = {}
        self._hearings: list[Hearing] = []
        self._changing = asyncio.Lock()  # who comes and goes, one after the other

    def __iter__(self) -> Iterator[Watched]:
        return iter([*self._watched.values()])

    async def begin(self) -> None:
        for subject in subjects.sources_heard_at(self._serves):
            self._hearings.append(await self._bus.hear(subject, self._said))

    async def end(self) -> None:
        for hearing in self._hearings:
            await hearing.stop()
        for watched in self:
            await watched.end()

    def find(self, address: str) -> Watched | None:
        return self._watched.get(address)

    async def hold(self, address: str, holder: str) -> Watched:
        """The source, heard from now on for `holder`, until it is let go. NotFound: there is none."""
        async with self._changing:
            source = self.sources.find(address)
            if source is None:
                place, _, name = address.rpartition(".")
                where = f"{place.replace('.', '')}.{name}"
                raise NotFound(f"Nothing is published as {where} now.", f"{where} 当前没有视频。")
            watched = self._watched.get(address)
            if watched is None:
                watched = Watched(source, parse(source.node), self._gateway, self._say)
                await watched.begin(self._bus)
                self._watched[address] = watched
            watched.holders.add(holder)
            return watched

    def let_go(self, address: str, holder: str) -> None:
        if (watched := self._watched.get(address)) is not None:
            watched.holders.discard(holder)
            watched.viewers.pop(holder, None)

    async def sweep(self) -> list[str]:
        """The addresses of sources that have fallen silent. What nobody wants any more is not heard: no link has to
        carry it for us."""
        async with self._changing:
            for address in [address for address, one in self._watched.items() if one.idle()]:
                watched = self._watched.pop(address)
                watched.ask(keyframe=False)
                await watched.end()
        return self.sources.silent(time.monotonic())

    def _said(self, subject: str, data: bytes) -> None:
        found = self.sources.take(subject, data, time.monotonic())
        if found is None:
            return
        address, source = found
        watched = self._watched.get(address)
        self._changed(address, source, watched is None or watched.become(source))
