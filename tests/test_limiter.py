"""Failed logins: delays that grow, a flood that pushes nobody out, and an audit that it does not fill."""

from __future__ import annotations

import pytest

from fusioncmd import limits
from fusioncmd.accounts.limiter import Limiter, Noted, Pace


@pytest.mark.parametrize("known", [True, False])
def test_after_each_failure_nobody_is_heard_for_twice_as_long_up_to_a_minute(known: bool) -> None:
    limiter, now_s, delays = Limiter(), 1000.0, []
    for _ in range(9):
        assert limiter.begin(b"chen", known, now_s) == 0
        left_s = limiter.begin(b"chen", known, now_s)
        assert limiter.begin(b"chen", known, now_s + left_s - 0.25) == 1  # a try that is not heard changes nothing
        delays.append(left_s)
        now_s += left_s
    assert delays == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_tries_made_at_once_do_not_slip_through_together() -> None:
    limiter = Limiter()
    assert [limiter.begin(b"chen", True, 5.0) for _ in range(4)] == [0, 1, 1, 1]


def test_success_forgets_and_so_does_time() -> None:
    limiter = Limiter()
    for now_s in (0.0, 1.0, 3.0):
        assert limiter.begin(b"chen", True, now_s) == 0
    limiter.succeeded(b"chen")
    assert limiter.begin(b"chen", True, 3.0) == 0 and limiter.begin(b"chen", True, 3.0) == 1
    later_s = 4.0 + limits.LOGIN_FORGOTTEN_S + 1
    assert limiter.begin(b"chen", True, later_s) == 0 and limiter.begin(b"chen", True, later_s) == 1


def test_names_that_nobody_has_push_out_no_failure_of_an_account() -> None:
    limiter = Limiter()
    for now_s in (0.0, 1.0, 3.0):
        limiter.begin(b"chen", True, now_s)
    for n in range(limits.LOGIN_STRANGERS_MAX + 10):
        assert limiter.begin(n.to_bytes(4, "big"), False, 3.0) == 0
    assert limiter.begin(b"chen", True, 3.0) == 4
    assert {known: len(table) for known, table in limiter._tables.items()} == {
        True: 1,
        False: limits.LOGIN_STRANGERS_MAX,
    }


def test_failures_are_written_down_up_to_a_bound_and_the_rest_is_counted() -> None:
    noted = Noted()
    allowed = [noted.allow(10.0) for _ in range(limits.LOGIN_FAILURES_NOTED_MAX + 7)]
    assert allowed == [0] * limits.LOGIN_FAILURES_NOTED_MAX + [None] * 7
    assert noted.allow(10.0 + limits.LOGIN_FAILURES_NOTED_S) == 7
    assert noted.allow(10.0 + limits.LOGIN_FAILURES_NOTED_S) == 0


def test_how_many_failed_lately_is_known_and_forgotten() -> None:
    noted, window_s = Noted(), limits.LOGIN_FAILURES_NOTED_S
    assert noted.failed(10.0) == 0
    for _ in range(100):
        noted.allow(10.0)
    assert noted.failed(10.0) == 100 and noted.failed(10.0 + 1.5 * window_s) == 100
    assert noted.failed(10.0 + 2 * window_s) == 0
    noted.allow(10.0 + 1.5 * window_s)
    assert noted.failed(11.0 + 1.5 * window_s) == 100  # of the window before
    noted.allow(10.0 + 3 * window_s)
    assert noted.failed(10.0 + 3 * window_s) == 1


def test_checks_are_made_at_a_pace_and_only_so_many_wait() -> None:
    pace = Pace(8, 4)
    assert [pace.take(0.0) for _ in range(4)] == [0.0, 0.125, 0.25, 0.375]
    assert pace.is_full(0.0) and not pace.is_full(0.2) and pace.wait_s(0.4) == pytest.approx(0.1)
    assert pace.take(100.0) == 0.0
