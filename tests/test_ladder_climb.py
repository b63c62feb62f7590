"""Ladders: whatever is killed, whatever the clock does, whoever answers when: nobody is reached twice for one step."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd.errors import BadMessage, BadOrder
from fusioncmd.ladder import wire
from fusioncmd.ladder.climb import Climb, Elapsed, Standing
from fusioncmd.ladder.steps import NAMED, Ladder, named, parse
from tests.worlds import make_id

PEOPLE = BitMap(range(60))
LADDER = parse("push 10 received; sms 20 answered; voice 30 answered; superior 40 answered")
OPEN_S = 200
HOUR_MS = 3_600_000


@dataclass
class World:
    """A node that stores before it sends, a channel that notes whom it was given, and people who answer."""

    ladder: Ladder = LADDER
    status: str = "actual"
    boot: bytes = b"boot-1"
    mono_ms: int = 5_000_000
    answered: BitMap = field(default_factory=BitMap)
    received: BitMap = field(default_factory=BitMap)
    excused: BitMap = field(default_factory=BitMap)
    sent: list[tuple[int, int, int]] = field(default_factory=list)  # step, number, monotonic ms
    cancelled: bool = False

    def __post_init__(self) -> None:
        self.climb = Climb(self.ladder, self.status, OPEN_S * 1000)
        self.elapsed = Elapsed(self.boot, self.mono_ms)
        self.running = wire.Running(make_id(), self.ladder.text, self.boot, self.mono_ms, 0)
        self.stored: dict[int, bytes] = {}

    def standing(self) -> Standing:
        return Standing(PEOPLE, self.received, self.answered, self.excused)

    def store(self, i: int) -> None:
        self.stored[i] = wire.encode(wire.Progress.of(make_id(), i, 0, self.climb.rungs[i]))

    def tick(self, crash: bool, people: int) -> None:
        """A round of the node; `crash`: it dies after it stored a batch and before the channel hears of it."""
        at_ms = self.elapsed.at(self.mono_ms)
        self.running = wire.Running(make_id(), self.ladder.text, self.boot, self.elapsed.origin_ms, at_ms)
        if self.cancelled or self.climb.is_over(at_ms):
            return
        while (i := self.climb.due(at_ms)) is not None:
            self.climb.begin(i, at_ms, self.standing())
            self.store(i)
        for i in self.climb.open_steps(self.standing()):
            batch = self.climb.take(i, self.standing(), people)
            self.store(i)
            if crash:
                return self.restart(reboot=False)
            self.sent += [(i, number, self.mono_ms) for number in batch]

    def restart(self, reboot: bool) -> None:
        if reboot:
            self.boot, self.mono_ms = self.boot + b"+", 1_000
        self.climb = Climb(self.ladder, self.status, OPEN_S * 1000)
        for i, data in sorted(self.stored.items()):
            self.climb.rungs[i] = wire.decode(wire.Progress, data).rung()
        self.elapsed = Elapsed.resumed(
            wire.decode(wire.Running, wire.encode(self.running)).elapsed, self.boot, self.mono_ms
        )


deeds = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(1, 30_000)),
        st.tuples(st.just("answer"), st.integers(0, 59)),
        st.tuples(st.just("receive"), st.integers(0, 59)),
        st.tuples(st.just("excuse"), st.integers(0, 59)),
        st.tuples(st.sampled_from(["crash", "restart", "reboot", "cancel"]), st.just(0)),
    ),
    max_size=60,
)


@given(deeds, st.integers(1, 60))
def test_nobody_is_reached_twice_for_a_step_nor_after_an_answer_nor_after_the_end(
    story: list[tuple[str, int]], people: int
) -> None:
    world, real_ms = World(), 0
    for what, n in story:
        before = len(world.sent)
        if what == "pass":
            world.mono_ms += n
            real_ms += n
        elif what in ("answer", "receive", "excuse"):
            {"answer": world.answered, "receive": world.received, "excuse": world.excused}[what].add(n)
        elif what == "cancel":
            world.cancelled = True
        elif what != "crash":
            world.restart(reboot=what == "reboot")
        done = BitMap(world.answered | world.excused)
        world.tick(what == "crash", people)
        for step, number, _ in world.sent[before:]:
            assert number not in done and not (step == 0 and number in world.received)
            assert not world.cancelled and real_ms < OPEN_S * 1000
            assert real_ms >= sum(s.wait_s for s in LADDER.steps[: step + 1]) * 1000  # early never
    assert len({(step, number) for step, number, _ in world.sent}) == len(world.sent)
    for rung in world.climb.rungs.values():
        assert rung.handed <= rung.chosen <= PEOPLE


def test_each_step_reaches_those_who_have_not_met_it_and_nobody_is_forgotten() -> None:
    world = World(received=BitMap(range(40)), answered=BitMap(range(20)))
    for _ in range(OPEN_S):
        world.mono_ms += 1_000
        world.tick(crash=False, people=7)
    by_step = {i: BitMap(n for step, n, _ in world.sent if step == i) for i in range(4)}
    assert by_step[0] == BitMap(range(40, 60))  # who has not even received it
    assert by_step[1] == by_step[2] == BitMap(range(20, 60))
    assert world.climb.rungs[3].handed == BitMap(range(20, 60)) and not by_step[3]  # the superior has them all at once


def test_a_batch_that_a_crash_took_is_lost_to_that_step_and_told_as_unsure_and_the_next_reaches_them() -> None:
    world = World()
    world.mono_ms += 10_000
    world.tick(crash=True, people=7)
    for _ in range(60):
        world.mono_ms += 1_000
        world.tick(crash=False, people=60)
    lost = BitMap(range(7))
    assert BitMap(n for step, n, _ in world.sent if step == 0) == PEOPLE - lost
    assert BitMap(n for step, n, _ in world.sent if step == 1) == PEOPLE
    assert world.climb.rungs[0].note("accepted", PEOPLE - lost)
    assert world.climb.rungs[0].unsure == lost


def test_after_the_machine_was_off_a_ladder_goes_on_where_it_was_and_after_the_node_was_off_in_time() -> None:
    elapsed = Elapsed(b"a", 1_000)
    assert elapsed.at(31_000) == 30_000
    assert Elapsed.resumed(elapsed, b"a", 91_000).at(91_000) == 90_000
    assert Elapsed.resumed(elapsed, b"b", 5).at(5) == 30_000
    assert Elapsed.resumed(elapsed, b"a", 31_000 - HOUR_MS).at(31_000 - HOUR_MS) == 30_000  # no clock goes back


def test_an_exercise_reaches_the_superior_alone_unless_its_ladder_says_more() -> None:
    for text, steps in ((LADDER.text, {3}), (f"{LADDER.text}; exercise", {0, 1, 2, 3})):
        world = World(parse(text), "exercise")
        for _ in range(120):
            world.mono_ms += 1_000
            world.tick(crash=False, people=60)
        assert {i for i, rung in world.climb.rungs.items() if rung.handed} == steps


def test_an_outcome_is_of_those_who_were_handed_over_and_news_once() -> None:
    world = World()
    world.mono_ms += 10_000
    world.tick(crash=False, people=10)
    rung = world.climb.rungs[0]
    assert rung.note("delivered", BitMap([1, 2, 59])) and not rung.note("delivered", BitMap([1, 2]))
    assert rung.outcomes["delivered"] == BitMap([1, 2]) and rung.count("failed") == 0


def test_a_ladder_has_one_spelling_and_what_is_none_gets_a_sentence() -> None:
    for text in (*NAMED.values(), f"{NAMED['quick']}; exercise"):
        assert parse(text).text == text
    assert named("standard") == parse(NAMED["standard"])
    assert named("# by night\nsms 30  answered\nsuperior 60 answered\n").text == "sms 30 answered; superior 60 answered"
    for bad in (
        "", "sms", "sms 0 answered", "sms 604801 answered", "sms 60 seen", "fax 60 answered", "exercise",
        "sms 060 answered",
        "superior 60 answered; sms 60 answered", "; ".join(["sms 60 answered"] * 9), "sms 60 answered;push 60 received",
    ):  # fmt: skip
        with pytest.raises(BadOrder):
            parse(bad)


def test_what_is_kept_of_a_step_comes_back_and_what_is_none_is_refused() -> None:
    world = World()
    world.mono_ms += 10_000
    world.tick(crash=False, people=10)
    world.climb.rungs[0].note("failed", BitMap([3]))
    world.store(0)
    assert wire.decode(wire.Progress, world.stored[0]).rung() == world.climb.rungs[0]
    for data in (b"", b"\x80", world.stored[0][:-1], bytes(9 * 2**20)):
        with pytest.raises(BadMessage):
            wire.decode(wire.Progress, data)
    with pytest.raises(BadMessage):
        wire.decode(wire.Running, world.stored[0])
