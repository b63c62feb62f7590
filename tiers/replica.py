"""A node's side of the exchange: what it holds is told; what comes is judged, stored in its own streams, and folded.

Evidence joins the ledger at once: it lies on the disk of whoever confirmed it, and is in this node's next snapshot.
Everything else is stored here before it counts, so that the node's gateways read it from the stream like what was
decided here, and a restart has it. Until then it *waits*: it is not asked for again, and not passed on. Pure but for
`store`, which is called with what is to be written.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from pyroaring import BitMap

from fusioncmd import subjects
from fusioncmd.audit import heads
from fusioncmd.bus.port import Stored
from fusioncmd.codes import parse
from fusioncmd.errors import StorageFull
from fusioncmd.exchange import bounds, evidence, items, merging, replica
from fusioncmd.exchange.evidence import NOTHING, Evidence
from fusioncmd.exchange.items import Family, Kind, Value
from fusioncmd.exchange.replica import Change, Source
from fusioncmd.roster.directory import Roster
from fusioncmd.roster.numbers import block
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.losses import Losses
from tiers.holdings import Holdings, is_whole, numbers_in, slots_in
from tiers.ledger import Ledger
from tiers.order_account import News
from tiers.placing import HEAD_NAME, Placing

FLUSH_CONTAINERS_MAX = 200  # of one round: some 20 ms; what is left goes with the next


class Coming(NamedTuple):
    """An item on its way to this node's disk: the messages that carry it, in order."""

    key: bytes
    value: bytes
    messages: tuple[tuple[str, bytes], ...]
    source: Source


