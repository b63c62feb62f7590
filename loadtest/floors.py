"""What a call-down is held against: bare sockets on this machine, in the same run, before it and after it."""

from __future__ import annotations

import argparse
from statistics import median

from fusioncmd import many
from loadtest.floor import Floor, measure_floor
from loadtest.output import Result, note
from loadtest.swarm.fleet import TERMINALS_PER_PROCESS_MAX


class Floors:
    """As many sockets, in as many processes, as `given` has the call-down use."""

    def __init__(self, given: argparse.Namespace) -> None:
        self._given = given
        self._each: list[Floor] = []
        self._many: Floor | None = None

    async def measure(self, size: int) -> None:
        """Orders of `size` bytes; a system call for each read and each send. Before and after the call-downs: a shared
        machine is a tenth faster or slower a few minutes later."""
        note("the floor: bare sockets …")
        self._each.append(await self._measured(size))

    async def measure_many(self, size: int) -> None:
        """The same once more with many sockets in one system call, where that is allowed."""
        if many.at_once():
            note("many bare sockets in one system call …")
            self._many = await self._measured(size, at_once=True)

    async def _measured(self, size: int, at_once: bool = False) -> Floor:
        given = self._given
        clients = max(given.swarm, -(-given.terminals // TERMINALS_PER_PROCESS_MAX))
        found = await measure_floor(given.terminals, given.gateways, clients, size, given.rounds, at_once)
        note(f"answers of bare sockets read in {', '.join(f'{s:.3f}' for s in found.answered_s)} s")
        return found

    def tell(self, durable_s: float, confirmed_s: float, result: Result) -> None:
        """Of a call-down: seconds to the last answer on disk, and to the last one confirmed."""
        floor_s = median(s for floor in self._each for s in floor.answered_s)
        result.add("floor: last answer read, of bare sockets", floor_s, "s")
        result.add("floor: CPU per delivery and answer", median(us for f in self._each for us in f.server_us), "µs")
        result.add("last answer on disk, as a ratio to the floor", durable_s / floor_s)
        result.add("last answer confirmed, as a ratio to the floor", confirmed_s / floor_s)
        if self._many is not None:
            many_s = median(self._many.answered_s)
            result.add("last answer read, of many bare sockets in a call", many_s, "s")
            result.add("last answer on disk, as a ratio to that", durable_s / many_s)
