"""What is in a segment's file, as a player reads it."""

from __future__ import annotations

import io
from collections.abc import Iterator

import av

from loadtest.kept_world import number_of


def pictures(data: bytes) -> Iterator[tuple[int, float]]:
    """Each picture's number, and when it is shown (ms of the file)."""
    with av.open(io.BytesIO(data), "r") as container:
        for packet in container.demux(video=0):
            if packet.size and packet.pts is not None:
                assert packet.time_base is not None
                yield number_of(bytes(packet)), float(packet.pts * packet.time_base * 1_000)
