"""Cuts that are written down or drawn, and the quantities of a link."""

from __future__ import annotations

import argparse
from itertools import pairwise
from random import Random

import pytest

from fusioncmd.errors import BadInput
from loadtest.link.packets import Profile
from loadtest.link.quantities import MS, S, address, rate_bps, share, size_bytes, time_ns, time_text
from loadtest.link.scenario import add_arguments, planned, profile
from loadtest.link.schedule import Change, Cut, changes, cut_from, drawn


def test_quantities_are_read_as_people_write_them() -> None:
    assert [time_ns(text) for text in ("300ms", "3.2s", "5", "2m", "0.1ms")] == [
        300 * MS,
        3_200 * MS,
        5 * S,
        120 * S,
        100_000,
    ]
    assert [rate_bps(text) for text in ("256kbit", "2Mbit", "9600bit")] == [256_000, 2_000_000, 9_600]
    assert [size_bytes(text) for text in ("64kB", "64KiB", "1500")] == [64_000, 65_536, 1_500]
    assert [share(text) for text in ("1%", "0.01", "0")] == [0.01, 0.01, 0.0]
    assert [address(text) for text in ("127.0.0.1:7001", "[::1]:0")] == [("127.0.0.1", 7_001), ("::1", 0)]


@pytest.mark.parametrize("text", ["", "fast", "-1s", "1 parsec", "1e3s", "nan"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        time_ns(text)


@pytest.mark.parametrize("text", ["100%", "1", "-1%", "1%%", "nan", "x"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        share(text)


@pytest.mark.parametrize("text", ["7001", "127.0.0.1", ":7001", "a:70000", "a:x", "a:１"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        address(text)


def test_cuts_are_read_as_they_are_written() -> None:
    assert cut_from("10s+5s") == Cut("both", 10 * S, 5 * S)
    assert cut_from("up@3.2s+5s") == Cut("up", 3_200 * MS, 5 * S)
    assert cut_from("down@9s+300ms*10") == Cut("down", 9 * S, 300 * MS, 10, 300 * MS)
    assert cut_from("9s+300ms*10/1s") == Cut("both", 9 * S, 300 * MS, 10, S)


@pytest.mark.parametrize(
    "text", ["", "10s", "left@1s+1s", "@1s+1s", "1s+0s", "1s+1s*0", "1s+1s*1001", "1s+1s*x", "+1s"]
)
def test_a_cut_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        cut_from(text)


def test_a_flap_is_cut_and_healed_in_turn_and_the_other_way_is_deaf_meanwhile() -> None:
    flap = [cut_from("up@1s+100ms*2/200ms")]
    edges = [(1_000, True), (1_100, False), (1_300, True), (1_400, False)]
    assert changes(flap, "up") == [Change(at * MS, cut=state) for at, state in edges]
    assert changes(flap, "down") == [Change(at * MS, deaf=state) for at, state in edges]


def test_cuts_that_overlap_are_one() -> None:
    found = [change for change in changes([cut_from("1s+2s"), cut_from("up@2s+3s")], "up") if change.cut is not None]
    assert found == [Change(S, cut=True), Change(5 * S, cut=False)]


def test_drawn_cuts_are_the_seeds_end_in_time_and_can_be_written_down() -> None:
    kinds = set()
    for seed in range(100):
        cuts = drawn(Random(seed).random, 60 * S)
        assert cuts == drawn(Random(seed).random, 60 * S)
        assert cuts and all(cut.end_ns <= 60 * S for cut in cuts)
        assert [cut_from(str(cut)) for cut in cuts] == cuts
        assert all(before.end_ns <= after.at_ns for before, after in pairwise(cuts))
        kinds |= {(cut.ways, cut.times > 1) for cut in cuts}
    assert kinds == {("both", False), ("both", True), ("up", False), ("down", False)}
    assert drawn(Random(1).random, 60 * S) != drawn(Random(2).random, 60 * S)


def test_a_time_is_written_as_short_as_it_can_be() -> None:
    for ns, text in ((0, "0s"), (300 * MS, "0.3s"), (10 * S, "10s"), (1, "0.000000001s")):
        assert (time_text(ns), time_ns(text)) == (text, ns)


def options(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(given)


def test_what_is_not_said_of_the_way_down_is_as_it_is_up() -> None:
    given = options("--delay", "300ms", "--loss", "1%", "--down-delay", "20ms", "--down-rate", "2mbit")
    up = profile(given, "")
    assert up == Profile(300 * MS, loss=0.01)
    assert profile(given, "down_", up) == Profile(20 * MS, loss=0.01, rate_bps=2_000_000)


def test_more_jitter_than_delay_is_refused() -> None:
    with pytest.raises(BadInput, match="Jitter"):
        profile(options("--delay", "10ms", "--jitter", "20ms"), "")


def test_cuts_that_are_written_and_drawn_add_up() -> None:
    both = planned(options("--cut", "1s+1s", "--draw-cuts", "60s", "--seed", "7"))
    assert both[0] == Cut("both", S, S)
    assert both[1:] == planned(options("--draw-cuts", "60s", "--seed", "7")) != planned(options("--draw-cuts", "60s"))
