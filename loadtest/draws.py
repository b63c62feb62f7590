"""`python -m loadtest draws`: whether the double-random draw favours anybody: chi-square over 100,000 of them, each.

Every draw has another committed seed and goes the whole way: the list is made from a registry (some are on leave, some
have to do with a party), the official and the experts are drawn, and one who always declines is passed over. Each who
can come has to come as often as each other, and each official too. The statistic of several drawn from one list is
corrected for that nobody is drawn twice: times (n - 1) / (n - k).
"""

from __future__ import annotations

import argparse
import hashlib
import math
import time
from collections import Counter
from collections.abc import Iterable

from fusioncmd.experts.draw import Listed, Need, commitment, drawn, replay
from fusioncmd.experts.expert import Expert, listed
from loadtest import measure
from loadtest.output import Result, show

FIRE, GAS, PARTY = "fire", "gas", "South Chemical"
OFFICIALS = tuple(f"official-{i}" for i in range(5))
P_MIN = 0.001
REPLAYED_EACH = 100


def registry(count: int) -> list[Expert]:
    """Half are of fire, half of gas; of each ten one is on leave, one works for the party, one has shares in it."""
    odd = {3: {"state": "leave"}, 5: {"organisation": PARTY}, 8: {"interests": (PARTY,)}}
    return [
        Expert(f"e{i:03}", f"expert {i}", "", "44", ((FIRE, GAS)[i % 2],), **odd.get(i // 2 % 10, {}))  # type: ignore[arg-type]
        for i in range(count)
    ]


def chi_square(counts: Iterable[int], drawn_each: int = 1) -> tuple[float, int]:
    """The statistic and its degrees of freedom, of so many who were drawn from them at a time."""
    held = list(counts)
    expected, freedom = sum(held) / len(held), len(held) - 1
    plain = sum((count - expected) ** 2 / expected for count in held)
    return plain * freedom / (len(held) - drawn_each), freedom


def tail(x: float, freedom: int) -> float:
    """How probable a chi-square of at least `x` is (Abramowitz and Stegun, 26.4.4 and 26.4.5)."""
    half, even = x / 2, freedom % 2 == 0
    term = math.exp(-half) if even else math.sqrt(2 * x / math.pi) * math.exp(-half)
    total = term if even else math.erfc(math.sqrt(half)) + (term if freedom > 1 else 0.0)
    for i in range(2 if even else 3, freedom, 2):
        term *= x / i
        total += term
    return min(1.0, total)


async def run(given: argparse.Namespace) -> Result:
    result = Result(
        "draws", measure.conditions() | {name: getattr(given, name) for name in ("draws", "experts", "seed")}
    )
    experts, needs = registry(given.experts), (Need(FIRE, 2), Need(GAS, 1))
    plain = tuple(each for each in experts if each.state == "available")
    for name, people, parties, refuses in (
        ("plain", plain, (), ""),
        ("conflicts, one declines", experts, (PARTY,), "e000"),
    ):
        found, officials = {FIRE: Counter[str](), GAS: Counter[str]()}, Counter[str]()
        last: Listed | None = None
        began_s = time.process_time()
        for i in range(given.draws):
            last = listed(f"draw-{i}", people, needs, None, 0.0, parties, OFFICIALS, {})
            seed = hashlib.sha256(f"{given.seed}:{i}".encode()).digest()
            said = drawn(last, seed)
            declined = tuple(who for who in said.experts[FIRE] if who == refuses)
            said = drawn(last, seed, declined) if declined else said
            officials[said.official] += 1
            for field, names in said.experts.items():
                found[field].update(names)
            if i % REPLAYED_EACH == 0:
                replay(last, seed, commitment(seed), declined, said.experts)
        took_s = time.process_time() - began_s
        assert last is not None
        for need in needs:
            could = [who for who, fields in last.experts.items() if need.field in fields and who != refuses]
            _tell(result, f"{name}: {need.count} of {len(could)} in {need.field}", found[need.field], could, need.count)
        _tell(result, f"{name}: official, of {len(OFFICIALS)}", officials, OFFICIALS, 1)
        result.add(f"{name}: CPU", round(took_s / given.draws * 1e6), "µs a draw")
        if strange := (set(found[FIRE]) | set(found[GAS])) - set(last.experts) | (set(found[FIRE]) & {refuses}):
            result.failures.append(f"{name}: drawn, and not eligible: {', '.join(sorted(strange))}.")
    return result


def _tell(result: Result, name: str, counts: Counter[str], could: Iterable[str], each: int) -> None:
    held = [counts[who] for who in could]
    x, freedom = chi_square(held, each)
    p = tail(x, freedom)
    result.add(f"{name}: drawn", f"{min(held):,} to {max(held):,} times")
    result.add(f"{name}: chi-square", f"{x:.1f} of {freedom} degrees, p = {p:.3f}")
    if p < P_MIN:
        result.failures.append(f"{name}: chi-square {x:.1f}, p = {p:.5f}: some come more often than others.")


async def main(given: argparse.Namespace) -> int:
    return show(await run(given), given.json)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--draws", type=int, default=100_000)
    parser.add_argument("--experts", type=int, default=60, help="in the registry")
    parser.add_argument("--seed", type=int, default=1)
