"""How long events may gather: the first after a silence not at all, few a little, those who come in the most of all."""

from __future__ import annotations

import pytest

from gateways.responder.pace import ENTERING, SHORT_S, SILENCE_S, USUAL, Pace


def test_the_first_event_after_a_silence_does_not_wait_and_few_after_it_do() -> None:
    pace = Pace()
    now_s = 100.0
    assert pace.before(now_s) == 0
    for _ in range(10):
        now_s += pace.before(now_s)
        pace.had(1 + round(pace.before(now_s) * 100), now_s)  # a hundred a second
    assert pace.before(now_s) == USUAL.wait_s_max
    assert pace.before(now_s + SILENCE_S + 0.001) == 0


@pytest.mark.parametrize("together", [1, 2, USUAL.few])
def test_those_who_wait_for_each_reply_are_not_kept_waiting_for_long(together: int) -> None:
    pace = Pace()
    waits_s = []
    for _ in range(100):
        waits_s.append(pace.before(0.0))
        pace.had(together, 0.0)
    assert max(waits_s) <= 2 * SHORT_S and sum(waits_s) / 100 <= 1.5 * SHORT_S


def test_rounds_that_bring_much_do_not_wait() -> None:
    pace = Pace()
    pace.had(1, 0.0)
    for _ in range(10):
        pace.had(USUAL.many + 1, 0.0)
    assert pace.before(0.0) == 0


def waits_s(events: int, entering: int) -> float:
    """After many rounds, each of which brought twice as many as the one before where it waited longer."""
    pace = Pace()
    for _ in range(20):
        before_s = pace.before(0.0)
        pace.had(events + round(before_s * 1000), 0.0, entering)
    return pace.before(0.0)


def test_where_most_are_coming_in_more_of_them_gather_for_longer() -> None:
    some = 2 * USUAL.few
    nobody, most = waits_s(some, entering=0), waits_s(some, entering=ENTERING.many)
    assert nobody <= USUAL.wait_s_max < most <= ENTERING.wait_s_max
    assert waits_s(ENTERING.many + 1, entering=ENTERING.many) == 0


def test_when_most_are_in_nobody_waits_longer_than_usual() -> None:
    pace = Pace()
    for _ in range(20):
        pace.had(2 + round(pace.before(0.0) * 1000), 0.0, entering=300)
    assert pace.before(0.0) > USUAL.wait_s_max
    pace.had(USUAL.few + 1, 0.0)
    assert pace.before(0.0) == USUAL.wait_s_max
