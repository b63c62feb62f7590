"""Whether a link carries anything: said and answered by both ends, cut, carrying one way only, and back."""

from __future__ import annotations

import random

import pytest

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.pulse import Beat, Pulse, pack, unpack


class Pair:
    """Two ends and what lies between them; a second is a step."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.ends = (Pulse(100, 0.0), Pulse(7, 0.0))
        self.cut = [False, False]  # what the first says, what the second says

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now_s += bounds.LINK_BEAT_S
            said = [end.beat(self.now_s) for end in self.ends]
            for n, beat in enumerate(said):
                if not self.cut[n]:
                    self.ends[1 - n].hear(unpack(pack(beat)), self.now_s + 0.01)

    @property
    def states(self) -> tuple[str, str]:
        return self.ends[0].state(self.now_s), self.ends[1].state(self.now_s)


def test_a_link_that_carries_both_ways_is_up_and_its_round_trip_is_told() -> None:
    pair = Pair()
    pair.run(30)
    assert pair.states == ("up", "up")
    trip_s = pair.ends[0].round_trip_s
    assert trip_s is not None and 0 <= trip_s < 0.1, "how long the peer held it is no part of the round trip"


def test_a_cut_is_found_at_both_ends_within_the_bound_and_since_when_is_told() -> None:
    pair = Pair()
    pair.run(20)
    cut_s = pair.now_s
    pair.cut = [True, True]
    pair.run(int(bounds.LINK_SILENT_S))
    pair.run(1)
    assert pair.states == ("cut", "cut")
    assert abs(pair.ends[0].since_s - cut_s) <= 1.1 and abs(pair.ends[1].since_s - cut_s) <= 1.1
    pair.cut = [False, False]
    pair.run(2)
    assert pair.states == ("up", "up")


@pytest.mark.parametrize("way", [0, 1])
def test_a_link_that_carries_one_way_is_no_link(way: int) -> None:
    """The end that is not heard is told nothing new; the other hears nothing."""
    pair = Pair()
    pair.run(20)
    pair.cut[way] = True
    pair.run(int(bounds.LINK_SILENT_S) + 2)
    states = {way: pair.states[way], 1 - way: pair.states[1 - way]}
    assert states == {way: "deaf", 1 - way: "cut"}


def test_a_peer_that_never_was_there_is_cut_since_the_beginning() -> None:
    alone = Pulse(1, 50.0)
    assert alone.state(50.0 + bounds.LINK_SILENT_S) == "up"
    assert alone.state(51.0 + bounds.LINK_SILENT_S) == "cut" and alone.since_s == 50.0


def test_what_was_overtaken_or_comes_again_is_no_news() -> None:
    here, there = Pulse(0, 0.0), Pulse(0, 0.0)
    beats = [there.beat(float(n)) for n in range(1, 20)]
    random.Random(3).shuffle(beats)
    news = [here.hear(beat, 20.0) for beat in [*beats, *beats]]
    assert sum(news) < len(beats) and not any(news[len(beats) :])
    assert here.beat(21.0).heard == max(beat.number for beat in beats)


def test_an_end_that_was_started_anew_is_heard_at_once() -> None:
    """It begins beyond every number that it said before."""
    pair = Pair()
    pair.run(10)
    pair.ends = (Pulse(1_000_000, pair.now_s), pair.ends[1])
    pair.run(2)
    assert pair.states == ("up", "up")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x01", pack(Beat(1, 2, 3))[:-1], b"\x94\xa6beat.1\xff\x00\x00"])
def test_noise_is_no_beat(data: bytes) -> None:
    with pytest.raises(BadMessage, match="Not a beat"):
        unpack(data)
