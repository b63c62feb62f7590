"""Video that was kept, wherever it lies: what this node recorded, and copies of what nodes below did.

Blocking: to be called beside the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from fusioncmd.api.kept import FootageLine, FootageSegments
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.video import kept
from fusioncmd.video.keeping_bounds import CUT_SEGMENTS_MAX, SEGMENT_MS_MAX
from fusioncmd.video.kept import Began, Ended, Missing, Pin, Row, Segment, Shed
from tiers.kept_store import KeptStore, copies_of, folder_of


class Finding:
    """Below the node's `data`."""

    def __init__(self, data: Path, clock: Callable[[], float]) -> None:
        self._data, self._clock = data, clock
        self.own = KeptStore(data, folder_of(data), clock)

    def stores(self) -> Iterator[KeptStore]:
        """The own one first."""
        yield self.own
        for folder in copies_of(self._data):
            yield KeptStore(self._data, folder, self._clock)

    def rows(self, from_ms: int, until_ms: int, node: str, source: str) -> dict[tuple[str, str], list[Row]]:
        """By source. What was shed in one place and is kept in another is kept."""
        found: dict[tuple[str, str], list[Row]] = {}
        known: dict[str, Segment] = {}
        gone: set[str] = set()
        here: set[str] = set()
        below: set[str] = set()  # known of a recorder below
        for store in self.stores():
            for row in store.between(from_ms, until_ms):
                match row:
                    case Segment():
                        known[row.id] = row
                        if store.folder != self.own.folder:
                            below.add(row.id)
                        if store.file(row).exists():
                            here.add(row.id)
                    case Shed():
                        gone.add(row.id)
                    case Missing() | Began() | Ended():
                        if row.node.startswith(node) and source in ("", row.source):
                            found.setdefault((row.node, row.source), []).append(row)
        for one in known.values():
            if not (one.node.startswith(node) and source in ("", one.source)):
                continue
            mine = found.setdefault((one.node, one.source), [])
            if one.id in below - here - gone:
                mine.append(Missing(one.node, one.source, one.begin_ms, one.end_ms, "below"))
                continue
            mine.append(one)
            if one.id not in here:
                mine.append(Shed(one.id, 0, "bytes"))
        return found

    def segments(self, from_ms: int, until_ms: int, node: str, source: str) -> list[Segment]:
        """That are kept now."""
        return [
            one for rows in self.rows(from_ms, until_ms, node, source).values()
            for one in _kept(rows) if one.begin_ms < until_ms and from_ms < one.end_ms
        ]  # fmt: skip

    def file(self, ident: str) -> tuple[Path, Segment]:
        """Raises NotFound."""
        problem: NotFound | None = None
        for store in self.stores():
            try:
                found = store.find(ident)
            except NotFound as error:
                problem = problem or error
            else:
                return store.file(found), found
        assert problem is not None
        raise problem

    def cut(self, from_ms: int, until_ms: int, node: str, source: str) -> FootageSegments:
        rows = self.rows(from_ms - 2 * SEGMENT_MS_MAX, until_ms, node, source).get((node, source), [])
        all_of_it = sorted(_kept(rows), key=lambda one: (one.begin_ms, one.origin))
        inside = [i for i, one in enumerate(all_of_it) if one.begin_ms < until_ms and from_ms < one.end_ms]
        if not inside:
            return FootageSegments((), ())
        first = inside[0]
        while first > 0 and not all_of_it[first].key and all_of_it[first - 1].end_ms == all_of_it[first].begin_ms:
            first -= 1
        chosen = [all_of_it[i] for i in range(first, inside[-1] + 1)]
        codec = chosen[0].codec
        chosen = _once([one for one in chosen if one.codec == codec])
        if len(chosen) > CUT_SEGMENTS_MAX:
            raise BadInput("That is too much for one file; take less time.", "时段过长，无法合成一个文件。")
        held = {one.id for one in chosen}
        others = [row for row in rows if not isinstance(row, Segment) or row.id in held]
        missing = [line for line in lines_of({(node, source): others}, from_ms, until_ms, [], 1 << 20) if line.cause]
        return FootageSegments(tuple(chosen), tuple(missing))


def _kept(rows: Sequence[Row]) -> list[Segment]:
    gone = {row.id for row in rows if isinstance(row, Shed)}
    return [row for row in rows if isinstance(row, Segment) and row.id not in gone]


def _once(found: list[Segment]) -> list[Segment]:
    """Each moment once, where two nodes recorded it: a segment that ends no later than those before is left out."""
    out: list[Segment] = []
    for one in found:
        if not out or one.end_ms > out[-1].end_ms:
            out.append(one)
    return out


def lines_of(
    found: dict[tuple[str, str], list[Row]], from_ms: int, until_ms: int, pins: list[Pin], limit: int
) -> list[FootageLine]:
    """What is known of each source, in stretches; nothing of moments at which nobody was to keep it."""
    out: list[FootageLine] = []
    for (node, source), rows in sorted(found.items()):
        segments = [one for one in rows if isinstance(one, Segment)]
        title, kind = (segments[-1].title, segments[-1].kind) if segments else ("", "")
        for begin_ms, end_ms, cause in kept.stretches(rows, from_ms, until_ms):
            if cause == "none":
                continue
            inside = [] if cause else [x for x in _kept(rows) if x.begin_ms < end_ms and begin_ms < x.end_ms]
            out.append(
                FootageLine(
                    node, source, title, kind, begin_ms, end_ms, cause, sum(x.bytes for x in inside), len(inside),
                    sum(x.lost for x in inside), bool(inside) and all(kept.is_pinned(x, pins) for x in inside),
                    max((x.off_ms for x in inside), key=abs, default=0),
                )
            )  # fmt: skip
            if len(out) >= limit:
                return out
    return out
