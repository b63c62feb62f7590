"""One end of a link between two tiers: messages and time in, messages out; both ends come to hold the same. Pure.

A round begins with the sums of the five kinds. Whoever is told a sum that differs from its own says more of that range:
the sums of smaller ranges, or a list of its items, or, when one side holds nothing there, the items themselves. Each
step is an answer to what came and rests on no memory of the round, so a message that is lost, doubled or late spoils
nothing; the next round begins from the sums again. What changes meanwhile is told at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from fusioncmd.errors import BadInput
from fusioncmd.exchange import wire
from fusioncmd.exchange.digests import Index
from fusioncmd.exchange.flow import Clock, Flow
from fusioncmd.exchange.intake import Intake
from fusioncmd.exchange.items import Kind
from fusioncmd.exchange.outbox import Item, Open, Outbox, Work
from fusioncmd.exchange.pace import Pace, Rounds
from fusioncmd.exchange.packing import Packer
from fusioncmd.exchange.replica import Change, Replica
from fusioncmd.exchange.rounds import Comparison
from fusioncmd.exchange.scope import Scope
from fusioncmd.exchange.wire import FRAME_BYTES, Listing, Opening, Sums, Wanted, pack_frame, read_frame


class Exchange:
    """`leads` at the lower end only: it begins the rounds while the peer is heard. `epoch` is a number of 16 bits, not
    0 and another after each start; `chance` gives numbers from 0 to 1."""

    def __init__(
        self, replica: Replica, scope: Scope, leads: bool, epoch: int, chance: Callable[[], float], pace: Pace
    ) -> None:
        self.scope, self.pace = scope, pace
        self.index, self.outbox = Index(), Outbox()
        self.intake = Intake(replica, scope, self.index, self.outbox, self)
        self.flow: Flow[Work] = Flow(epoch, pace.in_flight_bytes)
        self.connected = False
        self.agreed_at_ms: int | None = None  # of this link's own clock
        self.bytes_sent = self.messages_sent = 0
        self._leads, self._chance = leads, chance
        self._clock, self._rounds = Clock(), Rounds(pace)
        self._packer = Packer(replica, self.index, self.outbox, pace.message_bytes - FRAME_BYTES)
        self._comparison = Comparison(self.index, self.outbox, pace, self._flying)
        self._moved_ms = self._heard_ms = 0
        self._silent = False
        self._meanwhile: OrderedDict[bytes, None] = OrderedDict()  # orders that came while the pipe was cut
        for key in sorted(replica.held()):
            places = replica.places(key)
            if self.intake.concerns(key, places):
                self.index.put(key, replica.digest(key))
        replica.watch(self._changed)
        self.suit(pace)

    # --- the pipe

    def suit(self, pace: Pace) -> None:
        """The pipe is another one now, or takes more or less."""
        self.pace = self._comparison.pace = pace
        self._rounds.suit(pace)
        self._packer.suit(pace.message_bytes - FRAME_BYTES)
        self.flow.suit(pace.in_flight_bytes, pace.reserved_bytes, pace.late_ms, pace.bulk_late_ms)

    def connect(self, now_ms: int) -> None:
        """The pipe is there, or there again."""
        at = self._clock.tick(now_ms)
        self.connected, self._silent, self._heard_ms = True, False, at
        self._rounds.now(at)
        while self._meanwhile:
            self.outbox.put(Item(self._meanwhile.popitem(last=False)[0]))

    def cut(self, now_ms: int) -> None:
        """The pipe is gone: nothing is kept for the peer but the newest orders, because digests will tell what it
        lacks."""
        self._clock.tick(now_ms)
        self.connected = False
        for flight in self.flow.flying.values():
            self._keep(work.key for work in flight.works if isinstance(work, Item))
        self._forget()

    def _keep(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            if key[0] == Kind.ORDER:
                self._meanwhile[key] = None
                while len(self._meanwhile) > self.pace.orders_kept_max:
                    self._meanwhile.popitem(last=False)

    def _forget(self) -> None:
        self.outbox.clear()
        self.flow.drop()

    @property
    def idle(self) -> bool:
        return not self.outbox and not self.flow.flying

    def receive(self, data: bytes, now_ms: int) -> None:
        at = self._clock.tick(now_ms)
        try:
            frame = read_frame(data)
        except BadInput as problem:
            self.intake.refuse(problem)
            return
        known_epoch = self.flow.heard_epoch
        fresh, restarted = self.flow.heard(frame, at)
        self._heard_ms = at
        if self._silent or (restarted and known_epoch):
            self._silent = False
            self._rounds.now(at)
        if not fresh:
            return
        for entry in frame.entries:
            self._moved_ms = at
            if not self.intake.guarded(self._read, entry):
                self._rounds.soon(at)
        if self.intake.moved():
            self._rounds.moved(at)
            self._rounds.stirred(at)

    def _read(self, entry: wire.Entry) -> None:
        match entry:
            case Opening():
                self._opened(entry)
            case Sums():
                self._comparison.sums(entry)
            case Listing():
                self._comparison.listing(entry)
            case Wanted():
                self._comparison.wanted(entry)
            case _:
                self.intake.take(entry)

    def _opened(self, opening: Opening) -> None:
        at = self._clock.now_ms
        differing = self._comparison.differing(opening.sums)
        if not differing:
            self.agreed_at_ms = at
            self._rounds.agreed(at, self._chance())
        if opening.how == wire.ANSWER:
            return
        if not differing:
            self.outbox.put(Open(wire.ANSWER))
        elif self.idle or opening.how == wire.INSISTS:
            for low, high, theirs in differing:
                self._comparison.differs(low, high, theirs)

    # --- the node

    def _changed(self, change: Change) -> None:
        if not self.intake.concerns(change.key, change.places):
            return
        self.index.put(change.key, change.digest)
        self.intake.arrived(change.key)
        if change.source is self:
            return
        if self.connected and not self._silent:
            self.outbox.put(Item(change.key, change.said))
        elif not self.connected:
            self._keep((change.key,))

    # --- the clock

    def due(self, now_ms: int) -> list[bytes]:
        """The messages to send now."""
        at = self._clock.tick(now_ms)
        self.intake.release()
        for work in self.flow.late(at):
            if not isinstance(work, Open):  # those have their own time
                self.outbox.put(work)
        if not self.connected:
            return []
        if self.flow.flying and at - self._heard_ms >= self.pace.silent_ms and not self._silent:
            self._silent = True
            self._forget()
            self._rounds.probe(at)
        if self._leads or self._silent:
            self._begin_round(at)
        frames = self._frames(at)
        if not frames and self.flow.owes and at - self.flow.owes_since_ms >= self.pace.ack_ms:
            frames = [pack_frame(self.flow.epoch, self.flow.heard_epoch, 0, self.flow.acks(), [])]
        self.bytes_sent += sum(map(len, frames))
        self.messages_sent += len(frames)
        return frames

    def _flying(self) -> set[bytes]:
        """What is on its way as a whole through a pipe that loses nothing: a digest of before does not know of it."""
        if not self.pace.reserved_bytes:
            return set()
        works = (work for flight in self.flow.flying.values() for work in flight.works)
        return {work.key for work in works if isinstance(work, Item) and work.said is None}

    def _begin_round(self, at: int) -> None:
        idle = self.idle and at - self._moved_ms >= self.pace.quiet_ms
        if self._rounds.due(at, idle or self._silent):
            self.outbox.put(Open(wire.INSISTS if self._rounds.insists(at) else wire.ASKS))
            self._rounds.begin(at, self._chance(), self._silent)

    def _frames(self, at: int) -> list[bytes]:
        frames = []
        for bulk in (False, True) if self.pace.reserved_bytes else (None,):
            while self.outbox and (room := self.flow.room(self.pace.message_bytes, bool(bulk))):
                entries, works = self._packer.fill(room - FRAME_BYTES, bulk)
                if not entries:
                    break
                seq = self.flow.number()
                frame = pack_frame(self.flow.epoch, self.flow.heard_epoch, seq, self.flow.acks(), entries)
                self.flow.sent(seq, len(frame), works, at, bool(bulk))
                self._moved_ms = at
                if not all(isinstance(work, Open) for work in works):
                    self._rounds.stirred(at)
                frames.append(frame)
        return frames
