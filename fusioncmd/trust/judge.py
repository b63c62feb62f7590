"""What a process believes of the call stream: an order that its signer may issue, and that a node accepted. Pure.

A broker that is taken over can put anything on the bus, move it, leave it out or say it again. So an order counts when
its seal holds, when it lies on the subject of its own audience, and when a node's statement names exactly its bytes,
exactly the people it means, and the time at which it is judged. Everything else is refused, and counted once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from fusioncmd import limits, subjects
from fusioncmd.bus.port import Stored
from fusioncmd.messages import Audience, Order
from fusioncmd.orders import address
from fusioncmd.trust import seals, statements, witnesses
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.trust.revocations import Revocations

AUDIENCES_HELD_MAX = 4  # of one order that has not come: one is true, and the order tells which
REFUSED_KNOWN_MAX = 4_096  # shed, the oldest first, and counted again when they come again


@dataclass(frozen=True, slots=True)
class Judged:
    """An order that is believed: its bytes as they were signed, and with who signed them (`sealed`), whom it means, and
    since when a node answers for it, by which `statement`.

    `grounds` are the keys that it stands on. It has `fallen` when one of them had ended by then, and the node did not
    know: then it is shown to nobody new, and remembered, so that those who were shown it can be told of its cancel.
    """

    order: Order
    body: bytes
    sealed: bytes
    numbers: bytes
    statement: bytes
    accepted_ms: int
    authors: tuple[seals.Author, ...]
    grounds: tuple[Chain, ...]
    fallen: bool


class Judge:
    """`clock` gives seconds since 1970."""

    def __init__(self, anchors: Anchors, clock: Callable[[], float]) -> None:
        self.anchors, self._clock = anchors, clock
        self.revocations, self._nothing_ended = Revocations(anchors), Revocations(anchors)
        self.ended_in_use: OrderedDict[bytes, tuple[Chain, int]] = (
            OrderedDict()
        )  # revoked keys that still sign; how often
        self._refused: OrderedDict[tuple[bytes, str], None] = OrderedDict()
        self.refused = 0

    @property
    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def fresh(self, sealed: bytes) -> seals.Verified:
        """An order that nobody has accepted yet, judged now; `Untrusted` when it may not be issued by who signed it."""
        try:
            return seals.verify(sealed, self.anchors, self.revocations, self.now_ms)
        except Untrusted as problem:
            self._note_ended(sealed, problem)
            raise

    def order(
        self, stored: Stored, known: Mapping[bytes, Order], said_of: Callable[[bytes], Iterable[Audience]]
    ) -> Judged | None:
        """The order in `stored`, None when it is one of `known`. `said_of` gives the audiences that came for its id."""
        claimed, body = seals.claimed(stored.data)
        if (before := known.get(claimed.id)) is not None:
            if before != claimed:
                raise refusal("stale")
            return None
        witness = self._witness(claimed, body, said_of(claimed.id))
        accepted_ms = None if witness is None else witness[1]
        fallen = False
        try:
            verified = seals.verify(stored.data, self.anchors, self.revocations, self.now_ms, accepted_ms)
        except Untrusted as problem:
            if problem.reason != "revoked" or witness is None:
                self._note_ended(stored.data, problem)
                raise
            verified = seals.verify(stored.data, self.anchors, self._nothing_ended, self.now_ms, accepted_ms)
            fallen = True
        if stored.subject != subjects.call(address(claimed.audience)):
            raise refusal("subject")
        if witness is None:
            raise refusal("unwitnessed")
        grounds = (verified.signer, *verified.approvals, witness[2])
        return Judged(
            verified.order, body, stored.data, witness[0].numbers, witness[0].statement, witness[1], verified.authors,
            grounds, fallen,
        )  # fmt: skip

    def authors(self, sealed: bytes) -> tuple[seals.Author, ...]:
        """Who signed and approved an order that is known; nobody when its root is not believed any more."""
        try:
            return seals.authors_in(sealed, self.anchors)
        except Untrusted:
            return ()

    def _note_ended(self, sealed: bytes, problem: Untrusted) -> None:
        if problem.reason == "revoked":  # then its signature holds
            self.note_ended(seals.signers(sealed, self.anchors))

    def note_ended(self, chains: Iterable[Chain]) -> None:
        """Somebody signs with one of these keys although it was revoked."""
        for chain in chains:
            if self.revocations.since_ms(chain) is not None:
                _, times = self.ended_in_use.pop(chain.name, (chain, 0))
                self.ended_in_use[chain.name] = chain, times + 1
        while len(self.ended_in_use) > limits.ENDED_IN_USE_MAX:
            self.ended_in_use.popitem(last=False)

    def has_ended(self, grounds: Iterable[Chain], at_ms: int) -> bool:
        """Whether one of the keys had ended at `at_ms`, as is known now: what stood on them then has fallen."""
        ends = (self.revocations.since_ms(chain) for chain in grounds)
        return any(since_ms is not None and at_ms >= since_ms for since_ms in ends)

    def signers(self, sealed: bytes) -> tuple[Chain, ...]:
        """Of an order that was judged before: who signed and approved it."""
        return seals.signers(sealed, self.anchors)

    def grounds(self, sealed: bytes, statement: bytes) -> tuple[Chain, ...]:
        """Of an order that was judged before: the keys that it stands on, the node's that stated it among them."""
        signers = self.signers(sealed)
        try:
            return *signers, statements.read(statement, "node", self.anchors)[1]
        except Untrusted:  # kept by a version that did not keep the statement, or its root is not believed any more
            return signers

    def stated_by(self, statement: bytes) -> str:
        """The place of the node that made it; empty when that cannot be read any more."""
        try:
            return statements.read(statement, "node", self.anchors)[1].leaf.path
        except Untrusted:
            return ""

    def accepted_ms(self, body: bytes, audience: Audience) -> int | None:
        """When a node accepted exactly this order for exactly this audience; None when none did."""
        accepted = self._accepted(body, audience)
        return None if accepted is None else accepted[0]

    def _accepted(self, body: bytes, audience: Audience) -> tuple[int, Chain] | None:
        try:
            return witnesses.accepted(
                audience.statement, body, audience.numbers, self.anchors, self.revocations, self.now_ms
            )
        except Untrusted:
            return None

    def _witness(self, order: Order, body: bytes, said: Iterable[Audience]) -> tuple[Audience, int, Chain] | None:
        for audience in said:
            accepted = self._accepted(body, audience)
            if accepted is not None and bool(audience.numbers) == (order.msg_type == "alert"):
                return audience, *accepted
        return None

    def is_news(self, data: bytes, problem: Untrusted) -> bool:
        """Counts what was refused; True the first time that this is refused for this reason."""
        name = seals.id_in(data) or sha256(data).digest()
        if (name, problem.reason) in self._refused:
            return False
        self._refused[name, problem.reason] = None
        if len(self._refused) > REFUSED_KNOWN_MAX:
            self._refused.popitem(last=False)
        self.refused += 1
        return True
