"""An alert over more places than an order can name is about the same ground, and no more of it."""

from __future__ import annotations

import random

import pytest

from fusioncmd import divisions
from fusioncmd.alarm import exact
from fusioncmd.codes import Path, Tier
from fusioncmd.errors import BadInput

PLACES = divisions.guangdong()
TOWNS = [town.code for town in PLACES.towns if town.tier is Tier.TOWN]


def children(code: str) -> list[str]:
    return [place.code for place in PLACES.children(Path(code))]


def meant(nodes: tuple[str, ...], out: tuple[str, ...]) -> set[str]:
    """The towns that a selector of these means."""
    return {town for town in TOWNS if town.startswith(nodes) and not (out and town.startswith(out))}


def test_what_fits_stays_as_it_is() -> None:
    county = [town for town in TOWNS if town.startswith("440106")]
    assert exact.named(county, children) == (tuple(sorted(county)), ())


@pytest.mark.parametrize("seed", range(60))
def test_the_same_towns_are_meant_in_fewer_places(seed: int) -> None:
    dice = random.Random(seed)
    first = dice.randrange(len(TOWNS) - 400)
    run = TOWNS[first : first + dice.randrange(80, 400)]  # neighbours by code, as an area has them
    some = set(run) - set(dice.sample(run, dice.randrange(12)))
    nodes, out = exact.named(some, children)
    assert len(nodes) <= exact.MOST and len(out) <= exact.MOST and meant(nodes, out) == some


def test_all_is_the_province_and_what_is_scattered_is_refused() -> None:
    assert exact.named(TOWNS, children) == (("44",), ())
    nodes, out = exact.named(set(TOWNS) - {TOWNS[5]}, children)
    assert meant(nodes, out) == set(TOWNS) - {TOWNS[5]}
    with pytest.raises(BadInput, match="can name 64"):
        exact.named(random.Random(1).sample(TOWNS, 600), children)


def test_a_place_whose_lower_ones_nobody_knows_is_not_widened() -> None:
    strange = [f"990101{i:03}" for i in range(100)]
    with pytest.raises(BadInput):
        exact.named(strange, children)
