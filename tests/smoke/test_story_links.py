"""Phones in bad coverage come and go, others stop reading: everyone else is served, and all are counted once."""

from __future__ import annotations

from tests.smoke.test_story_chaos import run


def test_phones_that_come_and_go_get_everything_once() -> None:
    figures = run("flap", "--terminals", "600", "--share", "0.4", "--for", "3", "--every", "0.2")["figures"]
    for ending in ("close frame", "FIN", "RST"):
        assert figures[f"connections left: {ending}"] > 0
    assert figures["fewest connected at a time"] < 600
    assert figures["cancels"] >= 1 and figures["answers confirmed"] > 0


def test_phones_that_stop_reading_are_let_go_at_a_bound_and_get_everything_once_they_read() -> None:
    figures = run("slow", "--terminals", "320", "--share", "0.05", "--rounds", "1", "--no-timed")["figures"]
    assert figures["slow: let go at the bound"] == figures["connections that the slow lost"] == 16
    assert figures["slow: still waited for at the end of the round"] == 0
    assert 0 < figures["slow: orders each that were with the kernel, unread"] < 24
    assert figures["orders"] == 96
