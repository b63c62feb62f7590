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

from fusioncmd import subjects
from fusioncmd.bus.port import Stored
from fusioncmd.messages import Audience, Order
from fusioncmd.orders import address
from fusioncmd.trust import seals, witnesses
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.trust.revocations import Revocations

AUDIENCES_HELD_MAX = 4  # of one order that has not come: one is true, and the order tells which
REFUSED_KNOWN_MAX = 4_096  # shed, the oldest first, and counted again when they come again


@dataclass(frozen=True, slots=True)
class Judged:
    """An order that is believed: its bytes as they were signed, and with who signed them (`sealed`), whom it means, and
    since when a node answers for it."""

    order: Order
    body: bytes
    sealed: bytes
    numbers: bytes
    accepted_ms: int


class Judge:
    """`clock` gives seconds since 1970."""

    def __init__(self, anchors: Anchors, clock: Callable[[], float]) -> None:
        self._anchors, self._clock = anchors, clock
        self._revocations = Revocations(anchors)
        self._refused: OrderedDict[tuple[bytes, str], None] = OrderedDict()
        self.refused = 0

    @property
    def now_ms(self) -> int:
        return int(self._clock() * 1000)

    def fresh(self, sealed: bytes) -> seals.Verified:
        """An order that nobody has accepted yet, judged now; `Untrusted` when it may not be issued by who signed it."""
        return seals.verify(sealed, self._anchors, self._revocations, self.now_ms)

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
        verified = seals.verify(stored.data, self._anchors, self._revocations, self.now_ms, accepted_ms)
        if stored.subject != subjects.call(address(claimed.audience)):
            raise refusal("subject")
        if witness is None:
            raise refusal("unwitnessed")
        return Judged(verified.order, body, stored.data, witness[0].numbers, witness[1])

    def accepted_ms(self, body: bytes, audience: Audience) -> int | None:
        """When a node accepted exactly this order for exactly this audience; None when none did."""
        try:
            return witnesses.accepted_ms(
                audience.statement, body, audience.numbers, self._anchors, self._revocations, self.now_ms
            )
        except Untrusted:
            return None

    def _witness(self, order: Order, body: bytes, said: Iterable[Audience]) -> tuple[Audience, int] | None:
        for audience in said:
            accepted_ms = self.accepted_ms(body, audience)
            if accepted_ms is not None and bool(audience.numbers) == (order.msg_type == "alert"):
                return audience, accepted_ms
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
