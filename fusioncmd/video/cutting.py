"""One file of several segments, by PyAV: from a moment to a moment, packets as they came.

MP4 begins with the keyframe before, and an edit list says from where on it is shown (ISO/IEC 14496-12, 8.6.6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import OutputContainer

from fusioncmd.errors import BadInput
from fusioncmd.video.keeping_bounds import PICTURE_MS_MAX
from fusioncmd.video.kept import FORM
from fusioncmd.video.mp4 import PICTURE, SOUND, Kept, packets

_MS = Fraction(1, 1_000)
_CUT = {"mp4": {"movflags": "faststart", "avoid_negative_ts": "disabled"}, "webm": {}}


class Part(NamedTuple):
    """A segment's file, and when it begins (ms since 1970)."""

    path: Path
    begin_ms: int


def cut(target: Path, parts: Sequence[Part], codec: str, from_ms: int, until_ms: int, label: str) -> int:
    """One file from the segments, in their order and of one codec: from `from_ms`, shown to the millisecond by an
    edit list though it begins with the keyframe before, until before `until_ms`. Moments of the file are moments of
    the wall clock; what is missing stands still. Returns when it begins: later where nothing was kept, and of VP8, at
    the keyframe before. Raises BadInput where there is nothing to show."""
    form = FORM[codec]
    items = list(_lead_in(parts, from_ms, until_ms))
    if not any(item.picture for item in items):
        raise BadInput("Nothing was kept of that time.", "该时段没有录像。")
    zero_ms = from_ms if form == "mp4" else min(items[0].ms, from_ms)
    with av.open(str(target), "w", format=form, options=_CUT[form]) as out:
        out.metadata["comment"] = label
        streams = [_like(out, parts, kind) for kind in ("video", "audio")]
        last, final = [-(1 << 62)] * 2, max(i for i, item in enumerate(items) if item.picture)
        for i, item in enumerate(items):
            track = 0 if item.picture else 1
            base = _MS if form == "webm" else PICTURE if item.picture else SOUND
            stamp = max(round((item.ms - zero_ms) * (1 / base) / 1_000), last[track] + 1)
            packet = av.Packet(item.data)
            packet.stream, packet.time_base, packet.is_keyframe = streams[track], base, item.key
            packet.pts = packet.dts = last[track] = stamp
            if i == final:
                packet.duration = max(1, round(min(until_ms - item.ms, PICTURE_MS_MAX) * (1 / base) / 1_000))
            out.mux(packet)
    return max(from_ms, round(items[0].ms)) if form == "mp4" else round(zero_ms)


def _like(out: OutputContainer, parts: Sequence[Part], kind: str) -> Any:
    """A track as the first segment has that has one."""
    for part in parts:
        with av.open(str(part.path)) as container:
            for stream in container.streams:
                if stream.type == kind:
                    return out.add_stream_from_template(stream)
    return None


def _lead_in(parts: Sequence[Part], from_ms: int, until_ms: int) -> Iterator[Kept]:
    """Packets with their wall-clock time, from the last keyframe at or before `from_ms` on."""
    held: list[Kept] = []  # until the time comes: since the last keyframe
    begun = False
    for part in parts:
        with av.open(str(part.path)) as container:
            found = [item._replace(ms=item.ms + part.begin_ms) for item in packets(container)]
        for item in sorted(found, key=lambda one: (one.ms, not one.picture)):
            if item.ms >= until_ms:
                continue
            if not begun and item.ms > from_ms and (held or (item.picture and item.key)):
                begun = True
                yield from held
            if begun:
                yield item
            elif item.picture and item.key:
                held = [item]
            elif item.picture and held:
                held.append(item)
    if not begun and held and from_ms - held[-1].ms <= PICTURE_MS_MAX:
        yield from held
