"""What terminals say about orders that this gateway has not read yet. Pure.

Gateways read the stream each at its own pace: a phone that had an order from one of them may connect to another that
does not know it yet. What it says is kept until the order comes, and forgotten if none does: the terminal was told
nothing, so it says it again when it connects next.
"""

from __future__ import annotations

from pyroaring import BitMap

from fusioncmd import ids, limits

Evidence = dict[tuple[int, int | None], BitMap]  # stage and answer → who


class Early:
    def __init__(self) -> None:
        self._kept: dict[bytes, Evidence] = {}

    def keep(self, order: bytes, stage: int, answer: int | None, number: int, now_ms: int) -> bool:
        """False, and nothing kept, for an order that cannot be on its way."""
        if not may_come(order, now_ms):
            return False
        evidence = self._kept.get(order)
        if evidence is None:
            if len(self._kept) >= limits.EARLY_ORDERS_MAX:
                del self._kept[self._least()]
            evidence = self._kept[order] = {}
        evidence.setdefault((stage, answer), BitMap()).add(number)
        return True

    def _least(self) -> bytes:
        """The oldest that no answer waits for, so that invented ids do not push out what people said."""
        without = (order for order, kept in self._kept.items() if all(answer is None for _, answer in kept))
        return next(without, next(iter(self._kept)))

    def take(self, order: bytes) -> Evidence:
        """What was kept about `order`, now that it is here."""
        return self._kept.pop(order, {})


def may_come(order: bytes, now_ms: int) -> bool:
    """False for an id that is too old, or too new, for its order to be still on its way."""
    return abs(now_ms - ids.time_ms(order)) <= limits.EARLY_MS_MAX
