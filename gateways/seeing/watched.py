"""One source that is watched: its keyframes out of the packets on the bus, no oftener than they are looked at. Pure."""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.video.bundle import is_rtcp, unpack
from fusioncmd.video.packet import read
from fusioncmd.video.source import Source, Track
from fusioncmd.video.units import Depacketiser
from gateways.seeing.bounds import EVERY_S
from gateways.seeing.words import KEYFRAME_BYTES_MAX


class Watched:
    def __init__(self, source: Source) -> None:
        self.source = source
        self._track: Track | None = None
        self._units: Depacketiser | None = None
        self._looked_s = -1e9
        self.bad = self.shed = 0  # messages; keyframes too large
        self.take(source)

    @property
    def codec(self) -> str:
        return "" if self._track is None else self._track.codec

    def take(self, source: Source) -> None:
        """What it says that it is; packets of another SSRC begin anew."""
        self.source = source
        track = next((each for each in source.tracks if each.codec in ("H264", "VP8")), None)
        if track is None or self._track is None or track.ssrc != self._track.ssrc:
            self._units = None if track is None else Depacketiser(track.codec)
        self._track = track

    def packets(self, bundle: bytes, now_s: float) -> bytes | None:
        """A keyframe that is to be looked at."""
        found: bytes | None = None
        if self._units is None or self._track is None:
            return None
        try:
            for data in unpack(bundle):
                if is_rtcp(data) or read(data).ssrc != self._track.ssrc:
                    continue
                for unit in self._units.put(data, now_s * 1_000):
                    if unit.keyframe and now_s - self._looked_s >= EVERY_S:
                        self._looked_s, found = now_s, unit.data
        except BadMessage:
            self.bad += 1
        if found is not None and len(found) > KEYFRAME_BYTES_MAX:
            self.shed += 1
            return None
        return found


def is_watched(address: str, source: Source, chosen: frozenset[str]) -> bool:
    """Those that were chosen; of none, all cameras. A source over a thin link is watched at its own end."""
    if source.over or source.thin or not source.tracks:
        return False
    return address in chosen if chosen else source.kind == "camera"
