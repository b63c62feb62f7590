"""Pieces between a process and its children (`child.py`): a length, a letter, and as many bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from fusioncmd.errors import BadMessage
from fusioncmd.video.bounds import BUNDLE_BYTES_MAX
from gateways.satellite.video_words import FRAME_BYTES_MAX

DO, PACKETS, MADE, KEY = b"D", b"P", b"M", b"K"
HEAD = struct.Struct(">Ic")
PIECE_BYTES_MAX = max(BUNDLE_BYTES_MAX, FRAME_BYTES_MAX + 64)


def piece(kind: bytes, data: bytes = b"") -> bytes:
    return HEAD.pack(len(data), kind) + data


def pieces(given: BinaryIO, most: int = PIECE_BYTES_MAX) -> Iterator[tuple[bytes, bytes]]:
    """Until it ends, also within one. Raises BadMessage for one that is too long."""
    while len(head := given.read(HEAD.size)) == HEAD.size:
        size, kind = HEAD.unpack(head)
        if size > most:
            raise BadMessage("Not a piece of video.", "不是视频数据块。")
        data = given.read(size)
        if len(data) < size:
            return
        yield kind, data
