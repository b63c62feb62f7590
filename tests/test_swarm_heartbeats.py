"""Terminals of the swarm say that they are alive as often as they must, and hardly more often."""

from __future__ import annotations

from random import Random

from fusioncmd import limits
from loadtest.swarm.heartbeats import LOOKS_APART_S, Heartbeats

PEOPLE = 100


def test_every_connected_terminal_is_heard_within_the_heartbeat_and_no_sooner_than_it_has_to() -> None:
    heartbeats, welcomed = Heartbeats(PEOPLE, Random(1), 0.0), bytearray(b"\1") * PEOPLE
    heartbeats.said_s[7], welcomed[8] = 1.0, 0
    heard = [(i, now_s) for now_s in range(1, 2 * limits.HEARTBEAT_S) for i in heartbeats.due(welcomed, float(now_s))]
    first_s, last_s = dict(reversed(heard)), dict(heard)
    assert first_s.keys() == set(range(PEOPLE)) - {8}
    assert min(first_s.values()) < limits.HEARTBEAT_S / 10 and first_s[7] > limits.HEARTBEAT_S * 3 // 4
    assert max(first_s.values()) <= limits.HEARTBEAT_S
    assert all(last_s[i] - first_s[i] > limits.HEARTBEAT_S * 3 // 4 for i in first_s if last_s[i] != first_s[i])


def test_one_second_is_not_much_longer_than_another() -> None:
    heartbeats, welcomed = Heartbeats(24_000, Random(1), 0.0), bytearray(b"\1") * 24_000
    said = [len(heartbeats.due(welcomed, float(now_s))) for now_s in range(1, 2 * limits.HEARTBEAT_S)]
    settled = said[LOOKS_APART_S:]
    assert min(settled) > 40 and max(said) < 200
    assert heartbeats.due(welcomed, 2 * limits.HEARTBEAT_S - 0.5) == []  # it was looked at in this second
