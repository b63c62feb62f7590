"""A node that is a kit: what it has beside any other node, put together."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.bus.port import Bus
from fusioncmd.room import check_room
from tiers.kit_disk import KitDisk
from tiers.node import Node


def watch(node: Node, bus: Bus, data: Path, budget: int) -> None:
    """It has so many bytes for all that it keeps in `data`; 0: as many as its disk affords."""
    desk = node.desk
    disk = KitDisk(bus, desk.node.code, data, budget, node.recorder, lambda: desk.now_ms / 1_000)
    cut = node.health.cut
    node.links.branches.disk = lambda: disk.said
    node.health.cut = lambda: (*disk.problems(), *cut())

    def check() -> None:
        check_room(data)
        disk.check_room()

    desk.room_by(check)
    node.beside.append(disk.run)
