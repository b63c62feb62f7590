"""One source as the recorder keeps it: its packets become segments on the disk, and rows of the index.

Blocking: all of it runs beside the loop, in one thread.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import structlog

from fusioncmd.errors import BadMessage
from fusioncmd.video import h264, rtcp, vp8
from fusioncmd.video.bundle import is_rtcp, unpack
from fusioncmd.video.keeping import Act, Begin, End, Gone, Keeping, Put
from fusioncmd.video.kept import Began, Cause, Ended, Missing, Segment, id_of
from fusioncmd.video.mp4 import Writer
from fusioncmd.video.packet import read
from fusioncmd.video.source import Source, Track
from fusioncmd.video.units import Depacketiser, Unit
from fusioncmd.video.wall import Wall
from tiers.kept_store import KeptStore

log = structlog.get_logger("keep")


class KeptSource:
    """To be kept since `since_ms`; `cause`: why nothing was from then until `now_ms`. `origin` is the node's code."""

    def __init__(
        self, store: KeptStore, origin: str, node: str, name: str, since_ms: int, now_ms: float, cause: Cause = "silent"
    ) -> None:
        self._store, self._origin, self.node, self.name = store, origin, node, name
        self._keeping, self._wall = Keeping(min(since_ms, round(now_ms)), cause), Wall()
        self._source: Source | None = None
        self._tracks: dict[int, tuple[Track, Depacketiser]] = {}
        self._writer: Writer | None = None
        self._segment: Segment | None = None
        self._size = (0, 0)
        self._parameters: object = None
        self.bad = 0  # messages that were none
        if cause == "silent":
            self._row(Began(node, name, self._keeping.done_ms))
        self._do(self._keeping.resumed(now_ms))

    @property
    def wants_key(self) -> bool:
        return self._keeping.wants_key

    @property
    def done_ms(self) -> int:
        return self._keeping.done_ms

    def is_now(self, source: Source) -> None:
        """What it says that it is. One that begins anew has other tracks."""
        self._source = source
        wanted = {track.ssrc: track for track in source.tracks}
        if wanted.keys() != self._tracks.keys():
            self._wall.forget()
            self._keeping.begun_anew()
            self._tracks = {ssrc: (track, Depacketiser(track.codec)) for ssrc, track in wanted.items()}
            self._parameters = None

    def hear(self, bundle: bytes, now_ms: float) -> None:
        try:
            packets = unpack(bundle)
        except BadMessage:
            self.bad += 1
            return
        for data in packets:
            try:
                if is_rtcp(data):
                    self._report(data, now_ms)
                else:
                    self._packet(data, now_ms)
            except BadMessage:
                self.bad += 1

    def tick(self, now_ms: float) -> None:
        for track, units in self._tracks.values():
            for unit in units.tick(now_ms):
                self._unit(track, unit, now_ms)
        self._do(self._keeping.tick(now_ms))

    def shed(self, now_ms: float) -> None:
        self._do(self._keeping.shed(now_ms))

    def end(self, now_ms: float, over: bool) -> None:
        """`over`: it is not to be kept any more; else the recorder ends, and goes on when it is started again."""
        for track, units in self._tracks.values():
            for unit in units.flush():
                self._unit(track, unit, now_ms)
        self._do(self._keeping.end(now_ms))
        if over:
            self._row(Ended(self.node, self.name, self._keeping.done_ms))

    def _report(self, data: bytes, now_ms: float) -> None:
        for part in rtcp.parse(data):
            if isinstance(part, rtcp.SenderReport) and part.ssrc in self._tracks:
                self._wall.report(part.ssrc, part.timestamp, rtcp.to_ms(part.ntp), now_ms)

    def _packet(self, data: bytes, now_ms: float) -> None:
        found = self._tracks.get(read(data).ssrc)
        if found is not None:
            for unit in found[1].put(data, now_ms):
                self._unit(found[0], unit, now_ms)

    def _unit(self, track: Track, unit: Unit, now_ms: float) -> None:
        at_ms = self._wall.at(track.ssrc, track.rate, unit.timestamp, unit.at_ms or now_ms)
        if track.codec == "opus":
            self._do(self._keeping.sound(at_ms, unit.data, unit.lost))
            return
        if unit.keyframe:
            self._look(track.codec, unit.data)
        shape = (track.codec, self._parameters)
        self._do(self._keeping.picture(at_ms, unit.keyframe, unit.data, unit.lost, shape, now_ms))

    def _look(self, codec: str, data: bytes) -> None:
        """How large its pictures are from here on, and by which parameter sets."""
        if codec == "VP8":
            self._size = self._parameters = vp8.size(b"\x10" + data, 0, len(data) + 1) or self._size
            return
        sets = [unit for unit in data.split(h264.START) if unit and unit[0] & 0x1F in (h264.SPS, h264.PPS)]
        try:
            sizes = [h264.shape(unit)[:2] for unit in sets if unit[0] & 0x1F == h264.SPS]
        except BadMessage:  # whatever a source sends, the others are kept
            self.bad += 1
            return
        self._parameters, self._size = tuple(sets), sizes[-1] if sizes else self._size

    def _do(self, acts: list[Act]) -> None:
        for act in acts:
            match act:
                case Gone(begin_ms, end_ms, cause):
                    self._row(Missing(self.node, self.name, begin_ms, end_ms, cause))
                case Begin(at_ms, key):
                    self._begin(at_ms, key)
                case Put(picture, at_ms, key, data):
                    self._put(picture, at_ms, key, data)
                case End(at_ms, lost):
                    self._close(at_ms, lost)

    def _begin(self, at_ms: int, key: bool) -> None:
        assert self._source is not None
        codec: Literal["H264", "VP8"] = "VP8"
        if any(track.codec == "H264" for track, _ in self._tracks.values()):
            codec = "H264"
        sound = any(track.codec == "opus" for track, _ in self._tracks.values())
        begin_ms = at_ms
        try:
            file = self._store.place(ident := id_of(begin_ms, self.node, self.name, self._origin), codec)
            while file.exists():  # a clock that was set back makes a moment twice
                begin_ms += 1
                file = self._store.place(ident := id_of(begin_ms, self.node, self.name, self._origin), codec)
            self._segment = Segment(
                ident, self.node, self.name, self._source.title, self._source.kind, codec, sound, begin_ms, begin_ms,
                key, 0, "0" * 64, 0, self._wall.off_ms, self._origin,
            )  # fmt: skip
            label = msgspec.json.encode(self._segment).decode()
            self._writer = Writer(file, codec, self._size, sound, label)
        except OSError as error:
            self._fails(error, at_ms)

    def _put(self, picture: bool, at_ms: float, key: bool, data: bytes) -> None:
        if self._writer is None or self._segment is None:
            return
        try:
            self._writer.put(picture, at_ms - self._segment.begin_ms, key, data)
        except OSError as error:
            self._fails(error, self._segment.begin_ms)

    def _close(self, at_ms: int, lost: int) -> None:
        if self._writer is None or self._segment is None:
            return
        (writer, self._writer), (one, self._segment) = (self._writer, None), (self._segment, None)
        try:
            size, digest = writer.close()
            end_ms = max(at_ms, one.begin_ms + 1)
            self._store.append(msgspec.structs.replace(one, end_ms=end_ms, bytes=size, sha256=digest, lost=lost))
        except OSError as error:
            self._fails(error, one.begin_ms)

    def _fails(self, error: OSError, at_ms: int) -> None:
        """What is on disk of it is found at the next start; until then it is missing, for want of room."""
        log.error("keep.not_written", source=f"{self.node}.{self.name}", problem=str(error))
        if self._writer is not None:
            self._writer.give_up()
        self._writer = self._segment = None
        self._store.full = True
        self._keeping.failed(at_ms, "room")

    def _row(self, row: Missing | Began | Ended) -> None:
        try:
            self._store.append(row)
        except OSError as error:
            log.error("keep.not_written", source=f"{self.node}.{self.name}", problem=str(error))
            self._keeping.failed(row.begin_ms if isinstance(row, Missing) else row.at_ms, "room")
