"""The pipe between a kit and its hub: letters of each class, both ways."""

from __future__ import annotations

from gateways.satellite.classes import Class
from tests.satellite_link import KIT, World, exchange


def test_two_ends_prove_themselves_and_letters_of_each_class_go_both_ways() -> None:
    world = World()
    world.connect()
    assert world.hub_end.peer == KIT
    for cls in Class:
        assert world.kit.say(cls, exchange(f"up {cls.name}"))
        assert world.hub_end.say(cls, exchange(f"down {cls.name}"))
    world.run(for_s=3)
    for cls in Class:
        assert world.hub_node.of(cls) == [exchange(f"up {cls.name}")]
        assert world.kit_node.of(cls) == [exchange(f"down {cls.name}")]
