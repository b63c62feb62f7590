"""The draw of experts: uniform, bound to its list, replayable by anybody, and closed to favour."""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
from collections import Counter

import msgspec
import pytest

from fusioncmd.errors import BadInput
from fusioncmd.experts import draw
from fusioncmd.experts.draw import Listed, Need, commitment, drawn, replay
from fusioncmd.experts.expert import Expert, listed
from loadtest.draws import chi_square, run, tail

SEED = bytes(range(32))
FIRE, GAS = "fire", "gas"


def of(count: int, about: str = "draw-1", wanted: int = 2) -> Listed:
    return Listed(about, (Need(FIRE, wanted),), {f"e{i:04d}": (FIRE,) for i in range(count)}, ("li", "wang", "zhao"))


def test_each_is_drawn_as_often_as_each_other() -> None:
    first, officials = Counter[str](), Counter[str]()
    digests = of(20)
    for i in range(20_000):
        digest = hashlib.sha256(i.to_bytes(4, "big")).digest()
        first[draw.order(SEED, digest, b"expert", digests.experts)[0]] += 1
        officials[draw.order(SEED, digest, b"official", digests.officials)[0]] += 1
    for counts, names in ((first, digests.experts), (officials, digests.officials)):
        assert tail(*chi_square(counts[name] for name in names)) > 0.001
    first["e0000"] += 300  # one of twenty who comes 30 % more often
    assert tail(*chi_square(first.values())) < 0.001


@pytest.mark.parametrize(("x", "freedom"), [(10.828, 1), (13.816, 2), (43.820, 19), (45.315, 20)])
def test_the_chance_of_a_chi_square_is_as_in_the_tables(x: float, freedom: int) -> None:
    assert tail(x, freedom) == pytest.approx(0.001, rel=1e-3)


async def test_draws_with_conflicts_and_declines_favour_nobody() -> None:
    result = await run(argparse.Namespace(draws=2_000, experts=60, seed=1))
    assert result.good, result.failures


def test_an_independent_script_replays_the_published_record() -> None:
    made = Listed("2026-灾", (Need(FIRE, 2), Need(GAS, 1)), {f"专家{i}": (FIRE, GAS) for i in range(9)}, ("甲", "乙"))
    result = drawn(made, SEED)
    record = json.loads(msgspec.json.encode({"seed": SEED.hex(), "commitment": commitment(SEED), "listed": made}))

    seed = bytes.fromhex(record["seed"])
    text = json.dumps(record["listed"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    assert hashlib.sha256(seed).hexdigest() == record["commitment"]
    order = sorted(
        record["listed"]["experts"], key=lambda name: hmac.digest(seed, digest + b"expert" + name.encode(), "sha256")
    )
    assert (result.experts[FIRE], result.experts[GAS]) == (tuple(order[:2]), (order[2],))


def test_who_declines_is_passed_over_and_nobody_else_moves() -> None:
    before = drawn(of(10), SEED).experts[FIRE]
    after = drawn(of(10), SEED, declined=before[:1]).experts[FIRE]
    assert after[0] == before[1] and after[1] not in before


def test_a_list_that_differs_in_one_name_gives_another_order() -> None:
    orders = {tuple(draw.order(SEED, of(10, about).digest(), b"expert", of(10).experts)) for about in ("a", "b", "c")}
    assert len(orders) == 3


def test_fewer_than_are_needed_is_said() -> None:
    with pytest.raises(BadInput, match="2 experts in fire are needed, and 1 are left"):
        drawn(of(2), SEED, declined=("e0001",))


@pytest.mark.parametrize(
    ("seed", "said", "words"),
    [(bytes(32), {}, "not the one that was committed"), (SEED, {FIRE: ("e0000", "e0001")}, "gives others")],
)
def test_a_record_that_was_edited_does_not_replay(seed: bytes, said: dict[str, tuple[str, ...]], words: str) -> None:
    replay(of(10), SEED, commitment(SEED), (), drawn(of(10), SEED).experts)
    with pytest.raises(BadInput, match=words):
        replay(of(10), seed, commitment(SEED), (), said)


def expert(name: str, **more: object) -> Expert:
    plain = {"id": name, "name": name, "phone": "", "place": "440106", "fields": (FIRE,), "where": (23.1, 113.3)}
    return msgspec.convert({"kind": "expert.1"} | plain | more, Expert, strict=False)


def test_who_is_far_away_busy_or_concerned_is_not_drawn_and_it_is_said_why() -> None:
    experts = [
        expert("near"), expert("far", where=(24.0, 113.3)), expert("leave", state="leave"),
        expert("works-there", organisation="Chem Ltd"), expert("owns", interests=("Chem Ltd",)),
        expert("other", fields=(GAS,)), expert("by-place", where=None), expert("nowhere", where=None, place="44"),
    ]  # fmt: skip
    made = listed(
        "d", experts, (Need(FIRE, 1),), (23.12, 113.3), 50_000, ("Chem Ltd",), ("li",), {"440106": (23.13, 113.3)}
    )
    assert set(made.experts) == {"near", "by-place"}
    assert made.excluded == {
        "far": "far", "leave": "leave", "works-there": "conflict: Chem Ltd", "owns": "conflict: Chem Ltd",
        "nowhere": "far",
    }  # fmt: skip
