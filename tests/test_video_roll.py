"""A roll call from its first place to its last: who is seen is present; and towns are drawn by a seed."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fusioncmd.errors import BadInput, Conflict
from fusioncmd.video.bounds import ROLL_SEEN_S
from fusioncmd.video.roll import Act, RollCall, Turn, acted, begun, drawn, ticked
from fusioncmd.video.source import Source

PLACES = ("440106001", "440106002", "440106003")
TOWNS = [f"4401{county:02}{town:03}" for county in range(3, 7) for town in range(1, 20)]


def source(code: str, name: str = "p0000002a", title: str = "钟落潭镇 42") -> Source:
    return Source(code, name, title, "browser", "440106-video", 1, ())


@dataclass
class World:
    """A roll, the time, and who publishes where."""

    call: RollCall = field(
        default_factory=lambda: begun(RollCall("0" * 26, "4401", "Chen", 1_000, tuple(map(Turn, PLACES)), 10, 20))
    )
    now_ms: int = 1_000
    live: dict[str, Source] = field(default_factory=dict)

    def after(self, seconds: float) -> list[str]:
        self.now_ms += int(seconds * 1_000)
        self.call = ticked(self.call, self.live.get, self.now_ms)
        return [one.outcome for one in self.call.turns]

    def act(self, act: Act) -> list[str]:
        self.call = acted(self.call, act, self.now_ms)
        return [one.outcome for one in self.call.turns]


def test_who_is_seen_is_present_and_who_is_waited_for_in_vain_is_absent() -> None:
    world = World()
    assert world.after(0) == ["called", "waiting", "waiting"] and world.call.until_ms == 11_000
    world.live[PLACES[0]] = source(PLACES[0])
    assert world.after(4) == ["live", "waiting", "waiting"] and world.call.until_ms == 5_000 + 20_000
    assert world.after(19.9) == ["live", "waiting", "waiting"]
    assert world.after(0.1) == ["present", "called", "waiting"]
    assert world.after(9.9) == ["present", "called", "waiting"]
    assert world.after(0.1) == ["present", "absent", "called"]
    world.live[PLACES[2]] = source(PLACES[2])
    assert world.after(1) == ["present", "absent", "live"]
    assert world.act("present") == ["present", "absent", "present"] and world.call.over_ms == world.now_ms
    one = world.call.turns[0]
    assert (one.called_ms, one.live_ms, one.seen_ms, one.over_ms) == (1_000, 5_000, 20_000, 25_000)
    assert (one.source, one.who) == ("44.01.06.001.p0000002a", "钟落潭镇 42")
    assert world.call.counts() == {"present": 2, "absent": 1}
    assert ticked(world.call, world.live.get, 1 << 40) is world.call


def test_who_goes_after_having_been_seen_was_present_and_a_glimpse_is_not_enough() -> None:
    world = World(live={PLACES[0]: source(PLACES[0]), PLACES[1]: source(PLACES[1])})
    world.after(0)
    del world.live[PLACES[0]]
    assert world.after(ROLL_SEEN_S - 1) == ["called", "waiting", "waiting"]
    assert world.call.turns[0].seen_ms == (ROLL_SEEN_S - 1) * 1_000
    world.live[PLACES[0]] = source(PLACES[0], "p2")
    assert world.after(0) == ["live", "waiting", "waiting"] and world.call.turns[0].source.endswith(".p2")
    del world.live[PLACES[0]]
    assert world.after(1) == ["present", "called", "waiting"]
    assert world.call.turns[0].live_ms == 1_000  # when it was first seen
    assert world.after(0) == ["present", "live", "waiting"]
    world.live[PLACES[1]] = source(PLACES[1], "p3", "李")
    assert world.after(1) == ["present", "live", "waiting"]
    assert (world.call.turns[1].who, world.call.until_ms) == ("李", world.now_ms - 1_000 + 20_000)


def test_the_commander_skips_takes_for_absent_and_ends() -> None:
    world = World()
    with pytest.raises(Conflict):
        world.act("present")  # nobody was seen
    assert world.act("skip") == ["skipped", "called", "waiting"]
    world.live[PLACES[1]] = source(PLACES[1])
    world.after(0)
    assert world.act("absent") == ["skipped", "absent", "called"]  # an empty chair
    assert world.act("end") == ["skipped", "absent", "skipped"]
    for act in ("present", "end"):
        with pytest.raises(Conflict):
            world.act(act)
    early = World(live={PLACES[0]: source(PLACES[0])})
    early.after(0)
    assert early.act("end") == ["present", "uncalled", "uncalled"] and early.call.over_ms == early.now_ms


def test_no_place_is_called_twice() -> None:
    with pytest.raises(BadInput):
        begun(replace(World().call, turns=(Turn("4401"), Turn("4401"))))


def test_a_seed_draws_the_same_towns_from_the_same_places_in_whatever_order() -> None:
    chosen = drawn(TOWNS, 5, "00ff")
    assert chosen == drawn(reversed(TOWNS), 5, "00ff") == drawn(TOWNS, 30, "00ff")[:5] and len({*chosen}) == 5
    assert chosen == ("440104015", "440103016", "440106015", "440103004", "440105016")
    counted = dict.fromkeys(TOWNS, 0)
    for seed in range(400):
        for town in drawn(TOWNS, 19, f"{seed:x}"):
            counted[town] += 1
    assert min(counted.values()) >= 60 and max(counted.values()) <= 140  # a quarter of them: 100 each on average
    for count in (0, len(TOWNS) + 1):
        with pytest.raises(BadInput):
            drawn(TOWNS, count, "1")


@given(st.lists(st.tuples(st.integers(0, 30_000), st.sampled_from(PLACES), st.sampled_from(["up", "down", "present",
       "absent", "skip", "tick"])), max_size=40))  # fmt: skip
def test_whatever_happens_one_place_is_called_at_a_time_and_it_ends(steps: list[tuple[int, str, str]]) -> None:
    world = World()
    for wait_ms, place, what in steps:
        if what == "up":
            world.live[place] = source(place)
        elif what == "down":
            world.live.pop(place, None)
        elif what != "tick":
            try:
                world.act(what)  # type: ignore[arg-type]
            except Conflict:
                assert world.call.over_ms or what == "present"
        world.after(wait_ms / 1_000)
        turns = world.call.turns
        current = [at for at, one in enumerate(turns) if one.outcome in ("called", "live")]
        assert len(current) == (not world.call.over_ms)
        assert all(one.over_ms for one in turns[: current[0] if current else None])
        assert all(0 <= one.seen_ms <= one.over_ms - one.called_ms for one in turns if one.over_ms)
    for _ in range(2 * len(PLACES)):
        world.after(30)
    assert world.call.over_ms and sum(world.call.counts().values()) == len(PLACES)
