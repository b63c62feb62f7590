"""Turns: nobody is passed over, and no second has more than its share."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateways.responder.rota import PARTS, Rota


@given(st.integers(0, 1000), st.lists(st.integers(-40, 40), max_size=60))
def test_every_part_comes_up_within_so_many_seconds_whatever_the_clock_does(start: int, steps: list[int]) -> None:
    rota, now_s = Rota(start), start
    for step in steps:
        now_s += step
        due = rota.due(now_s)
        assert len(due) == len(set(due)) <= max(min(step, PARTS), 0)
    seen = {part for second in range(now_s + 1, now_s + PARTS + 1) for part in rota.due(second)}
    assert seen == set(range(PARTS))


def test_a_second_is_not_looked_at_twice() -> None:
    rota = Rota(100)
    assert len(rota.due(101)) == 1 and rota.due(101) == []
    assert len(rota.due(1000)) == PARTS
