"""What a person does when an order is shown to them, by name of the behaviour. Pure: the same seed, the same deeds."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import NamedTuple


class Touch(NamedTuple):
    """An answer, so many seconds after the order was shown."""

    after_s: float
    answer: int


class Plan(NamedTuple):
    touches: tuple[Touch, ...] = ()
    report_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`median_s` and `spread` are those of a log-normal distribution; `median_s` 0 means at once, by the device.

    A share of people is `silent` about an order: the device says that it has it, and nobody touches anything.

    Of those who answer, `second_thoughts` touch another answer later, and `reporting` send a report too.
    """

    median_s: float = 0.0
    spread: float = 0.8
    slowest_s: float = 40.0
    silent: float = 0.0
    second_thoughts: float = 0.0
    reporting: float = 0.0

    def plan(self, seed: int, number: int, order: bytes, answers: int) -> Plan:
        """What the person with `number` does about `order`, which offers so many answers."""
        rng = Random(f"{seed}/{number}/{order.hex()}")
        if rng.random() < self.silent:
            return Plan()
        if not self.median_s:
            return Plan((Touch(0.0, self.at_once(number, answers)),) if answers else ())
        after_s = self._delay(rng)
        touches = [Touch(after_s, _choice(rng, answers))] if answers else []
        if touches and rng.random() < self.second_thoughts:
            touches.append(Touch(after_s + self._delay(rng), _choice(rng, answers)))
        reports = rng.random() < self.reporting
        return Plan(tuple(touches), after_s + self._delay(rng) if reports else None)

    @staticmethod
    def at_once(number: int, answers: int) -> int:
        """The answer of a device that answers by itself."""
        return number % answers

    def _delay(self, rng: Random) -> float:
        after_s = self.median_s * rng.lognormvariate(0.0, self.spread)
        return after_s if after_s <= self.slowest_s else self.slowest_s * rng.uniform(0.5, 1.0)


BEHAVIOURS = {
    "at-once": Behaviour(),
    "human": Behaviour(median_s=7.0, silent=0.06, second_thoughts=0.01, reporting=0.002),
    "silent": Behaviour(silent=0.3),
    "wavering": Behaviour(median_s=0.25, slowest_s=3.0, second_thoughts=0.25),
    "hasty": Behaviour(median_s=0.25, slowest_s=3.0, silent=0.05, second_thoughts=0.2, reporting=0.05),
}


def _choice(rng: Random, answers: int) -> int:
    """Most give the first answer, few the last, as people do."""
    return min(int(rng.random() ** 3 * answers), answers - 1)
