"""Answers that somebody gave on behalf of others: kept apart from people's own, and never counted as those. Pure."""

from __future__ import annotations

from pyroaring import BitMap

from fusioncmd.errors import BadInput
from fusioncmd.ladder import bounds
from fusioncmd.ladder.wire import OnBehalf


class Behalf:
    """By order and person; what was said last stands."""

    def __init__(self) -> None:
        self._given: dict[bytes, dict[int, OnBehalf]] = {}
        self._numbers: dict[bytes, BitMap] = {}

    def add(self, said: OnBehalf) -> None:
        """What is on disk; whether there is room is asked before it is stored."""
        self._given.setdefault(said.order, {})[said.number] = said
        self._numbers[said.order] = self.numbers(said.order) | BitMap([said.number])

    def check_room(self, order: bytes) -> None:
        if len(self._given.get(order, ())) >= bounds.ON_BEHALF_MAX:
            raise BadInput(
                f"{bounds.ON_BEHALF_MAX} people were answered for already.", f"代答人数已达 {bounds.ON_BEHALF_MAX}。"
            )

    def numbers(self, order: bytes) -> BitMap:
        """For whom somebody answered; not to be changed by the caller."""
        return self._numbers.get(order) or BitMap()

    def of(self, order: bytes, number: int) -> OnBehalf | None:
        return self._given.get(order, {}).get(number)
