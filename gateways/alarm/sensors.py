"""What sensors report by MQTT: readings against the limits that the operator gave, alarms where one is crossed. Pure.

A sensor publishes on `sensor/<name>/<series>`: a number as text, or JSON with `value` and, if it likes, `ms` (since
1970). Anything else is counted against the sensor and told once in a while; it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from fusioncmd.alarm.alarm import Alarm, Evidence
from fusioncmd.alarm.series import Crossing, Watch
from fusioncmd.errors import BadMessage
from gateways.alarm.sources import SensorSource

PAYLOAD_BYTES_MAX = 512  # reject
LATE_CHECKED_PER_CALL = 2_000


class _Said(Struct):
    value: float
    ms: int | None = None


_decoder = msgspec.json.Decoder(_Said)
WORDS = {
    "above": ("above its limit", "超过上限"), "below": ("below its limit", "低于下限"),
    "rising": ("rising too fast", "上升过快"), "falling": ("falling too fast", "下降过快"),
    "silent": ("silent", "无数据"), "invalid": ("no valid reading", "读数无效"),
}  # fmt: skip


def reading(payload: bytes) -> float:
    """BadMessage for what is no reading."""
    if len(payload) <= PAYLOAD_BYTES_MAX:
        try:
            return _decoder.decode(payload).value if payload[:1] == b"{" else float(payload)
        except (ValueError, msgspec.MsgspecError, UnicodeDecodeError):
            pass
    raise BadMessage("Not a reading: a number, or JSON with a value.", "不是有效读数：须为数值或含 value 的 JSON。")


class Sensors:
    """`at`: the place at a point; `make_id`: of the time in ms; `serves`: the tier's own place. Times are seconds of a
    clock that nobody sets, but `now_ms`."""

    def __init__(
        self, sources: tuple[SensorSource, ...], now_s: float, make_id: Callable[[int], bytes],
        at: Callable[[float, float], str], serves: str = "",
    ) -> None:  # fmt: skip
        self._make_id = make_id
        known = {each.name: each.at or (at(*each.where) if each.where else "") for each in sources}
        self._nodes = {each.name: known[each.name] or (serves if each.place else "") for each in sources}
        self._only_place = {name for name, node in known.items() if not node}
        self._sources = {each.name: each for each in sources}
        self._watches = {
            (each.name, name): Watch(series, now_s) for each in sources for name, series in each.series.items()
        }
        self._turn = 0
        self.readings = self.strange = 0
        self.bad: dict[str, int] = {}

    def lost(self) -> list[str]:
        """Sensors that are in no place of this tier: what they say is not told."""
        return sorted(name for name, node in self._nodes.items() if not node)

    def hear(self, name: str, series: str, payload: bytes, now_s: float, now_ms: int) -> list[Alarm]:
        watch = self._watches.get((name, series))
        if watch is None:
            self.strange += 1
            return []
        self.readings += 1
        try:
            value = reading(payload)
        except BadMessage:
            self.bad[name] = self.bad.get(name, 0) + 1
            value = float("nan")
        return [self._alarm(name, series, each, now_ms) for each in watch.read(value, now_s) if self._nodes[name]]

    def late(self, now_s: float, now_ms: int) -> Iterator[Alarm]:
        """Asked each second; looks at some of all each time, so that none waits long."""
        keys = list(self._watches)
        count = min(LATE_CHECKED_PER_CALL, len(keys))
        for i in range(self._turn, self._turn + count):
            name, series = keys[i % len(keys)]
            crossing = self._watches[name, series].late(now_s)
            if crossing is not None and self._nodes[name]:
                yield self._alarm(name, series, crossing, now_ms)
        self._turn = (self._turn + count) % max(1, len(keys))

    def _alarm(self, name: str, series: str, crossing: Crossing, now_ms: int) -> Alarm:
        source, watched = self._sources[name], self._watches[name, series].series
        over = crossing.severity is None
        en, zh = WORDS[crossing.what]
        value = f"{crossing.value:g} {watched.unit}".strip() if crossing.value == crossing.value else ""
        title = source.title or name
        silent = crossing.what in ("silent", "invalid")
        return Alarm(
            id=self._make_id(now_ms), source=f"mqtt.{name}", about=f"{series}.silent" if silent else series,
            state="over" if over else "new", event=f"{watched.event}-silent"[:32] if silent else watched.event,
            status=source.status, severity=crossing.severity or "unknown", certainty="observed", urgency="immediate",
            since_ms=now_ms, said_ms=now_ms, nodes=(self._nodes[name],),
            headline=" ".join(filter(None, (title, series, value, zh, "/", en)))[:256],
            where=source.where, place=source.place,
            evidence=(Evidence("reading", f"{title} {series} {value}".strip()),), only_place=name in self._only_place,
        )  # fmt: skip
