"""VP8 in RTP (RFC 7741): what a packet begins with, how large the picture is, and its frames. Pure."""

from __future__ import annotations

from collections.abc import Sequence

_EXTENDED, _START, _PARTITION = 0x80, 0x10, 0x07
_PICTURE, _LAYER, _TEMPORAL, _KEY = 0x80, 0x40, 0x20, 0x10
_CODE = b"\x9d\x01\x2a"  # of a keyframe (RFC 6386, 9.1)


def begins_frame(data: bytes, begin: int, end: int) -> bool:
    return begin < end and data[begin] & (_START | _PARTITION) == _START


def begins_keyframe(data: bytes, begin: int, end: int) -> bool:
    """Whether the payload `data[begin:end]` begins a picture that one can begin with."""
    if not begins_frame(data, begin, end):
        return False
    at = _described(data, begin, end)
    return at < end and not data[at] & 1


def size(data: bytes, begin: int, end: int) -> tuple[int, int] | None:
    """Width and height, of the beginning of a keyframe."""
    at = _described(data, begin, end)
    if not begins_keyframe(data, begin, end) or end - at < 10 or data[at + 3 : at + 6] != _CODE:
        return None
    return (data[at + 6] | data[at + 7] << 8) & 0x3FFF, (data[at + 8] | data[at + 9] << 8) & 0x3FFF


def frame(payloads: Sequence[bytes]) -> tuple[bytes, bool] | None:
    """One frame, from its payloads in their order, and whether one can begin with it; None where its beginning or a
    part is missing, as far as that can be told from within."""
    if not payloads or not begins_frame(payloads[0], 0, len(payloads[0])):
        return None
    parts: list[bytes] = []
    for i, payload in enumerate(payloads):
        at = _described(payload, 0, len(payload))
        if at >= len(payload) or (i > 0 and begins_frame(payload, 0, len(payload))):
            return None
        parts.append(payload[at:])
    whole = b"".join(parts)
    return whole, not whole[0] & 1


def _described(data: bytes, begin: int, end: int) -> int:
    """Where the payload descriptor (4.2) ends; `end` where it has no end."""
    at = begin + 1
    if at <= end and data[begin] & _EXTENDED:
        if at >= end:
            return end
        has = data[at]
        at += 1
        if has & _PICTURE:
            at += 2 if at < end and data[at] & 0x80 else 1
        at += bool(has & _LAYER) + bool(has & (_TEMPORAL | _KEY))
    return min(at, end)
