"""What a peer says of items, taken one by one: in scope, believed, in order. Pure.

Each item that is not taken is refused alone and counted with its reason; the rest of the message stands. What the
peer is behind in is answered with what it lacks, and only that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from fusioncmd.errors import BadMessage, Forbidden, Problem
from fusioncmd.exchange import containers, evidence, items, merging
from fusioncmd.exchange.digests import Index, mark_of
from fusioncmd.exchange.evidence import Evidence
from fusioncmd.exchange.items import Kind
from fusioncmd.exchange.outbox import Item, Outbox
from fusioncmd.exchange.replica import Replica, Source
from fusioncmd.exchange.scope import Scope
from fusioncmd.exchange.varints import Reader
from fusioncmd.exchange.waiting import Parts, Waiting
from fusioncmd.exchange.wire import Entry, Part, Plain, Towns, read_item


class Intake:
    def __init__(self, replica: Replica, scope: Scope, index: Index, outbox: Outbox, own: Source) -> None:
        self._replica, self._scope, self._index, self._outbox, self._own = replica, scope, index, outbox, own
        self.waiting, self.parts = Waiting(), Parts()
        self.refused: Counter[str] = Counter()  # by what they are (`Problem.code`)
        self.last_refusal: Problem | None = None
        self.taken = 0
        self._told = 0
        self._arrived: list[bytes] = []

    def concerns(self, key: bytes, places: tuple[str, ...]) -> bool:
        """Whether the link carries this item: evidence only of orders that it carries as well."""
        return self._scope.holds(places) and self._has_order(key)

    def _has_order(self, key: bytes) -> bool:
        about_order = key[0] in (Kind.CONTAINER, Kind.REPORT)
        return not about_order or items.order_key(items.order_of(key)) in self._index.digests

    def refuse(self, problem: Problem) -> None:
        self.refused[problem.code] += 1
        self.last_refusal = problem

    def guarded(self, read: Callable[[Entry], None], entry: Entry) -> bool:
        """True when nothing in the entry was refused."""
        before = self.refused.total()
        try:
            read(entry)
        except Problem as problem:
            self.refuse(problem)
        return self.refused.total() == before

    def moved(self) -> bool:
        """Whether anything was taken since this was last asked."""
        told, self._told = self._told, self.taken
        return self.taken > told

    def take(self, entry: Entry) -> None:
        match entry:
            case Plain():
                self._plain(entry)
            case Towns():
                self._towns(entry)
            case Part():
                whole = self.parts.take(entry)
                if whole is not None:
                    key, value = read_item(whole)
                    if mark_of(items.digest(key, value)) != entry.item:
                        raise BadMessage("The pieces are not of one item.", "分片不属于同一条目。")
                    self._plain(Plain(key, value))
        self.release()

    def arrived(self, key: bytes) -> None:
        """An order is held now: what waited for it is next."""
        if key[0] == Kind.ORDER:
            self._arrived.append(items.order_of(key))

    def release(self) -> None:
        while self._arrived:
            for entry in self.waiting.take(self._arrived.pop()):
                self.guarded(self.take, entry)

    def _plain(self, said: Plain) -> None:
        key, value = said.key, said.value
        if items.kind_of(key) is Kind.CONTAINER:
            raise BadMessage("A container in the form of another item.", "人员状态数据的形式不对。")
        self._scope.check(self._replica.places(key, value))
        if not self._scope.may_say(key):
            self._answer_old(key, value)
            return
        missing = self._replica.missing(key, value)
        if missing is not None:
            self.waiting.hold(missing, said)
            return
        self._check_order(key)
        self.taken += self._replica.put(key, value, self._own)
        if self._replica.get(key) == value:
            self._outbox.told(key, None)
        else:
            self._outbox.put(Item(key))  # what is held here stands before what came

    def _answer_old(self, key: bytes, value: bytes) -> None:
        """The peer may hold such an item and not give it: what it holds is no newer than what is here, or refused."""
        merging.check(key, value)
        held = self._replica.get(key)
        if not isinstance(held, bytes) or (held != value and merging.stands(key, held, value)):
            raise Forbidden("Town numbers are given from above.", "乡镇编号只能由上级下发。")
        if held != value:
            self._outbox.put(Item(key))

    def _check_order(self, key: bytes) -> None:
        if not self._has_order(key):
            raise Forbidden("Evidence of an order that is not for this subtree.", "该指令不涉及此辖区。")

    def _towns(self, said: Towns) -> None:
        if self._replica.missing(items.container_key(said.order, 0)) is not None:
            self.waiting.hold(said.order, said)
            return
        reader, town = Reader(said.towns), 0
        while reader.left:
            town += reader.varint()
            meant = self._replica.audience(said.order, town)
            whole = containers.asks_whole(reader)
            value = containers.read(reader, meant[1] if meant is not None and meant[0] == said.check else None)
            if value is None:
                raise BadMessage("Evidence by an audience that is not the one here.", "回执所依据的对象与本级不同。")
            try:
                self._container(items.container_key(said.order, town), evidence.reduced(value), whole)
            except Forbidden as problem:
                self.refuse(problem)

    def _container(self, key: bytes, value: Evidence, whole: bool) -> None:
        self._scope.check(self._replica.places(key))
        self._check_order(key)
        self.taken += self._replica.put(key, value, self._own)
        self._outbox.told(key, value)
        held = self._replica.get(key)
        if whole and isinstance(held, tuple) and any(beyond := evidence.minus(held, value)):
            self._outbox.put(Item(key, beyond))