class NodeReplica:
    """Implements `Replica`; `fold` takes a message as if it had been read from the stream."""

    def __init__(self, roster: Roster, ledger: Ledger, judge: Judge, fold: Callable[[Stored], None]) -> None:
        self._roster, self._ledger, self._judge, self._fold = roster, ledger, judge, fold
        self.holdings = Holdings(roster, ledger, judge.revocations, Losses(judge))
        self._placing = Placing(roster, ledger, judge, self.holdings)
        self.coming: deque[Coming] = deque()
        self._waiting: dict[bytes, Coming] = {}
        self._waiting_bytes = 0
        self._sources: dict[bytes, Source] = {}
        self._watching: list[Callable[[Change], None]] = []
        self._checks: dict[bytes, int] = {}  # of an order's item, 32 bits
        self._dirty: dict[tuple[bytes, int], int] = {}  # (order, town) → slots of whom something new may be known
        self._slices: set[str] = set()
        self._ends: set[bytes] = set()
        self._losses: set[bytes] = set()
        self._table = 0
        self._heads: set[str] = set()
        ledger.news = News()

    # --- what is held

    def begin(self) -> None:
        """Everything that is stored was folded: what is known now is no news."""
        assert self._ledger.news is not None
        self._ledger.news = News()
        self._slices.clear()
        self._heads.clear()
        self._ends = set(self.holdings.ends())
        self._losses = set(self.holdings.losses.held)
        self._table = self._edition()

    def held(self) -> Iterable[bytes]:
        return list(self.holdings.held())

    def get(self, key: bytes) -> Value | None:
        waiting = self._waiting.get(key)
        return self.holdings.get(key) if waiting is None else waiting.value

    def digest(self, key: bytes) -> int:
        value = self.holdings.get(key)
        assert value is not None
        return items.digest(key, value)

    def places(self, key: bytes, value: bytes | None = None) -> tuple[str, ...]:
        return replica.places_in(self._ledger.book, self._roster.towns, key, value)

    def missing(self, key: bytes, value: bytes | None = None) -> bytes | None:
        return replica.missing_in(self._ledger.book, key, value)

    def audience(self, order: bytes, town: int) -> tuple[int, int] | None:
        known = self._ledger.book.orders.get(order)
        if known is None:
            return None
        alert = self._ledger.accounts[self._ledger.book.alert(known).id]
        if alert.order is None or alert.audience is None or not is_whole(alert):
            return None
        return self._check(alert.order.id), slots_in(alert.audience, *block(town))

    def _check(self, order: bytes) -> int:
        if order not in self._checks:
            self._checks[order] = self.digest(items.order_key(order)) & 0xFFFFFFFF
        return self._checks[order]

    def watch(self, tell: Callable[[Change], None]) -> None:
        self._watching.append(tell)

    # --- what comes

    def put(self, key: bytes, value: Value, source: Source = None) -> bool:
        if isinstance(value, tuple):
            return self._join(key, value, source)
        held = self.get(key)
        if held == value:
            return False
        merging.check(key, value)
        kind = items.kind_of(key)
        if held is not None and (kind is Kind.ORDER or not merging.stands(key, held, value)):  # type: ignore[arg-type]
            return False
        if len(self._waiting) >= bounds.COMING_MAX or self._waiting_bytes > bounds.COMING_BYTES_MAX:
            raise StorageFull("What came from other tiers is not on disk yet.", "来自其他层级的数据尚未落盘。")
        coming = Coming(key, value, tuple(self._placing.messages(kind, key, value)), source)
        if key not in self._waiting:
            self._waiting_bytes += len(value)
        self._waiting[key] = coming
        self.coming.append(coming)
        return True

    def stored(self, coming: Coming) -> None:
        """It is on disk: it counts from now on."""
        self._sources[coming.key] = coming.source
        for subject, data in coming.messages:
            self._fold(Stored(subject, data, 0))
        self.dropped(coming)
        self.flush()  # links have to know of an order before evidence of it comes

    def dropped(self, coming: Coming) -> None:
        """It waits no longer."""
        if self._waiting.get(coming.key) is coming:
            del self._waiting[coming.key]
            self._waiting_bytes -= len(coming.value)

    def _join(self, key: bytes, value: Evidence, source: Source) -> bool:
        ident, town = items.order_of(key), items.town_of(key)
        before = self.holdings.get(key) or NOTHING
        assert isinstance(before, tuple)
        said = evidence.minus(value, before)
        if not any(said):
            return False
        self._ledger.fold_evidence(ident, (numbers_in(rung, town) for rung in said))
        after = self.holdings.get(key)
        assert after is not None
        self._tell(Change(key, items.digest(key, after), self.places(key), said, source))
        return True

    # --- what is new here

    def note_slice(self, code: str) -> None:
        self._slices.add(code)

    def fold_head(self, stored: Stored) -> None:
        """The signed head of an audit, of this node or of another; `Untrusted` for one that is neither's."""
        path = parse(stored.subject.removeprefix(subjects.HEAD_ALL[:-1]))
        head = heads.written_by(stored.data, path.code, self._judge.anchors)
        value = head.pages.to_bytes(items.HEIGHT_BYTES, "big") + stored.data
        held = self.holdings.heads.get(path.code)
        if held is None or items.height_of(held) < head.pages:
            self.holdings.heads[path.code] = value
            self._heads.add(path.code)

    def flush(self) -> None:
        """Tell those who watch what was folded since; of evidence, as much as goes without keeping others waiting."""
        if not self._watching:
            self.begin()
            return
        news, later = self._ledger.news or News(), News()
        self._ledger.news = later
        ends = self.holdings.ends()
        if len(ends) != len(self._ends):
            self._tell_items(ends.keys() - self._ends)
            self._ends = set(ends)
        losses = self.holdings.losses.held
        if len(losses) != len(self._losses):
            self._tell_items(losses.keys() - self._losses)
            self._losses = set(losses)
        if self._edition() != self._table:
            self._table = self._edition()
            self._tell_items([self.holdings.towns_key()])
        self._tell_items(items.statement_key(Family.HEAD, code, HEAD_NAME) for code in self._drain(self._heads))
        self._tell_items(map(items.order_key, news.orders))
        for ident, numbers in news.evidence.items():
            self._note_evidence(ident, numbers, later)
        self._tell_evidence()
        self._tell_items(map(items.roster_key, self._drain(self._slices)))
        self._tell_items(items.report_key(one.order, one.number, one.id) for one in news.reports)

    def _note_evidence(self, ident: bytes, numbers: BitMap, later: News) -> None:
        account = self._ledger.accounts[ident]
        if not is_whole(account):  # its order comes yet
            later.evidence[ident] = numbers
            return
        for town in self.holdings.towns_of(account, numbers):
            slots = slots_in(numbers, *block(town))
            self._dirty[ident, town] = self._dirty.get((ident, town), 0) | slots

    def _tell_evidence(self) -> None:
        for place in list(self._dirty)[:FLUSH_CONTAINERS_MAX]:
            slots = self._dirty.pop(place)
            key = items.container_key(*place)
            value = self.holdings.get(key)
            if isinstance(value, tuple):
                said = evidence.within(value, slots)
                self._tell(Change(key, items.digest(key, value), self.places(key), said, None))

    def _tell_items(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            value = self.holdings.get(key)
            if value is not None:
                self._tell(Change(key, items.digest(key, value), self.places(key), None, self._sources.pop(key, None)))

    def _tell(self, change: Change) -> None:
        for tell in self._watching:
            tell(change)

    def _edition(self) -> int:
        return 0 if self._roster.table is None else self._roster.table.edition

    @staticmethod
    def _drain(found: set[str]) -> list[str]:
        some = sorted(found)
        found.clear()
        return some
