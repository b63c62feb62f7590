"""Recordings of real pictures, as a recorder makes them in simulated time."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.video import rtcp
from fusioncmd.video.bundle import pack
from fusioncmd.video.kept import Segment
from fusioncmd.video.source import Source, Track
from tests.video_frames import encoded
from tiers.keeper import Heard, Keeper
from tiers.kept_store import KeptStore, folder_of
from tiers.kept_wanted import Wanted, write

T0 = 1_795_000_000_000
KEY = ("440106001", "cam1")
FRAME_MS = 34


def recorder(
    data: Path, now_ms: float, chosen: tuple[str, ...] = ("440106001",), origin: str = "4401"
) -> tuple[KeptStore, Keeper]:
    write(folder_of(data), Wanted(chosen=chosen))
    store = KeptStore(data, folder_of(data), lambda: now_ms / 1_000)
    return store, Keeper(store, folder_of(data), origin, now_ms)


def bundles(codec: str, from_ms: int, frames: list[list[bytes]], ssrc: int = 9) -> list[list[bytes]]:
    """Of each frame; a sender report with the first."""
    made = []
    for i, frame in enumerate(frames):
        packets = [packet[:8] + ssrc.to_bytes(4, "big") + packet[12:] for packet in frame]
        if i == 0:
            stamp = int.from_bytes(packets[0][4:8], "big")
            packets.insert(0, rtcp.build([rtcp.SenderReport(ssrc, rtcp.to_ntp(from_ms), stamp, 0, 0)]))
        made.append(pack(packets))
    return made


def what(codec: str, ssrc: int = 9, key: tuple[str, str] = KEY) -> Source:
    return Source(*key, "门口", "camera", "g", 1, (Track(codec, ssrc),))  # type: ignore[arg-type]


def play(keeper: Keeper, codec: str, from_ms: int, frames: list[list[bytes]], key: tuple[str, str] = KEY) -> int:
    """Frames as they come; returns when they end."""
    said = what(codec, key=key)
    keeper.work([said], [], 0, from_ms)
    for i, each in enumerate(bundles(codec, from_ms, frames)):
        at_ms = from_ms + i * FRAME_MS
        keeper.work([said], [Heard(key, data, at_ms) for data in each], 0, at_ms)
    return from_ms + len(frames) * FRAME_MS


def record(
    data: Path, times: tuple[int, ...] = (0,), key: tuple[str, str] = KEY, origin: str = "4401"
) -> tuple[KeptStore, list[Segment]]:
    """A segment of 0.8 s at each of these times (ms after T0), by a recorder that ended."""
    for ms in times:
        store, keeper = recorder(data, T0 + ms, (key[0],), origin)
        keeper.end(play(keeper, "H264", T0 + ms, encoded("H264"), key))
    found = [row for hour in store.hours() for row in store.rows(hour) if isinstance(row, Segment)]
    return store, found
