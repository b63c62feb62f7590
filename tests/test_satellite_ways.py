"""A kit with several ways to its hub: seamless changes, silent ways, and an address that changes under it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fusioncmd.errors import BadInput
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from gateways.satellite.ways import Asking, Way, read_ways
from tests.satellite_link import World, exchange

SAT, CELL = Way("satellite", "192.168.1.2", 64_000), Way("4g", "10.0.0.5", 512_000)


class Traffic:
    """Voice (a frame each 60 ms), orders and a clip, both ways, and what of it came."""

    def __init__(self, world: World, for_s: float) -> None:
        self.world, self.until_s = world, world.now_s + for_s
        self.voice: dict[str, list[bytes]] = {"up": [], "down": []}
        self.orders: dict[str, list[bytes]] = {"up": [], "down": []}
        self.clips: dict[str, list[bytes]] = {"up": [], "down": []}
        self._frame()

    def _frame(self) -> None:
        world = self.world
        for way, pipe in (("up", world.kit), ("down", world.hub_end)):
            n = len(self.voice[way])
            self.voice[way].append(bytes((Kind.VOICE,)) + n.to_bytes(4, "big") + bytes(95))
            pipe.say(Class.VOICE, self.voice[way][-1], 1.0)
            if n % 10 == 0:
                self.orders[way].append(exchange(n.to_bytes(4, "big") + bytes(300)))
                assert pipe.say(Class.ORDERS, self.orders[way][-1])
            while pipe.waiting(Class.CLIPS) < 4_000:
                self.clips[way].append(bytes((Kind.KEPT,)) + len(self.clips[way]).to_bytes(4, "big") + bytes(1_500))
                assert pipe.say(Class.CLIPS, self.clips[way][-1])
        if world.now_s < self.until_s:
            world.at(world.now_s + 0.06, self._frame)

    def check(self, frames_lost_max: int) -> None:
        for way, node in (("up", self.world.hub_node), ("down", self.world.kit_node)):
            assert len(self.voice[way]) - len(node.of(Class.VOICE)) <= frames_lost_max, way
            assert node.of(Class.ORDERS) == self.orders[way], way
            assert node.of(Class.CLIPS) == self.clips[way], way


def two_ways() -> World:
    world = World(ways=(SAT, CELL))
    world.lay("4g", rate_bps=512_000, delay_s=0.04)
    return world


def test_a_change_of_way_in_the_middle_of_everything_loses_nothing_and_no_voice() -> None:
    world = two_ways()
    world.connect()
    world.run(for_s=3)
    traffic = Traffic(world, 12)
    world.run(for_s=4)
    world.kit.use("4g", world.now_s)
    world.run(lambda: world.kit.facts().way == "4g", 1)
    world.run(lambda: world.hub_end.rate_bps == CELL.rate_bps, 1)
    world.run(for_s=3)
    world.kit.use("satellite", world.now_s)
    world.run(lambda: world.kit.facts().way == "satellite", 2)
    world.run(lambda: world.hub_end.rate_bps == SAT.rate_bps, 2)
    world.run(for_s=25)
    traffic.check(frames_lost_max=3)  # 180 ms
    assert world.kit.connections == 1 and len(world.kit_node.turns) == len(world.hub_node.turns) == 1


def test_a_way_that_falls_silent_is_left_and_a_better_one_that_answers_is_used_again() -> None:
    world = two_ways()
    world.connect()
    traffic = Traffic(world, 9)
    world.run(for_s=2)
    world.cut(True, "satellite")
    cut_s = world.now_s
    world.run(lambda: world.kit.facts().way == "4g", 5)
    assert world.now_s - cut_s < 4
    world.run(for_s=25)
    assert world.kit.facts().way == "4g"  # it asked the satellite, which did not answer
    asked = sum(size for at, way, _, size in world.sent if way == "satellite" and at > cut_s + 5)
    assert 0 < asked < 2_000
    world.cut(False, "satellite")
    world.run(lambda: world.kit.facts().way == "satellite", 60)
    world.run(for_s=5)
    traffic.check(frames_lost_max=70)  # until the silence was noticed
    assert world.kit.connections == 1 and len(world.kit_node.turns) == 1


def test_the_address_of_a_kit_changes_under_it_and_the_hub_follows() -> None:
    world = World()
    world.connect()
    traffic = Traffic(world, 8)
    world.run(for_s=3)
    world.sources["sat"] = ("10.0.0.77", 61_000)
    world.run(for_s=25)
    lost = len(traffic.voice["down"]) - len(world.kit_node.of(Class.VOICE))
    assert lost <= 17  # what was sent to the address before: a round trip and two packets' time
    assert world.hub_node.of(Class.CLIPS) == traffic.clips["up"]
    assert world.kit_node.of(Class.CLIPS) == traffic.clips["down"]
    assert world.kit.connections == 1 and len(world.kit_node.turns) == 1


def test_a_kit_whose_best_way_is_dead_comes_in_by_the_next() -> None:
    world = two_ways()
    world.cut(True, "satellite")
    world.connect(within_s=10)
    assert world.kit.facts().way == "4g"
    world.cut(False, "satellite")
    world.run(lambda: world.kit.facts().way == "satellite", 30)


def test_ways_are_read_as_they_are_written() -> None:
    assert read_ways("satellite=192.168.1.2@64k, 4g=10.0.0.5@2M,any=@9600") == (
        Way("satellite", "192.168.1.2", 64_000), Way("4g", "10.0.0.5", 2_000_000), Way("any", "", 9_600),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "sat", "sat=1.2.3.4", "sat=1.2.3.4@0", "a=@1k,a=@2k", "Sat=@64k", "a=@64K"])
def test_what_is_no_way_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read_ways(text)


def test_a_better_way_that_does_not_answer_is_asked_later_and_later() -> None:
    asking = Asking((SAT, CELL))
    asking.use("4g")
    asked = [second for second in range(400) if asking.due(float(second), silent=False)]
    gaps = [after - before for before, after in pairwise(asked)]
    assert asked[0] == 10 and gaps[:3] == [10, 20, 40] and set(gaps[3:]) == {60}
