"""What the node of this place puts before everybody below: another source's packets, said again as the source `shown`
of the place, so that each link below carries it once; and what is asked of it there, asked of the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import structlog

from fusioncmd.bus.port import Bus, Hearing
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S, SILENT_S
from fusioncmd.video.source import Ask, Show, Source, decode, encode
from fusioncmd.video.subjects import SHOWN
from gateways.video.asked import Asked
from gateways.video.heard import Heard
from gateways.video.watched import Watched

log = structlog.get_logger("video")
GONE = ("The source that is shown is not there now.", "所展示的视频源当前不可用。")


class Shown:
    """At the place `serves`, by the gateway named `gateway`; `say` goes to the bus. `clock`: seconds since 1970."""

    def __init__(
        self, heard: Heard, gateway: str, serves: Path, say: Callable[[str, bytes], None], clock: Callable[[], float]
    ) -> None:
        self.refused = 0
        self._heard, self._gateway, self._serves, self._say, self._clock = heard, gateway, serves, say, clock
        self._to, self._what = subjects.packets(serves, SHOWN), subjects.what(serves, SHOWN)
        self._hearings: list[Hearing] = []
        self._wanted, self._wanted_s = "", 0.0  # the address that the node said, and when
        self._address = ""  # of what is shown now
        self._from: Watched | None = None
        self._asked = Asked()
        self._source: Source | None = None  # as it is said
        self._said_s = 0.0

    async def begin(self, bus: Bus) -> None:
        self._hearings.append(await bus.hear(subjects.show(self._serves), self._shown))
        self._hearings.append(await bus.hear(subjects.ask(self._serves, SHOWN), self._ask))

    async def end(self) -> None:
        for hearing in self._hearings:
            await hearing.stop()
        self._stop()

    async def sweep(self) -> None:
        """A few times a second: begin, go on, or end."""
        now_s = time.monotonic()
        wanted = self._wanted if now_s - self._wanted_s <= SILENT_S else ""
        if wanted != self._address:
            self._stop()
            self._address = wanted
        if wanted and (self._from is None or self._heard.find(wanted) is not self._from):
            await self._start(wanted)
        if self._from is not None:
            self._from.relayed_to = self._asked.viewers(now_s * 1_000)
            self._from.relayed_bits = self._asked.bits_per_s(now_s * 1_000)
        if self._source is not None:
            self._tell(now_s)

    async def _start(self, address: str) -> None:
        try:
            watched = await self._heard.hold(address, SHOWN)
        except NotFound:
            return
        if self._address != address:
            self._heard.let_go(address, SHOWN)
            return
        self._from, watched.relayed = watched, self._relay
        self._said_s = 0.0
        since_ms = int(self._clock() * 1_000) if self._source is None else self._source.since_ms
        self._source = self._as_shown(watched.source, since_ms)
        log.info("video.shows", source=address)

    def _stop(self) -> None:
        if self._from is not None:
            self._from.relayed = None
            self._heard.let_go(self._address, SHOWN)
        if self._source is not None:
            self._say(self._what, encode(msgspec.structs.replace(self._source, over=True)))
        self._from = self._source = None

    def _tell(self, now_s: float) -> None:
        there = self._heard.sources.find(self._address)
        said = self._source
        assert said is not None
        if there is not None:
            said = self._as_shown(there, said.since_ms)
        else:
            said = msgspec.structs.replace(said, trouble=GONE)
        if said != self._source or now_s - self._said_s >= SAID_S:
            self._source, self._said_s = said, now_s
            self._say(self._what, encode(said))

    def _as_shown(self, source: Source, since_ms: int) -> Source:
        return msgspec.structs.replace(
            source, node=self._serves.code, name=SHOWN, kind="shown", gateway=self._gateway, since_ms=since_ms,
            of=self._address, over=False,
        )  # fmt: skip

    def _relay(self, bundle: bytes) -> None:
        self._say(self._to, bundle)

    def _shown(self, _: str, data: bytes) -> None:
        """By the node of this place."""
        try:
            said = decode(data)
        except BadInput:
            self.refused += 1
            return
        if isinstance(said, Show) and said.node == self._serves.code:
            self._wanted, self._wanted_s = "" if self._goes_round(said.source) else said.source, time.monotonic()
        else:
            self.refused += 1

    def _goes_round(self, address: str) -> bool:
        """What is shown at this place or below is never shown here: it could be what is shown here."""
        place, _, name = address.rpartition(".")
        try:
            return name == SHOWN and self._serves.covers(parse(place))
        except BadInput:
            return True

    def _ask(self, _: str, data: bytes) -> None:
        """By a gateway at which it is watched."""
        try:
            asked = decode(data)
        except BadInput:
            self.refused += 1
            return
        if isinstance(asked, Ask) and self._asked.take(asked, time.monotonic() * 1_000) and self._from is not None:
            self._from.want()
