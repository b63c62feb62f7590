"""Which message goes next, where one a minute may: the most useful. Pure; time is an argument.

Orders before answers, then reports, then positions, and what only confirms last. Of one kind: what ends an order first,
actual before exercise, what was never said before what was, and then what has waited for longest. What was said and
not confirmed is due again after a while that doubles; what was confirmed is not, until it says something else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

from fusioncmd.lastline import bounds
from fusioncmd.lastline.bits import Writer
from fusioncmd.lastline.frames import Kind

SAID_MAX = 1_024  # messages that may still be confirmed, of all peers; shed, the oldest first
_RANK = {Kind.ORDER: 0, Kind.SIGNED: 0, Kind.ANSWERS: 1, Kind.REPORT: 2, Kind.POSITIONS: 3, Kind.HEARD: 4}


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to say to `peer`. `key`: what it is about, the same when it is said again; `grave`: lower goes first
    of its kind; `said`: its content; `apart_s`: so long at least between two contents."""

    peer: str
    kind: Kind
    key: bytes
    grave: int
    said: Writer
    apart_s: float = bounds.REPEAT_S


@dataclass(slots=True)
class _Known:
    content: bytes = b""
    times: int = 0
    due_s: float = 0.0
    since_s: float = 0.0
    sent_s: float = 0.0
    confirmed: bool = False


@dataclass(slots=True)
class Schedule:
    _known: dict[tuple[str, bytes], _Known] = field(default_factory=dict)
    _flying: OrderedDict[tuple[str, int], tuple[bytes, bytes]] = field(default_factory=OrderedDict)

    def next(self, candidates: Iterable[Candidate], now_s: float) -> Candidate | None:
        """The most useful of them that is due; what is not among them any more is forgotten."""
        there = {(each.peer, each.key): each for each in candidates}
        self._known = {key: known for key, known in self._known.items() if key in there}
        due = []
        for key, each in there.items():
            known = self._known.setdefault(key, _Known(since_s=now_s))
            if known.content and known.content != each.said.packed():  # it says something else now; others had less
                known.confirmed, known.times, known.since_s = False, 0, now_s
                known.content, known.due_s = b"", min(known.due_s, known.sent_s + each.apart_s)
            if not known.confirmed and now_s >= known.due_s:
                due.append((_RANK[each.kind], each.grave, known.times, known.since_s, *key))
        return there[min(due)[-2:]] if due else None

    def sent(self, candidate: Candidate, counter: int, now_s: float) -> None:
        """It went out, under that number."""
        known = self._known.setdefault((candidate.peer, candidate.key), _Known())
        known.content = candidate.said.packed()
        known.sent_s = now_s
        known.due_s = now_s + min(bounds.REPEAT_S * 2**known.times, bounds.REPEAT_S_MAX)
        known.times += 1
        known.confirmed = candidate.kind is Kind.HEARD  # nobody confirms that
        self._flying[candidate.peer, counter] = candidate.key, known.content
        if len(self._flying) > SAID_MAX:
            self._flying.popitem(last=False)

    def failed(self, candidate: Candidate, counter: int) -> None:
        """It did not go out: it is due as before."""
        self._flying.pop((candidate.peer, counter), None)
        known = self._known.get((candidate.peer, candidate.key))
        if known is not None:
            known.due_s, known.times, known.confirmed = 0.0, max(0, known.times - 1), False

    def heard(self, peer: str, counters: Iterable[int]) -> None:
        """The other end has these."""
        for counter in counters:
            key, content = self._flying.pop((peer, counter), (b"", b""))
            known = self._known.get((peer, key))
            if known is not None and known.content == content:
                known.confirmed = True

    def confirm(self, peer: str, key: bytes) -> None:
        """The other end has what that is about: it said something that follows from it."""
        known = self._known.get((peer, key))
        if known is not None:
            known.confirmed = True
