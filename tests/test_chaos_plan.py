"""A chaos run is what its seed says, and leaves no kind of kill out."""

from __future__ import annotations

from pathlib import Path

from fusioncmd import divisions
from loadtest.chaos_plan import GATEWAY_POINTS, NODE_POINTS, plan

ROOT = Path(__file__).parent.parent
GUANGDONG = divisions.guangdong()


def test_the_same_seed_plans_the_same_run_and_another_seed_another() -> None:
    assert plan(7, 30, GUANGDONG) == plan(7, 30, GUANGDONG) != plan(8, 30, GUANGDONG)


def test_as_many_kills_are_planned_as_were_asked_for() -> None:
    for kills in (1, 2, 5, 30, 100):
        assert sum(len(r.kills) for r in plan(1, kills, GUANGDONG)) == kills


def test_every_process_is_killed_at_every_point_that_it_can_be() -> None:
    names = {kill.name for r in plan(1, 60, GUANGDONG) for kill in r.kills}
    victims = {"gateway": GATEWAY_POINTS, "node": NODE_POINTS, "nats": GATEWAY_POINTS + NODE_POINTS}
    for victim, points in victims.items():
        assert {f"{victim} at random"} | {f"{victim} at {point}" for point in points} <= names


def test_every_named_point_is_one_that_some_process_comes_to() -> None:
    sources = [p.read_text("utf-8") for folder in ("tiers", "gateways") for p in (ROOT / folder).rglob("*.py")]
    for point in GATEWAY_POINTS + NODE_POINTS:
        assert any(f'reach("{point}")' in source for source in sources), point
