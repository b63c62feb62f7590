"""What a scenario of alarms sends: sensors that report each second, and single alarms, each awaited at a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field

from fusioncmd.errors import Unavailable
from loadtest.alarm_terminal import Terminal
from loadtest.alarm_world import LIMIT, World, posting
from loadtest.mqtt import Sensor

CALM, TICK_S, RETURN_S = 12.5, 0.02, 1.0
DELIVERED_S_MAX = 30.0
KINDS = ("sensor", "hook", "cap")


@dataclass(slots=True)
class Reporting:
    """Each sensor once in each second, evenly over it; QoS 0 and 1 in turn. One whose connection is lost comes again,
    as sensors do. `gone`: those that were lost."""

    world: World
    sensors: list[Sensor]
    said: int = 0
    began_s: float = field(default_factory=time.monotonic)
    gone: list[Sensor] = field(default_factory=list)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._report())
            group.create_task(self._return())

    async def _report(self) -> None:
        count = len(self.sensors)
        while True:
            due = int((time.monotonic() - self.began_s) * count)
            for n in range(self.said, due):
                self.sensors[n % count].say("gas", CALM, n % count % 2)
            self.said = max(due, self.said)
            await asyncio.sleep(TICK_S)

    async def _return(self) -> None:
        while True:
            await asyncio.sleep(RETURN_S)
            for n, sensor in enumerate(self.sensors):
                if sensor.lost:
                    with contextlib.suppress(Unavailable, OSError, TimeoutError):
                        self.sensors[n] = await self.world.sensor(sensor.name)
                        self.gone.append(sensor)

    @property
    def acknowledged(self) -> tuple[int, int]:
        """Reports with QoS 1 that were sent, and confirmed."""
        every = (*self.sensors, *self.gone)
        return sum(sensor.sent for sensor in every), sum(sensor.confirmed for sensor in every)


@dataclass(slots=True)
class Probes:
    """Alarms that call somebody: ms from the alarm to the first byte of its order at the terminal, by kind."""

    world: World
    terminal: Terminal
    sensors: list[Sensor]
    ms: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    missed: list[str] = field(default_factory=list)
    sent: int = 0
    cut: int = 0

    async def one(self, kind: str) -> None:
        """Of another sensor each time: each crosses its limit, and is back. What is posted has a connection of its own,
        as who posts now and then has."""
        self.sent += 1
        n, words = self.sent, f"probe {kind} {self.sent} ."
        began_s = time.monotonic()
        if kind == "sensor":
            sensor = next(each for each in self.sensors[n % len(self.sensors) :] + self.sensors if not each.lost)
            value = LIMIT + n
            words = f" {value:g} %LEL"
            sensor.say("gas", value, n % 2)
        elif kind == "hook":
            said: dict[str, object] = {"about": f"probe-{n}", "headline": words}
            async with posting(self.world.alarms.http) as to:
                self._look(await to.hook("towers", said))
        else:
            async with posting(self.world.alarms.http) as to:
                self._look(await to.cap(f"P{n}", words, self.world.at))
        at_s = await self.terminal.first(words, DELIVERED_S_MAX)
        if at_s is None and kind == "sensor" and sensor.lost:
            self.cut += 1  # it would say so again; this one does not
        elif at_s is None:
            self.missed.append(f"{kind} {n}")
        else:
            self.ms[kind].append(1_000 * (at_s - began_s))

    @staticmethod
    def _look(status: int) -> None:
        if status != 202:
            raise Unavailable(f"The gateway of alarms answered {status}.", f"预警网关返回 {status}。")

    @property
    def all_ms(self) -> list[float]:
        return sorted(each for kind in KINDS for each in self.ms[kind])
