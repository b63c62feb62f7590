"""The sources that were heard of lately, and the rolls of nodes above. Pure; time is given."""

from __future__ import annotations

from collections.abc import Iterator

from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import subjects
from fusioncmd.video.bounds import SILENT_S, SOURCES_MAX
from fusioncmd.video.source import Roll, Source, decode


class SourcesHeard:
    """At most `SOURCES_MAX`; beyond, the one not heard of for longest goes, and `shed` counts it."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Source, int]] = {}  # by address; who was heard last stands last
        self.shed = self.refused = 0

    def take(self, subject: str, data: bytes, now_ms: int) -> None:
        """What lies on `fc.video.….what`; what is no source, or is another's, is counted."""
        try:
            source = decode(data)
            path, name = subjects.source_of(subject)
        except (BadMessage, BadInput):
            self.refused += 1
            return
        if not isinstance(source, Source) or (source.node, source.name) != (path.code, name):
            self.refused += 1
            return
        known = f"{path.dotted}.{name}"
        self._heard.pop(known, None)
        if source.over:
            return
        if len(self._heard) >= SOURCES_MAX:
            del self._heard[next(iter(self._heard))]
            self.shed += 1
        self._heard[known] = source, now_ms

    def find(self, address: str, now_ms: int) -> Source | None:
        found = self._heard.get(address)
        return found[0] if found is not None and now_ms - found[1] <= SILENT_S * 1_000 else None

    def live(self, now_ms: int) -> Iterator[tuple[str, Source]]:
        """Those that are not silent, with their addresses, in the order of their places."""
        for known in [known for known, (_, at_ms) in self._heard.items() if now_ms - at_ms > SILENT_S * 1_000]:
            del self._heard[known]
        for known, (source, _) in sorted(self._heard.items()):
            yield known, source

    def at(self, code: str, now_ms: int) -> Source | None:
        """Somebody who publishes at the place or below: a person, not a camera; the one who began last."""
        found = [
            one for _, one in self.live(now_ms)
            if one.kind in ("browser", "kit") and one.node.startswith(code) and not any(one.trouble)
        ]  # fmt: skip
        return max(found, key=lambda one: one.since_ms, default=None)


def parsed(address: str) -> tuple[str, str]:
    """Code and name of an address, as a person may type it: `44.01.06.001.cam1`, `440106001.cam1`. BadInput."""
    place, _, name = address.rpartition(".")
    path = parse(place)
    subjects.what(path, name)
    return path.dotted, name


class RollsHeard:
    """Which places nodes above call in their rolls, as was heard lately; one roll of each node."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Roll, int]] = {}
        self.refused = 0

    def take(self, subject: str, data: bytes, now_ms: int) -> None:
        """What lies on `fc.roll.<path>`; what is no roll, or another node's, is counted."""
        try:
            said = decode(data)
            if not isinstance(said, Roll) or subject != subjects.roll(parse(said.node)):
                raise BadMessage("Not a roll of that node.", "不是该节点的点名。")
            if said.called and not said.called.startswith(said.node):
                raise BadMessage("A node calls places below it.", "节点只能点名其下级。")
        except (BadMessage, BadInput):
            self.refused += 1
            return
        if said.called:
            self._heard[said.node] = said, now_ms
        else:
            self._heard.pop(said.node, None)

    def calls(self, code: str, now_ms: int) -> list[Roll]:
        """Those that mean whoever is at the place `code`."""
        return [
            said for said, at_ms in self._heard.values()
            if code.startswith(said.called) and now_ms - at_ms <= SILENT_S * 1_000
        ]  # fmt: skip
