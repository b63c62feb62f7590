"""Only failures count: who is struck, for how long, and whose connections have to go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits
from gateways.responder.strikes import Strikes, Unproven

A, B = b"\x7f\x00\x00\x01", b"\x7f\x00\x00\x02"


def failing(times: int, address: bytes = A, now_s: float = 0.0) -> Strikes:
    strikes = Strikes()
    for _ in range(times):
        strikes.fail(address, now_s)
    return strikes


def test_an_address_is_struck_at_the_bound_and_no_other_is() -> None:
    before = failing(limits.FAILURES_MAX - 1)
    assert not before.is_struck(A, 0.0) and not before.wary
    struck = failing(limits.FAILURES_MAX)
    assert struck.is_struck(A, 0.0) and struck.wary
    assert not struck.is_struck(B, 0.0)


def test_time_forgives() -> None:
    strikes = failing(limits.FAILURES_MAX)
    assert not strikes.is_struck(A, 1.0 / limits.FAILURES_FORGIVEN_PER_S)
    strikes.sweep(1000.0)
    assert not strikes.wary and len(strikes) == 0


def test_who_never_stops_is_forgiven_after_a_while_and_not_never() -> None:
    strikes = failing(1_000_000 // 100)
    assert strikes.is_struck(A, limits.FAILURES_MAX / limits.FAILURES_FORGIVEN_PER_S - 1)
    assert not strikes.is_struck(A, 2 * limits.FAILURES_MAX / limits.FAILURES_FORGIVEN_PER_S)


def test_a_slow_trickle_of_failures_strikes_nobody() -> None:
    strikes = Strikes()
    for n in range(10 * limits.FAILURES_MAX):
        strikes.fail(A, 1.01 * n / limits.FAILURES_FORGIVEN_PER_S)
    assert not strikes.wary


def test_a_clock_that_is_set_back_forgives_nothing_and_fails_nothing() -> None:
    strikes = failing(limits.FAILURES_MAX, now_s=100.0)
    assert strikes.is_struck(A, 50.0)


def test_the_table_is_bounded_and_who_failed_last_stays() -> None:
    strikes = failing(limits.FAILURES_MAX)
    for n in range(limits.FAILING_ADDRESSES_MAX - 1):
        strikes.fail(n.to_bytes(8, "big"), 0.0)
    assert len(strikes) == limits.FAILING_ADDRESSES_MAX and strikes.is_struck(A, 0.0)
    strikes.fail(B, 0.0)
    assert len(strikes) == limits.FAILING_ADDRESSES_MAX and not strikes.is_struck(A, 0.0)


def test_the_oldest_connection_without_a_hello_goes_first() -> None:
    unproven = Unproven(connections_max=3)
    assert [unproven.begin(fd) for fd in (5, 6, 7)] == [None] * 3
    assert unproven.begin(8) == 5
    unproven.discard(5)
    unproven.discard(6)  # it said hello
    assert unproven.begin(9) is None
    assert unproven.list() == (7, 8, 9)


def test_of_a_struck_address_the_oldest_goes_and_has_less_time() -> None:
    unproven = Unproven()
    for fd in range(limits.UNPROVEN_STRUCK_MAX):
        unproven.begin(fd)
        assert unproven.watch(fd, A) is None
    assert unproven.watch(5000, B) is None
    assert unproven.watch(5001, A) == 0
    unproven.discard(0)
    assert unproven.handshake_s_max(1) == limits.HANDSHAKE_STRUCK_S_MAX < unproven.handshake_s_max(9999)


@given(st.lists(st.tuples(st.sampled_from(["begin", "watch", "discard"]), st.integers(0, 9), st.sampled_from([A, B]))))
def test_who_has_gone_leaves_nothing_behind(deeds: list[tuple[str, int, bytes]]) -> None:
    unproven, here = Unproven(), set()
    for deed, fd, address in deeds:
        if deed == "discard":
            unproven.discard(fd)
            here.discard(fd)
        elif deed == "begin" and fd not in here:
            unproven.begin(fd)
            here.add(fd)
        elif deed == "watch" and fd in here and fd not in unproven._from:
            unproven.watch(fd, address)
        assert set(unproven.list()) == here
    for fd in range(10):
        unproven.discard(fd)
    assert unproven.list() == () and not unproven._of and not unproven._from
