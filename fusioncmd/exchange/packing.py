"""Work made into the parts of one message, as much as fits; and what to do with work that fits into none. Pure.

However short the messages of a pipe: sums are split range by range, lists are halved, a container is said in several
(parts of a union are a union), anything else goes in pieces. What cannot be narrowed any further is said outright.
"""

from __future__ import annotations

from fusioncmd.exchange import containers, evidence, items, wire
from fusioncmd.exchange.digests import Index
from fusioncmd.exchange.evidence import Evidence
from fusioncmd.exchange.items import Kind
from fusioncmd.exchange.outbox import Item, List, Open, Outbox, Piece, Sum, Want, Work
from fusioncmd.exchange.replica import Replica
from fusioncmd.exchange.varints import pack_keys, put

PIECES_MAX = 1_024  # an item that would take more is not sent by this pipe
TOWNS_BYTES = 30  # of a `Towns` without its towns
PIECE_BYTES = 28  # of a `Part` without its piece


class Packer:
    def __init__(self, replica: Replica, index: Index, outbox: Outbox, room: int) -> None:
        self._replica, self._index, self._outbox = replica, index, outbox
        self._room_max = room  # of an empty message
        self.too_long = 0

    def suit(self, room: int) -> None:
        self._room_max = room

    def fill(self, room: int, bulk: bool | None = None) -> tuple[list[bytes], list[Work]]:
        """The parts of a message of at most `room` bytes, and the work that they do, which leaves the outbox. `bulk`:
        see `Outbox.next`."""
        entries: list[bytes] = []
        works: list[Work] = []
        while (work := self._outbox.next(bulk)) is not None:
            rest: Item | None = None
            if isinstance(work, Item) and work.key[0] == Kind.CONTAINER:
                packed, done = self._towns(work.key, room)
                if packed is None and not entries and room >= self._room_max:
                    packed, done, rest = self._beginning(work)
            else:
                packed, done = self._one(work), [work]
                if packed == b"":
                    self._outbox.drop(work)
                    continue
            if packed is None or len(packed) > room:
                if entries or room < self._room_max:
                    break
                self._narrow(work)
                continue
            for each in done:
                self._outbox.drop(each)
            if rest is not None:
                self._outbox.put(rest)
            entries.append(packed)
            works += done
            room -= len(packed)
        return entries, works

    def _one(self, work: Work) -> bytes:
        """The part; empty when there is nothing to say any more."""
        index = self._index
        match work:
            case Open():
                return wire.pack_entry(wire.Opening(work.how, b"".join(index.kinds())))
            case Sum():
                pairs = zip(work.bounds, work.bounds[1:], strict=False)
                sums = b"".join(index.sum(low, high) for low, high in pairs)
                return wire.pack_entry(wire.Sums(pack_keys(work.bounds), sums))
            case List():
                keys = index.keys(work.low, work.high)
                marks = b"".join(map(index.mark, keys))
                return wire.pack_entry(wire.Listing(pack_keys((work.low, work.high)), pack_keys(keys), marks))
            case Want(keys=()):
                return wire.pack_entry(wire.Wanted(pack_keys((work.low, work.high)), b""))
            case Want():
                lacking = [key for key in work.keys if key not in index.digests]
                return wire.pack_entry(wire.Wanted(b"", pack_keys(lacking))) if lacking else b""
            case Item():
                value = self._replica.get(work.key)
                if not isinstance(value, bytes) or len(value) > self._room_max:
                    return bytes(self._room_max + 1)  # in pieces
                return wire.pack_entry(wire.Plain(work.key, value))
            case Piece():
                if work.key not in index.digests or index.mark(work.key) != work.mark:
                    return b""
                whole = self._packed(work.key)
                return wire.pack_entry(wire.Part(work.mark, work.at, len(whole), whole[work.at : work.end]))

    def _packed(self, key: bytes) -> bytes:
        value = self._replica.get(key)
        assert isinstance(value, bytes)
        return wire.pack_item(key, value)

    def _towns(self, key: bytes, room: int) -> tuple[bytes | None, list[Work]]:
        """As many containers of one order as fit; None when not even the first does."""
        order = items.order_of(key)
        body, done, before, check = bytearray(), list[Work](), 0, 0
        for town, item in self._outbox.towns(order):
            value = self._value(item)
            meant = self._replica.audience(order, town)
            packed = containers.write(value, meant[1] if meant else None, item.whole)
            head = bytearray()
            put(head, town - before)
            if TOWNS_BYTES + len(body) + len(head) + len(packed) > room:
                break
            if packed[0] & containers.BY_AUDIENCE and meant:
                check = meant[0]
            body += head + packed
            before = town
            done.append(item)
        return (wire.pack_entry(wire.Towns(order, check, bytes(body))) if done else None), done

    def _value(self, item: Item) -> Evidence:
        value = item.said if item.said is not None else self._replica.get(item.key)
        assert isinstance(value, tuple)
        return value

    def _narrow(self, work: Work) -> None:
        """`work` does not fit into an empty message: put less of it, or something else that comes to the same."""
        self._outbox.drop(work)
        match work:
            case Sum() if len(work.bounds) > 2:
                half = len(work.bounds) // 2
                self._outbox.put(Sum(work.bounds[: half + 1]))
                self._outbox.put(Sum(work.bounds[half:]))
            case List() if len(keys := self._index.keys(work.low, work.high)) > 1:
                self._outbox.put(List(work.low, keys[len(keys) // 2]))
                self._outbox.put(List(keys[len(keys) // 2], work.high))
            case Want() if len(work.keys) > 1:
                half = len(work.keys) // 2
                self._outbox.put(Want(work.low, work.high, work.keys[:half]))
                self._outbox.put(Want(work.low, work.high, work.keys[half:]))
            case Sum() | List():
                low, high = (work.low, work.high) if isinstance(work, List) else work.bounds
                for key in self._index.keys(low, high):
                    self._outbox.put(Item(key))
                self._outbox.put(Want(low, high))
            case Item():
                self._cut(work.key)
            case _:
                self.too_long += 1

    def _beginning(self, item: Item) -> tuple[bytes | None, list[Work], Item | None]:
        """As much of a container as an empty message holds, and the rest. Whoever asked what the peer has beyond has to
        ask for all of it."""
        value = self._value(item)
        part, town = value, items.town_of(item.key)
        packed = bytearray()
        while True:
            slots = evidence.everyone(part)
            if slots.bit_count() < 2:
                return None, [], None
            low = slots & ((1 << slots.bit_length() // 2) - 1) or slots & -slots
            part = evidence.within(part, low)
            packed = bytearray()
            put(packed, town)
            packed += containers.write(part, None, False)
            if TOWNS_BYTES + len(packed) <= self._room_max:
                break
        if item.whole:
            self._outbox.put(Want(item.key, item.key + b"\0"))
        entry = wire.pack_entry(wire.Towns(items.order_of(item.key), 0, bytes(packed)))
        return entry, [Item(item.key, part)], Item(item.key, evidence.minus(value, part))

    def _cut(self, key: bytes) -> None:
        length = len(self._packed(key))
        size = self._room_max - PIECE_BYTES
        if length > PIECES_MAX * size:
            self.too_long += 1
            return
        for at in range(0, length, size):
            self._outbox.put(Piece(key, self._index.mark(key), at, min(at + size, length)))
