"""Who says what, turned into alarms and told on: the counter behind HTTP, feeds and MQTT, which knows none of them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import structlog

from fusioncmd import gazetteer
from fusioncmd.alarm import cap_xml
from fusioncmd.alarm.alarm import Alarm
from fusioncmd.alarm.cap import Area, CapAlert, Info
from fusioncmd.errors import NotFound, Problem, Unavailable
from fusioncmd.gazetteer import Gazetteer
from gateways.alarm import hooks
from gateways.alarm.from_cap import FromCap
from gateways.alarm.intake import Intake
from gateways.alarm.sensors import Sensors
from gateways.alarm.signed import Signed
from gateways.alarm.sources import CapSource, HookSource, Sources

log = structlog.get_logger("alarm")

GEOCODES = ("GB/T 2260", "GB2260", "geocode", "CODE", "adcode")  # value names whose value is a code of ours


class Desk:
    def __init__(self, intake: Intake, sources: Sources, places: Gazetteer, signed: Signed) -> None:
        self._intake, self._places, self._signed = intake, places, signed
        self._caps = {each.name: each for each in sources.cap}
        self._hooks = {each.name: each for each in sources.hook}
        self._from_cap = FromCap(self.meant, intake.make_id)
        self._signatures = hooks.Signatures()
        self.sensors = Sensors(sources.sensor, time.monotonic(), intake.make_id, places.at, intake.serves)
        self.refused: Counter[str] = Counter()

    @property
    def now_ms(self) -> int:
        return self._intake.now_ms

    def cap_source(self, name: str) -> CapSource:
        if name not in self._caps:
            raise NotFound(f"There is no source {name}.", f"没有来源 {name}。")
        return self._caps[name]

    async def cap(self, source: CapSource, data: bytes) -> int:
        """How many alarms came of it. Whatever keeps it from being taken is counted against the source."""
        try:
            alert = self._signed.alert(source, cap_xml.parsed(data))
        except Problem as problem:
            self._refuse(source, problem)
            raise
        return await self.alert(alert, source)

    async def alert(self, alert: CapAlert, source: CapSource) -> int:
        """As `cap`, of one that was read."""
        try:
            made = self._from_cap.alarms(alert, source, self._intake.now_ms)
            await self.tell(made)
        except Problem as problem:
            self._refuse(source, problem)
            raise
        return len(made)

    def _refuse(self, source: CapSource, problem: Problem) -> None:
        self.refused[f"cap.{source.name}"] += 1
        log.warning("alarm.cap_refused", source=source.name, problem=problem.en)

    async def hook(self, name: str, signature: str, body: bytes) -> int:
        source: HookSource | None = self._hooks.get(name)
        try:
            if source is None:
                raise NotFound(f"There is no source {name}.", f"没有来源 {name}。")
            self._signatures.check(signature, body, source.key, self._intake.now_ms / 1000)
            make_id, serves = self._intake.make_id, self._intake.serves
            made = hooks.alarm_of(body, source, self._intake.now_ms, make_id, self._places.at, serves)
            await self.tell([made])
        except Problem as problem:
            if isinstance(problem, Unavailable):
                self._signatures.forget(signature)
            if source is not None:
                self.refused[f"hook.{name}"] += 1
            log.warning("alarm.hook_refused", source=name[:64], problem=problem.en)
            raise
        return 1

    def sensor(self, name: str, series: str, payload: bytes) -> None:
        """Not waited for: a sensor says it again."""
        self._tell_some(self.sensors.hear(name, series, payload, time.monotonic(), self._intake.now_ms))

    def late(self) -> None:
        self._tell_some(list(self.sensors.late(time.monotonic(), self._intake.now_ms)))

    def counters(self) -> dict[str, int]:
        folder = self._intake.folder
        return {
            "stored": self._intake.stored, "heard": folder.heard, "told": folder.told, "shed": folder.shed,
            "limited": len(folder.limited()), "refused": sum(self.refused.values()) + self._intake.refused,
            "readings": self.sensors.readings, "strange": self.sensors.strange, "bad": sum(self.sensors.bad.values()),
        }  # fmt: skip

    async def tell(self, made: list[Alarm]) -> None:
        waits = [wait for wait in map(self._intake.tell, made) if wait is not None]
        if waits:
            await asyncio.gather(*waits)

    def _tell_some(self, made: list[Alarm]) -> None:
        for alarm in made:
            try:
                done = self._intake.tell(alarm)
            except Problem as problem:
                self.refused[alarm.source] += 1
                log.warning("alarm.not_told", source=alarm.source, problem=problem.en)
                continue
            if done is not None:
                done.add_done_callback(_look)

    def meant(self, info: Info) -> tuple[str, ...]:
        return tuple(sorted({code for area in info.areas for code in self._of_area(area)}))

    def _of_area(self, area: Area) -> tuple[str, ...]:
        shapes = [gazetteer.polygon(points) for points in area.polygons]
        shapes += [gazetteer.circle(each.lat, each.lon, each.radius_km * 1_000) for each in area.circles]
        drawn = self._places.meets(gazetteer.united(shapes)) if shapes else ()
        return (*drawn, *self._places.coded(value for name, value in area.geocodes if name in GEOCODES))


def _look(done: asyncio.Future[None]) -> None:
    """What could not be stored was logged where that was found."""
    if not done.cancelled():
        done.exception()
