"""One direction of a link, in exact times: when what comes, what never comes, and what stands."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from loadtest.link.packets import Flow, Mark, Payload, Profile
from loadtest.link.quantities import MS, S
from loadtest.link.schedule import Change
from loadtest.link.shaper import WINDOW_BYTES, Line

KILO = bytes(1_000)  # takes 8 ms at a megabit
MBIT = Profile(rate_bps=1_000_000)


class Nobody:
    def arrive(self, payload: Payload) -> None:
        raise AssertionError("a line hands over what came; it calls nobody")


def even() -> float:
    return 0.5


def flow(ordered: bool, chance: Callable[[], float] = even) -> Flow:
    return Flow(Nobody(), ordered, chance)


def times(line: Line, until_ns: int = 1_000 * S) -> list[tuple[int, Payload]]:
    """What comes, and when, if the line is asked whenever it says that something is next."""
    came: list[tuple[int, Payload]] = []
    while (next_ns := line.next_ns()) is not None and next_ns <= until_ns:
        came += [(next_ns, payload) for _, payload in line.advance(next_ns)]
    return came


def test_a_packet_comes_after_the_delay_and_not_before() -> None:
    line = Line(Profile(delay_ns=300 * MS))
    line.offer(5 * MS, flow(ordered=False), b"a")
    assert line.advance(305 * MS - 1) == []
    assert [payload for _, payload in line.advance(305 * MS)] == [b"a"]


def test_a_narrow_line_takes_its_time_for_every_byte() -> None:
    line = Line(Profile(delay_ns=100 * MS, rate_bps=1_000_000))
    one = flow(ordered=False)
    for name in b"abc":
        line.offer(0, one, bytes([name]) * 1_000)
    assert [(at, payload[:1]) for at, payload in times(line) if isinstance(payload, bytes)] == [
        (108 * MS, b"a"), (116 * MS, b"b"), (124 * MS, b"c"),
    ]  # fmt: skip


def test_after_a_rest_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    line = Line(Profile(rate_bps=1_000_000, burst_bytes=2_000))
    for _ in range(4):
        line.offer(S, one := flow(ordered=False), KILO)
    assert [at for at, _ in times(line)] == [S, S, S + 8 * MS, S + 16 * MS]
    line.offer(2 * S, one, KILO)
    assert [at for at, _ in times(line)] == [2 * S]


def test_the_rate_holds_however_late_the_line_is_asked() -> None:
    line, one = Line(MBIT), flow(ordered=True)
    for _ in range(50):
        line.offer(0, one, KILO)
    assert len(line.advance(37 * MS)) == 4
    assert len(line.advance(400 * MS - 1)) == 45
    assert len(line.advance(400 * MS)) == 1


def test_a_full_queue_drops_datagrams_at_its_tail_and_holds_streams() -> None:
    profile = Profile(rate_bps=1_000_000, queue_bytes=3_000)
    line, one = Line(profile), flow(ordered=False)
    for number in range(5):
        line.offer(0, one, bytes([number]) * 1_000)
    assert line.counters.overflowed == 2
    assert [payload[0] for _, payload in times(line) if isinstance(payload, bytes)] == [0, 1, 2]
    line, one = Line(profile), flow(ordered=True)
    for _ in range(5):
        line.offer(0, one, KILO)
    assert one.waiting_bytes == 5_000 > profile.queue_bytes  # whoever reads the socket sees that it has to wait
    assert len(times(line)) == 5


def test_which_datagrams_are_lost_is_what_the_seed_says() -> None:
    def survivors(seed: int, pause_ns: int) -> list[Payload]:
        line, one = Line(Profile(delay_ns=S, loss=0.1)), flow(False, Random(seed).random)
        for number in range(10_000):
            line.offer(number * pause_ns, one, number.to_bytes(2, "big"))
        return [payload for _, payload in times(line)]

    first = survivors(1, 0)
    assert first == survivors(1, 3 * MS) != survivors(2, 0)
    chance = Random(1).random
    lost = [1 - luck <= 0.1 for luck, _ in ((chance(), chance()) for _ in range(10_000))]
    assert first == [n.to_bytes(2, "big") for n in range(10_000) if not lost[n]]
    assert 900 < sum(lost) < 1_100


def test_jitter_lets_datagrams_overtake_and_keeps_streams_in_order() -> None:
    profile = Profile(delay_ns=100 * MS, jitter_ns=50 * MS)
    for ordered in (False, True):
        line, one = Line(profile), flow(ordered, Random(3).random)
        for number in range(200):
            line.offer(number * MS, one, bytes([number]))
        came = times(line)
        order = [payload for _, payload in came]
        assert len(order) == 200
        assert (order == sorted(order, key=lambda p: p if isinstance(p, bytes) else b"")) is ordered
        if not ordered:
            waits = [at - payload[0] * MS for at, payload in came if isinstance(payload, bytes)]
            assert 50 * MS <= min(waits) < 55 * MS < 145 * MS < max(waits) <= 150 * MS


def test_a_lost_segment_goes_again_after_the_timeout_and_what_follows_waits_for_it() -> None:
    lost_twice = iter([1 - 0.3**2.5, 0.5, 0.0, 0.5])  # luck and spread of two segments
    line = Line(Profile(delay_ns=50 * MS, loss=0.3), retry_ns=300 * MS)
    one = flow(True, lost_twice.__next__)
    line.offer(0, one, b"a")
    line.offer(0, one, b"b")
    assert times(line) == [(950 * MS, b"a"), (950 * MS, b"b")]  # 0, 300, then 600 later
    assert line.counters.repeated == 2


def test_a_cut_takes_datagrams_and_what_is_on_the_air_still_comes() -> None:
    line = Line(Profile(delay_ns=100 * MS), [Change(S, cut=True), Change(2 * S, cut=False)])
    one = flow(ordered=False)
    for at_ns in (S - 1, S, S + 1, 2 * S - 1, 2 * S):
        line.offer(at_ns, one, at_ns.to_bytes(8, "big"))
    assert [at for at, _ in times(line)] == [S - 1 + 100 * MS, 2 * S + 100 * MS]
    assert line.counters.cut_off == 3


def test_a_stream_stands_while_it_is_cut_and_goes_on_at_the_next_retransmission() -> None:
    line = Line(Profile(), [Change(S, cut=True), Change(6 * S, cut=False)], retry_ns=200 * MS)
    one = flow(ordered=True)
    line.offer(2 * S, one, b"a")
    line.offer(3 * S, one, Mark.END)
    # Tries at 2.0, 2.2, 2.6, 3.4, 5.0 in vain; the next is at 8.2, 2.2 s after the link is back.
    assert times(line) == [(8_200 * MS, b"a"), (8_200 * MS, Mark.END)]
    assert line.counters.repeated == 5


def test_how_long_a_stream_stands_after_a_cut_has_the_bound_that_was_given() -> None:
    line = Line(Profile(), [Change(0, cut=True), Change(60 * S, cut=False)], retry_ns=200 * MS, retry_ns_max=S)
    line.offer(1, flow(ordered=True), b"a")
    [(at_ns, _)] = times(line)
    assert 60 * S < at_ns <= 61 * S


def test_while_nothing_comes_back_a_window_goes_on_and_then_the_stream_stands() -> None:
    line, one = Line(Profile(), [Change(0, deaf=True), Change(10 * S, deaf=False)]), flow(ordered=True)
    for _ in range(WINDOW_BYTES // 1_000 + 10):
        line.offer(S, one, KILO)
    assert len(line.advance(10 * S - 1)) == WINDOW_BYTES // 1_000
    assert len(times(line)) == 10


def test_a_connection_that_stands_does_not_hold_up_another() -> None:
    line = Line(Profile(loss=0.5), retry_ns=S)
    line.offer(0, flow(True, iter([0.9, 0.5]).__next__), b"lost at first")
    line.offer(1, flow(True, iter([0.0, 0.5]).__next__), b"not lost")
    assert [payload for _, payload in line.advance(1)] == [b"not lost"]
    assert [payload for _, payload in times(line)] == [b"lost at first"]


def test_what_waits_for_a_connection_that_is_over_is_not_sent() -> None:
    line, one = Line(MBIT), flow(ordered=True)
    for _ in range(3):
        line.offer(0, one, KILO)
    line.abandon(one)
    assert (times(line), line.waiting_bytes, line.counters.abandoned) == ([], 0, 3)


@given(
    st.lists(st.tuples(st.integers(0, 3_000), st.integers(0, 2), st.integers(0, 3_000)), max_size=60),
    st.lists(st.tuples(st.integers(0, 4_000), st.booleans(), st.booleans()), max_size=8),
    st.sampled_from([None, 50_000, 1_000_000]),
    st.sampled_from([0.0, 0.2, 0.9]),
    st.integers(0, 1 << 16),
)
def test_streams_come_whole_and_in_order_whatever_the_link_does(
    sent: list[tuple[int, int, int]],
    turns: list[tuple[int, bool, bool]],
    rate_bps: int | None,
    loss: float,
    seed: int,
) -> None:
    turned = [Change(at * MS, cut, deaf) for at, cut, deaf in sorted(turns)] + [Change(5 * S, cut=False, deaf=False)]
    line = Line(Profile(20 * MS, 20 * MS, loss, rate_bps), turned, retry_ns_max=S)
    flows = [flow(True, Random(seed + n).random) for n in range(3)]
    came: dict[int, list[Payload]] = {0: [], 1: [], 2: []}
    said: dict[int, list[Payload]] = {0: [], 1: [], 2: []}
    for number, (at_ms, which, size) in enumerate(sorted(sent)):
        payload = number.to_bytes(2, "big") + bytes(size)
        said[which].append(payload)
        line.offer(at_ms * MS, flows[which], payload)
        for got, part in line.advance(at_ms * MS):
            came[flows.index(got)].append(part)
    while (next_ns := line.next_ns()) is not None:
        for got, part in line.advance(next_ns):
            came[flows.index(got)].append(part)
    assert came == said
    assert (line.waiting_bytes, line.flying_bytes) == (0, 0)


def test_flows_take_turns_on_a_narrow_line() -> None:
    line, much, little = Line(MBIT), flow(ordered=True), flow(ordered=False)
    for _ in range(3):
        line.offer(0, much, KILO)
    line.offer(MS, little, b"!" * 1_000)
    assert [payload == KILO for _, payload in times(line)] == [True, False, True, True]


def test_a_cut_falls_at_its_time_however_late_the_line_is_asked() -> None:
    line, one = Line(MBIT, [Change(20 * MS, cut=True), Change(50 * MS, cut=False)]), flow(ordered=False)
    for _ in range(10):
        line.offer(0, one, KILO)
    assert len(line.advance(S)) == 6  # those that left the line at 8, 16, 56, 64, 72 and 80 ms
    assert line.counters.cut_off == 4


def test_the_timeout_is_short_again_after_a_segment_came_through() -> None:
    each_lost_once = iter([1 - 0.5**1.5, 0.5, 1 - 0.5**1.5, 0.5])
    line, one = Line(Profile(loss=0.5), retry_ns=S), flow(True, each_lost_once.__next__)
    line.offer(0, one, b"a")
    line.offer(0, one, b"b")
    assert times(line) == [(S, b"a"), (2 * S, b"b")]
