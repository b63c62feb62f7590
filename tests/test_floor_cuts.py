"""A county and its province at one floor: what becomes of a burst when the link is cut, and when it returns."""

from __future__ import annotations

from random import Random

from fusioncmd.codes import Tier
from fusioncmd.floor.messages import Revoked
from fusioncmd.floor.participant import Participant
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.timers import RETURN_MS
from loadtest.floor_parts import Link, Talker
from loadtest.floor_world import START_MS, World


def province(*cuts: tuple[int, int], home: str = "44") -> World:
    """44 over county 440106, a gateway and a talker at the top, two below; the county's link is cut as said."""
    above = {"440106": "44", "top": "44", "one": "440106", "two": "440106"}
    links = {name: Link(0.0, (1, 3), 0.0) for name in above}
    links["440106"].cuts += [(START_MS + begin, START_MS + end) for begin, end in cuts]
    world = World(Random(1), above, links, ["top", "one", "two"], home)
    world.radio_loss = 0.0
    for n, (name, tier, emergency) in enumerate(
        (("top", Tier.PROVINCE, False), ("one", Tier.COUNTY, False), ("two", Tier.COUNTY, True))
    ):
        priority = floor_priority(tier, emergency)
        world.talkers[name] = Talker(Participant(name, n), name, priority, emergency)
    return world


def speaks(world: World, name: str) -> bool:
    return world.relays[name].speaker(world.now_ms) is not None and world.talkers[name].participant.may_speak


def press(world: World, name: str) -> None:
    world.run(world.now_ms + 100)
    world.press(name)
    world.run(world.now_ms + 400)
    assert speaks(world, name)


def test_a_county_that_is_cut_off_in_mid_burst_goes_on_and_one_arbiter_is_left_after_its_return() -> None:
    world = province((1_000, 9_000))
    press(world, "one")
    for ms in range(1_000, 9_000, 50):
        world.run(START_MS + ms)
        assert speaks(world, "one"), f"after {ms} ms"
    assert world.seats["440106"].arbiter is not None and world.seats["44"].arbiter is not None
    world.run(START_MS + 9_000 + RETURN_MS)
    assert world.seats["440106"].arbiter is None and world.seats["44"].arbiter is not None
    assert speaks(world, "one")  # nobody spoke in the province: the burst goes on there
    assert world.seats["44"].arbiter.speaker is not None and world.found.wrong == []


def test_each_side_speaks_for_itself_and_at_the_return_the_side_that_joins_is_revoked() -> None:
    world = province((1_000, 9_000))
    world.run(START_MS + 4_000)
    press(world, "top")
    press(world, "one")
    assert speaks(world, "top") and speaks(world, "one")
    world.run(START_MS + 11_000)
    assert speaks(world, "top") and not speaks(world, "one")
    assert world.talkers["one"].participant.cause == Revoked.PRE_EMPTED and world.found.wrong == []
    assert 0 < world.found.together_ms < RETURN_MS


def test_an_emergency_of_the_side_that_joins_takes_the_floor() -> None:
    world = province((1_000, 9_000))
    world.run(START_MS + 4_000)
    press(world, "top")
    press(world, "two")
    world.run(START_MS + 11_000)
    assert speaks(world, "two") and not speaks(world, "top") and world.found.wrong == []


def test_the_countys_own_talkgroup_keeps_its_arbiter_inside_and_the_province_has_its_own() -> None:
    world = province((1_000, 9_000), home="440106")
    press(world, "one")
    world.run(START_MS + 5_000)
    assert speaks(world, "one") and world.seats["440106"].arbiter is not None
    assert world.seats["44"].arbiter is not None
    world.run(START_MS + 11_000)
    assert world.seats["44"].arbiter is None and speaks(world, "one")
