"""What a node answers of sources over thin links: their last stills; it asks for new ones while somebody does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fusioncmd.api.video import AskStill, StillReply
from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SAID_S
from fusioncmd.video.heard import SourcesHeard, parsed
from fusioncmd.video.source import Ask, encode
from fusioncmd.video.still import StillsHeard

ASKED_MS = 20_000  # who did not ask again wants no more
ASKED_MAX = 64  # sources of which stills are asked at once; reject


class _Wanted(NamedTuple):
    every_s: int
    asked_ms: int
    said_ms: int


class StillDesk:
    """Of the node `code`; `say` goes to the account that passes between tiers."""

    def __init__(self, code: str, sources: SourcesHeard, say: Callable[[str, bytes], None]) -> None:
        self._code, self._sources, self._say = code, sources, say
        self.heard = StillsHeard()
        self._wanted: dict[str, _Wanted] = {}

    def still(self, question: AskStill, now_ms: int) -> StillReply:
        """NotFound for a source that is not there and left no still; BadInput for one that is not over a thin link."""
        dotted, name = parsed(question.source)
        address = f"{dotted}.{name}"
        source, found = self._sources.find(address, now_ms), self.heard.find(address, now_ms)
        if source is not None and not source.thin:
            raise BadInput(
                "It comes whole: watch it. Stills are of sources over a thin link.",
                "该视频源可直接观看；静态画面仅用于窄带链路上的视频源。",
            )
        if source is None and found is None:
            raise NotFound(f"There is no live source {address} here.", f"本级没有在线视频源 {address}。")
        if source is not None:
            self._want(address, question.every_s, now_ms)
        if found is None:
            return StillReply(address, now_ms, 0, 0, 0, b"")
        return StillReply(address, now_ms, found.at_ms, found.still.width, found.still.height, found.still.data)

    def tick(self, now_ms: int) -> None:
        """A few times a second."""
        for address, one in list(self._wanted.items()):
            if not 0 <= now_ms - one.asked_ms <= ASKED_MS:
                del self._wanted[address]
            elif not 0 <= now_ms - one.said_ms < SAID_S * 1_000:
                self._tell(address, one, now_ms)

    def _want(self, address: str, every_s: int, now_ms: int) -> None:
        known = self._wanted.get(address)
        if known is None and len(self._wanted) >= ASKED_MAX:
            raise Conflict(
                f"Stills of {ASKED_MAX} sources are asked for already.",
                f"已在请求 {ASKED_MAX} 路静态画面，请稍后再试。",
            )
        one = _Wanted(every_s, now_ms, 0 if known is None else known.said_ms)
        if known is None or known.every_s != every_s:
            self._tell(address, one, now_ms)
        else:
            self._wanted[address] = one

    def _tell(self, address: str, one: _Wanted, now_ms: int) -> None:
        self._wanted[address] = one._replace(said_ms=now_ms)
        place, _, name = address.rpartition(".")
        self._say(subjects.ask(parse(place), name), encode(Ask(f"node-{self._code}", 0, still_s=one.every_s)))
