"""How long events may gather: the first after a silence not at all, few a little, those who come in the most of all."""

from __future__ import annotations

import pytest

from gateways.responder.pace import ENTERING, SHORT_S, SILENCE_S, STEADY_MAX, USUAL, Pace


def test_the_first_event_after_a_silence_does_not_wait_and_few_after_it_do() -> None:
    pace = Pace()
    now_s = 100.0
    assert pace.before(now_s) == 0
    for _ in range(10):
        now_s += pace.before(now_s)
        pace.had(1 + round(pace.before(now_s) * 100), now_s)  # a hundred a second
    assert pace.before(now_s) == USUAL.wait_s_max
    assert pace.before(now_s + SILENCE_S + 0.001) == 0


@pytest.mark.parametrize("entering", [0, 1000])
@pytest.mark.parametrize("together", [1, 2, USUAL.few])
def test_those_who_wait_for_each_reply_are_not_kept_waiting_for_long(together: int, entering: int) -> None:
    pace = Pace()
    waits_s = []
    for _ in range(100):
        waits_s.append(pace.before(0.0))
        pace.had(together, 0.0, entering)
    assert max(waits_s) <= 2 * SHORT_S and sum(waits_s) / 100 <= 1.5 * SHORT_S


def test_a_longer_wait_that_brings_hardly_more_does_not_stay() -> None:
    pace = Pace()
    for _ in range(100):
        pace.had(60 + round(100 * pace.before(0.0)), 0.0, entering=1000)
        assert pace.before(0.0) <= 2 * SHORT_S


def test_where_the_longest_wait_brings_no_more_than_half_of_it_waits_become_short_again() -> None:
    pace = gathered(rate_s=1000, entering=1000)
    assert pace.before(0.0) == ENTERING.wait_s_max
    for _ in range(3 * STEADY_MAX):
        pace.had(60, 0.0, 60)
    assert pace.before(0.0) <= 2 * SHORT_S


def test_rounds_that_bring_much_do_not_wait() -> None:
    pace = Pace()
    pace.had(1, 0.0)
    for _ in range(10):
        pace.had(USUAL.many + 1, 0.0)
    assert pace.before(0.0) == 0


def gathered(rate_s: int, entering: int) -> Pace:
    """After rounds of those who come in at that rate, whether they are waited for or not."""
    pace = Pace()
    for _ in range(2 * STEADY_MAX):
        pace.had(2 + round(pace.before(0.0) * rate_s), 0.0, entering)
    return pace


def test_where_most_are_coming_in_more_of_them_gather_for_longer() -> None:
    nobody, most = gathered(rate_s=200, entering=0), gathered(rate_s=200, entering=1000)
    assert nobody.before(0.0) == USUAL.wait_s_max
    assert most.before(0.0) == ENTERING.wait_s_max
    most.had(ENTERING.many + 1, 0.0, ENTERING.many)
    assert most.before(0.0) < ENTERING.wait_s_max


def test_when_most_are_in_nobody_waits_longer_than_usual() -> None:
    pace = gathered(rate_s=1000, entering=1000)
    assert pace.before(0.0) > USUAL.wait_s_max
    pace.had(USUAL.few + 1, 0.0)
    assert pace.before(0.0) == USUAL.wait_s_max
