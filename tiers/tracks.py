"""What a node answers of positions: where units of its own place and below are, also after a restart.

It hears `fc.track.…` on the account that passes between tiers, and phones on its own (`fc.phones.…`): those it gives a
name and a place, and says them on as units. The last of each unit is kept in one file, written with the snapshots.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Any

import msgspec
import structlog
from msgspec import structs

from fusioncmd.access import Actor, check_places
from fusioncmd.api import tracks as asked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.bus.saying import Saying
from fusioncmd.codes import Path, parse
from fusioncmd.errors import BadInput, BadMessage, NotFound
from fusioncmd.track import counts, phones
from fusioncmd.track.known import Known, Units
from fusioncmd.track.position import Track, all_below, degrees, encode, metres, place, subject_of
from tiers.desk import Desk
from tiers.problems import Said
from tiers.serving import Answer

log = structlog.get_logger("tracks")
FILE = "tracks"
REFUSED_TOLD_MS = 600_000  # health speaks for so long of a position that was refused


class TrackDesk:
    """`clock` gives seconds since 1970. `bus` leads to the account of links; None where this tier has none: then the
    node's own bus is all there is."""

    def __init__(self, own: Bus, desk: Desk, data: FilePath, recorder: Recorder, clock: Callable[[], float]) -> None:
        self._own, self._desk, self._node = own, desk, desk.node
        self._file, self._recorder, self._clock = data / FILE, recorder, clock
        self.bus: Bus | None = None
        self._saying: Saying | None = None
        self.units = Units(int(clock() * 1_000))
        self._refused_ms, self._written = 0, 0
        self._counts, self._counted_ms = counts.Counts(), 0
        self._read()

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.Tracks: self.tracks, asked.PutTrack: self.put, asked.EndTrack: self.end}

    async def start(self) -> None:
        if self.bus is not None:
            self._saying = Saying(self.bus)
        await (self.bus or self._own).hear(all_below(self._node), self._hear)
        await (self.bus or self._own).hear(counts.subject(self._node), self._hear_counts)
        await self._own.hear(phones.PHONES_ALL, self._hear_phones)

    async def run(self) -> None:
        """Until cancelled; at once where there is nobody to say it to."""
        if self._saying is not None:
            await self._saying.run()

    async def tend(self) -> None:
        """Now and then: the file, where something changed."""
        self.units.forget_silent(self._now_ms)
        if self._written != self.units.edition:
            self._write()

    def problems(self) -> Iterator[Said]:
        if self.units.refused and self._now_ms - self._refused_ms < REFUSED_TOLD_MS:
            en, zh = self.units.why
            count = self.units.refused
            yield f"{count} positions were refused; the last: {en}", f"已拒收 {count} 条位置，最近一条：{zh}"

        said = self._counts
        if self._now_ms - self._counted_ms >= REFUSED_TOLD_MS:
            return
        for count, en, zh in (
            (said.strangers, "positions came from a network that may not", "条位置来自未允许的网段"),
            (said.unread, "messages about positions were no MAVLink or CoT", "条位置报文不是 MAVLink 或 CoT"),
            (said.flooded, "positions came faster than their sender may", "条位置超出发送方速率上限"),
            (said.full, "TAK clients were turned away: too many, or unread", "个 TAK 客户端因已满或不读取被断开"),
            (said.refused, f"positions were refused as they came in; the last: {said.why_en}",
             f"条位置在接入时被拒收，最近一条：{said.why_zh}"),
        ):  # fmt: skip
            if count:
                yield f"{count} {en}", f"{count} {zh}"

    async def tracks(self, question: asked.Tracks, who: Actor) -> asked.TracksReply:
        now_ms, at = self._now_ms, self._desk.place(question.node, who)
        gone = self.units.gone_since(question.since)
        edition = self.units.edition
        known = self.units.within(at.code, now_ms) if gone is None else self.units.new_within(at.code, question.since)
        new = [one for one in known if _is_meant(one, question, now_ms)]
        page = [one for one in new if one.track.address > question.after][: question.limit]
        more = bool(page) and page[-1] is not new[-1]
        return asked.TracksReply(
            now_ms, edition, gone is None, tuple(_line(one, question.trails) for one in page), len(new),
            tuple(one for one in gone or () if one.startswith(at.dotted)), page[-1].track.address if more else None,
        )  # fmt: skip

    async def put(self, question: asked.PutTrack, who: Actor) -> asked.TrackLine:
        """In the audit before it is shown."""
        path = Path(question.node) if question.node else who.path if self._node.covers(who.path) else self._node
        if not self._node.covers(path) or path not in self._desk.roster.divisions:
            raise NotFound(f"There is no place {path} here.", f"本级及下级没有代码为 {path} 的地点。")
        check_places(who, (path.code,))
        said = Track(
            path.code, question.unit, question.kind, question.title or question.unit,
            *degrees(question.lat, question.lon), self._now_ms, "manual", question.altitude_m,
            course_deg=question.course_deg, battery=question.battery, link=question.link,
        )  # fmt: skip
        await self._recorder.record(self._entry(who.name, said, f"put at {question.lat:.5f}, {question.lon:.5f}"))
        track = self.units.put(said, self._now_ms)
        self._say(track)
        known = self.units.find(track.address)
        assert known is not None
        return _line(known, False)

    async def end(self, question: asked.EndTrack, who: Actor) -> asked.TrackEnded:
        code, _, unit = question.address.rpartition(".")
        path = parse(code)
        check_places(who, (path.code,))
        known = self.units.find(f"{path.dotted}.{unit}")
        if known is None:
            raise NotFound(f"There is no unit {question.address}.", f"没有单位 {question.address}。")
        await self._recorder.record(self._entry(who.name, known.track, "ended"))
        at_ms = max(self._now_ms, known.track.at_ms)
        track = self.units.put(structs.replace(known.track, at_ms=at_ms, source="manual", over=True), self._now_ms)
        self._say(track)
        return asked.TrackEnded(track.address)

    def came(self, track: Track) -> None:
        """By the last line, without its title. `BadInput` with why it is not believed."""
        known = self.units.find(track.address)
        named = track if known is None else structs.replace(track, title=known.track.title)
        self._say(self.units.put(named, self._now_ms, came_in=False))

    def _say(self, track: Track) -> None:
        """To nodes above and to gateways; where nobody is to be reached, they hear of the next."""
        if self._saying is not None:
            self._saying.say(subject_of(parse(track.node), track.unit), encode(track))

    def _hear(self, subject: str, data: bytes) -> None:
        before = self.units.refused
        self.units.take(subject, data, self._now_ms)
        if self.units.refused != before:
            self._refuse(subject)

    def _hear_counts(self, subject: str, data: bytes) -> None:
        try:
            self._counts, self._counted_ms = counts.decode(data), self._now_ms
        except BadMessage as problem:
            log.error("node.bad_message", subject=subject, problem=problem.en)

    def _refuse(self, subject: str) -> None:
        if self._now_ms - self._refused_ms > REFUSED_TOLD_MS:  # the first for long; health has the rest
            log.warning("tracks.refused", subject=subject, problem=self.units.why[0])
        self._refused_ms = self._now_ms

    def _hear_phones(self, subject: str, data: bytes) -> None:
        try:
            said = phones.decode(data)
        except BadMessage as problem:
            self.units.refuse(problem)
            self._refuse(subject)
            return
        for one in said.positions:
            try:
                person = self._desk.roster.person(one.number)
                track = self.units.put(
                    Track(
                        person.place, phones.unit_of(one.number), "person", person.name[:64], one.lat_e7, one.lon_e7,
                        one.at_ms, "phone", accuracy_m=one.accuracy_m, battery=one.battery, over=one.over,
                    ),
                    self._now_ms,
                )  # fmt: skip
            except (BadInput, NotFound) as problem:
                self.units.refuse(problem)
                self._refuse(subject)
                continue
            self._say(track)

    def _read(self) -> None:
        try:
            kept = msgspec.msgpack.decode(self._file.read_bytes(), type=list[tuple[Track, int]])
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.error("tracks.unreadable", file=str(self._file), error=repr(error))
            return
        for track, heard_ms in kept:
            self.units.keep(track, heard_ms)
        self._written = self.units.edition

    def _write(self) -> None:
        partial = self._file.with_suffix(".partial")
        edition = self.units.edition
        try:
            with partial.open("wb") as opened:
                opened.write(msgspec.msgpack.encode(self.units.tracks()))
                opened.flush()
                os.fsync(opened.fileno())
            partial.replace(self._file)
        except OSError as error:  # they are heard of again
            log.error("tracks.not_kept", file=str(self._file), error=repr(error))
            return
        self._written = edition

    def _entry(self, actor: str, track: Track, what: str) -> Entry:
        return Entry(self._now_ms, actor, "track", track.address, details={"what": what})

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1_000)


def _is_meant(one: Known, question: asked.Tracks, now_ms: int) -> bool:
    track = one.track
    return (
        (not question.kinds or track.kind in question.kinds)
        and (not question.age_s or now_ms - one.heard_ms <= question.age_s * 1_000)
        and (question.near is None or metres(place(track), _e7(*question.near)) <= question.within_m)
    )


def _e7(lat: float, lon: float) -> tuple[int, int]:
    return round(lat * 1e7), round(lon * 1e7)


def _line(one: Known, trail: bool) -> asked.TrackLine:
    track = one.track
    return asked.TrackLine(
        track.address, track.node, track.unit, track.kind, track.title, track.lat_e7 / 1e7, track.lon_e7 / 1e7,
        track.at_ms, one.heard_ms, track.source, track.altitude_m, track.accuracy_m,
        None if track.speed_dm_s is None else track.speed_dm_s / 10, track.course_deg, track.battery, track.link,
        track.quality, track.mark, tuple((lat / 1e7, lon / 1e7, ms) for lat, lon, ms in one.trail) if trail else (),
    )  # fmt: skip
