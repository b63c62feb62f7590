"""Who has a live channel: as long as a gateway says so, and not a moment of its silence too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.messages import Presence
from fusioncmd.reachable import Reachable

NOW_S = 1_790_000_000.0
LOST_S = limits.PRESENCE_LOST_S


def presence(gateway: str, *numbers: int) -> Presence:
    return Presence(gateway, "responder", BitMap(numbers).serialize())


def heard(*said: tuple[float, str, tuple[int, ...]]) -> Reachable:
    reachable = Reachable()
    for at_s, gateway, numbers in said:
        reachable.hear(presence(gateway, *numbers), NOW_S + at_s)
    return reachable


def test_before_any_gateway_speaks_nobody_is_reachable() -> None:
    assert (list(Reachable().numbers(NOW_S)), Reachable().gateways(NOW_S)) == ([], [])


def test_everyone_with_a_channel_through_any_gateway_is_reachable_once() -> None:
    reachable = heard((0, "b", (1, 2)), (0, "a", (2, 3)))
    assert list(reachable.numbers(NOW_S)) == [1, 2, 3]
    assert reachable.gateways(NOW_S) == ["a", "b"]


def test_what_a_gateway_says_replaces_what_it_said_before() -> None:
    reachable = heard((0, "a", (1, 2)))
    assert list(reachable.numbers(NOW_S)) == [1, 2]
    reachable.hear(presence("a", 2, 3), NOW_S + 1)
    assert list(reachable.numbers(NOW_S + 1)) == [2, 3]
    reachable.hear(presence("a"), NOW_S + 2)
    assert list(reachable.numbers(NOW_S + 2)) == [] and reachable.gateways(NOW_S + 2) == ["a"]


def test_a_gateway_that_falls_silent_takes_its_people_with_it_and_no_others() -> None:
    reachable = heard((0, "dead", (1, 2)), (0, "alive", (2, 3)), (LOST_S, "alive", (2, 3)))
    assert list(reachable.numbers(NOW_S + LOST_S)) == [1, 2, 3]
    assert list(reachable.numbers(NOW_S + LOST_S + 0.1)) == [2, 3]
    assert reachable.gateways(NOW_S + LOST_S + 0.1) == ["alive"]


def test_whose_terminals_do_not_believe_an_order_is_told_as_long_as_it_speaks() -> None:
    reachable = heard((0, "a", (1,)))
    assert reachable.distrusted(NOW_S) == {}
    reachable.hear(Presence("b", "responder", BitMap([2]).serialize(), distrusted=3), NOW_S)
    assert reachable.distrusted(NOW_S) == {"b": 3}
    assert reachable.distrusted(NOW_S + LOST_S + 1) == {}


def test_a_gateway_that_comes_back_brings_its_people_back() -> None:
    reachable = heard((0, "a", (1,)))
    assert not reachable.numbers(NOW_S + 60)
    reachable.hear(presence("a", 1, 2), NOW_S + 61)
    assert list(reachable.numbers(NOW_S + 61)) == [1, 2]


@pytest.mark.parametrize("step_s", [-86_400, -LOST_S - 1, LOST_S + 1, 86_400])
def test_a_clock_that_is_set_keeps_no_dead_gateway_alive(step_s: float) -> None:
    reachable = heard((0, "a", (1,)), (0, "dead", (2,)))
    reachable.hear(presence("a", 1), NOW_S + step_s)
    assert list(reachable.numbers(NOW_S + step_s)) == [1]


def test_a_presence_that_is_no_bitmap_is_refused_and_the_last_word_stands() -> None:
    reachable = heard((0, "a", (1,)))
    with pytest.raises(BadMessage):
        reachable.hear(Presence("a", "responder", b"noise"), NOW_S + 1)
    assert list(reachable.numbers(NOW_S + 1)) == [1]


def test_the_same_bitmap_is_given_until_something_changes() -> None:
    reachable = heard((0, "a", (1,)), (1, "b", (2,)))
    first = reachable.numbers(NOW_S + 1)
    assert reachable.numbers(NOW_S + 2) is first  # a view that was made with it is still good
    assert reachable.numbers(NOW_S + LOST_S + 0.5) is not first
    assert list(first) == [1, 2]  # nor does it change under whoever holds it


SAID = st.lists(
    st.tuples(st.floats(0, 3 * LOST_S), st.sampled_from("abc"), st.frozensets(st.integers(0, 9), max_size=4)),
    max_size=15,
)


@given(SAID, st.floats(0, 3 * LOST_S))
def test_at_any_time_it_is_who_was_named_last_by_each_gateway_that_is_not_lost(
    said: list[tuple[float, str, frozenset[int]]], later_s: float
) -> None:
    reachable, last = Reachable(), {}
    said = sorted(said, key=lambda item: item[0])
    for at_s, gateway, numbers in said:
        reachable.hear(presence(gateway, *numbers), at_s)
        last[gateway] = (at_s, numbers)
    now_s = (said[-1][0] if said else 0.0) + later_s
    named = {gateway: numbers for gateway, (at_s, numbers) in last.items() if now_s - at_s <= LOST_S}
    assert set(reachable.numbers(now_s)) == set().union(*named.values())
    assert reachable.gateways(now_s) == sorted(named)
