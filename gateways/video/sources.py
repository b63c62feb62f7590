"""The sources of video that a gateway has heard of: each says what it is, and is gone when it does so no more. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video.bounds import SILENT_S, SOURCES_MAX
from fusioncmd.video.source import Source, decode
from fusioncmd.video.subjects import source_of


def address_of(path: Path, name: str) -> str:
    """Of a source, as `Show` and `Source.of` spell it."""
    return f"{path.dotted}.{name}"


class Sources:
    def __init__(self) -> None:
        self._known: dict[str, tuple[Source, float]] = {}  # who was not heard of for longest comes first
        self.refused = self.shed = 0

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Source]:
        return iter([source for source, _ in self._known.values()])

    def take(self, subject: str, data: bytes, now_s: float) -> tuple[str, Source] | None:
        """A source as it says of itself, with its address; `over` when it has ended. None for what is refused, or is
        of a session that a later one has followed."""
        try:
            path, name = source_of(subject)
            said = decode(data)
            if not isinstance(said, Source) or (parse(said.node), said.name) != (path, name):
                raise BadMessage("Not what this source says of itself.", "并非该视频源自身的说明。")
        except BadInput:
            self.refused += 1
            return None
        address = address_of(path, name)
        known = self._known.get(address)
        if known is not None and _stale(said, known[0]):
            return None
        self._known.pop(address, None)
        if not said.over:
            if len(self._known) >= SOURCES_MAX:
                del self._known[next(iter(self._known))]
                self.shed += 1
            self._known[address] = (said, now_s)
        return address, said

    def find(self, address: str) -> Source | None:
        known = self._known.get(address)
        return None if known is None else known[0]

    def silent(self, now_s: float) -> list[str]:
        """Those that are gone, of which one does not know any more now."""
        gone = []
        for address, (_, heard_s) in self._known.items():
            if now_s - heard_s <= SILENT_S:
                break
            gone.append(address)
        for address in gone:
            del self._known[address]
        return gone


def _stale(said: Source, known: Source) -> bool:
    """One address published twice, as by who has moved to another gateway: the later one counts, until it is over."""
    if (said.gateway, said.since_ms) == (known.gateway, known.since_ms):
        return False
    return said.over or said.since_ms < known.since_ms
