"""H.264 in RTP (RFC 6184, mode 1): what a packet begins with, how large the picture is, and its units. Pure.

A picture that one can begin with has its parameter sets (SPS, PPS) in band, right before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fusioncmd.errors import BadMessage

SLICE, IDR, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9  # types of NAL units (ITU-T H.264, table 7-1)
STAP_A, FU_A = 24, 28  # several units in a packet, a part of one (RFC 6184, 5.2)
START = b"\0\0\0\1"  # before each unit (H.264, annex B)
SIDE_MAX = 16_384  # samples; a picture that says more is refused
_HIGH = (44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244)  # profiles that say how colour is sampled
_SPS_BYTES_MAX = 1_024


class Shape(NamedTuple):
    """`profile` is profile-level-id, six hexadecimal digits (RFC 6184, 8.1)."""

    width: int
    height: int
    profile: str


def begins_keyframe(data: bytes, begin: int, end: int) -> bool:
    """Whether a picture that one can begin with begins in the payload `data[begin:end]`: with its SPS, or, where the
    SPS has a packet of its own, once more with the first slice."""
    if end - begin < 2:
        return False
    kind = data[begin] & 0x1F
    if kind == FU_A:
        return data[begin + 1] & 0x9F == 0x80 | IDR and end - begin > 2 and data[begin + 2] > 127
    if kind == SPS or (kind == IDR and data[begin + 1] > 127):
        return True
    return kind == STAP_A and any(data[at] & 0x1F in (SPS, IDR) for at, _ in _stapled(data, begin, end))


def begins_frame(data: bytes, begin: int, end: int) -> bool:
    """Whether nothing of the same picture comes before (H.264, 7.4.1.2.3; `first_mb_in_slice` is 0 by one bit)."""
    if end - begin < 2:
        return False
    kind = data[begin] & 0x1F
    if kind == FU_A:
        kind, first = data[begin + 1] & 0x1F, begin + 2
        if not data[begin + 1] & 0x80 or first >= end:
            return False
    elif kind == STAP_A:
        stapled = next(_stapled(data, begin, end), None)
        if stapled is None or stapled[1] - stapled[0] < 2:
            return False
        kind, first = data[stapled[0]] & 0x1F, stapled[0] + 1
    else:
        first = begin + 1
    return kind in (SEI, SPS, PPS, DELIMITER) or (kind in (SLICE, IDR) and data[first] > 127)


def parameters(data: bytes, begin: int, end: int) -> list[bytes]:
    """The SPS and PPS in a payload."""
    kind = data[begin] & 0x1F if begin < end else 0
    if kind in (SPS, PPS):
        return [data[begin:end]]
    if kind != STAP_A:
        return []
    return [data[at:to] for at, to in _stapled(data, begin, end) if data[at] & 0x1F in (SPS, PPS)]


def staple(units: Sequence[bytes]) -> bytes:
    """One payload of several small units (RFC 6184, 5.7.1)."""
    importance = max(unit[0] & 0x60 for unit in units)
    return bytes((importance | STAP_A,)) + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


def shape(sps: bytes) -> Shape:
    """What an SPS says, with its header byte (H.264, 7.3.2.1.1). Raises BadMessage."""
    if not 4 < len(sps) <= _SPS_BYTES_MAX or sps[0] & 0x1F != SPS:
        raise _bad()
    bits = _Bits(sps[4:].replace(b"\0\0\3", b"\0\0"))
    profile = sps[1]
    bits.number()
    colour = 1
    if profile in _HIGH:
        colour = bits.number()
        if colour == 3:
            bits.take(1)
        bits.number()
        bits.number()
        bits.take(1)
        if bits.take(1):
            for i in range(8 if colour != 3 else 12):
                if bits.take(1):
                    _pass_over_scaling(bits, 16 if i < 6 else 64)
    bits.number()
    order = bits.number()
    if order == 0:
        bits.number()
    elif order == 1:
        bits.take(1)
        bits.signed()
        bits.signed()
        for _ in range(min(bits.number(), 256)):
            bits.signed()
    bits.number()
    bits.take(1)
    width, height = 16 * (bits.number() + 1), 16 * (bits.number() + 1)
    fields = 2 - bits.take(1)
    if fields == 2:
        bits.take(1)
    bits.take(1)
    height *= fields
    if bits.take(1):
        left, right, top, bottom = (bits.number() for _ in range(4))
        width -= (left + right) * (2 if colour in (1, 2) else 1)
        height -= (top + bottom) * fields * (2 if colour == 1 else 1)
    if not (0 < width <= SIDE_MAX and 0 < height <= SIDE_MAX):
        raise _bad()
    return Shape(width, height, sps[1:4].hex())


def units(payloads: Sequence[bytes]) -> list[bytes] | None:
    """The NAL units of one picture, from its payloads in their order; None where a part is missing or is none."""
    found: list[bytes] = []
    parts: list[bytes] | None = None
    for payload in payloads:
        kind = payload[0] & 0x1F if payload else 0
        if kind == FU_A and len(payload) > 2:
            flags = payload[1]
            if flags & 0x80:
                if parts is not None:
                    return None
                parts = [bytes((payload[0] & 0xE0 | flags & 0x1F,))]
            elif parts is None:
                return None
            parts.append(payload[2:])
            if flags & 0x40:
                found.append(b"".join(parts))
                parts = None
            continue
        if parts is not None:
            return None
        if kind == STAP_A:
            stapled = [payload[at:to] for at, to in _stapled(payload, 0, len(payload))]
            if not stapled:
                return None
            found += stapled
        elif 0 < kind < STAP_A:
            found.append(payload)
        else:
            return None
    return found if parts is None and found else None


def frame(payloads: Sequence[bytes]) -> tuple[bytes, bool] | None:
    """One picture as Annex B, and whether one can begin with it; None as `units`."""
    if (found := units(payloads)) is None:
        return None
    kinds = {unit[0] & 0x1F for unit in found}
    return b"".join(START + unit for unit in found), {SPS, PPS, IDR} <= kinds


def is_h265(payload: bytes) -> bool:
    """Whether it is a parameter set of H.265, alone or several together (RFC 7798, 4.4): nothing that H.264 has."""
    if payload[:1] == b"\x60" and len(payload) > 6:  # an aggregation packet: a length, then a unit
        payload = payload[4:]
    return payload[:2] in (b"\x40\x01", b"\x42\x01", b"\x44\x01")


class _Bits:
    """A raw byte sequence, bit by bit."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "big"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise _bad()
        self._left -= count
        return self._value >> self._left & ((1 << count) - 1)

    def number(self) -> int:
        """ue(v), H.264 clause 9.1."""
        zeros = 0
        while not self.take(1):
            zeros += 1
            if zeros > 32:
                raise _bad()
        return (1 << zeros) - 1 + self.take(zeros)

    def signed(self) -> int:
        number = self.number()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def _pass_over_scaling(bits: _Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.signed()) % 256
        last = following or last


def _stapled(data: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Where the units of a STAP-A begin and end; those that are whole."""
    at = begin + 1
    while at + 3 <= end:
        size = data[at] << 8 | data[at + 1]
        at += 2
        if size == 0 or at + size > end:
            return
        yield at, at + size
        at += size


def _bad() -> BadMessage:
    return BadMessage("Not an H.264 sequence parameter set.", "不是有效的 H.264 序列参数集。")
