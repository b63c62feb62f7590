"""Pictures of H.264 into RTP of a source on the bus (RFC 6184, mode 1): small units together, large in parts. Pure."""

from __future__ import annotations

from fusioncmd.video import h264
from fusioncmd.video.packet import build
from fusioncmd.video.source import VIDEO_TYPE

PAYLOAD_BYTES_MAX = 1_180  # of one packet
_END, _START = 0x40, 0x80  # flags of a part (RFC 6184, 5.8)


class RtpMaker:
    """Of one SSRC, from its first packet on."""

    def __init__(self, ssrc: int) -> None:
        self.ssrc = ssrc
        self._sequence = 0

    def packets(self, picture: bytes, timestamp: int) -> list[bytes]:
        """Of one picture in Annex B. None where there is nothing in it."""
        units = units_of(picture)
        sets = [unit for unit in units if unit[0] & 0x1F in (h264.SPS, h264.PPS)]
        payloads: list[bytes] = []
        if sets and sum(map(len, sets)) + 2 * len(sets) < PAYLOAD_BYTES_MAX:
            payloads.append(h264.staple(sets) if len(sets) > 1 else sets[0])
            units = [unit for unit in units if unit[0] & 0x1F not in (h264.SPS, h264.PPS)]
        for unit in units:
            payloads += _parts(unit)
        made = []
        for i, payload in enumerate(payloads):
            last = i + 1 == len(payloads)
            made.append(build(VIDEO_TYPE, self._sequence, timestamp & 0xFFFF_FFFF, self.ssrc, payload, last))
            self._sequence = (self._sequence + 1) & 0xFFFF
        return made


def units_of(picture: bytes) -> list[bytes]:
    """The NAL units of a picture in Annex B, with start codes of three bytes or four."""
    parts = picture.replace(h264.START, h264.START[1:]).split(h264.START[1:])
    return [part for part in parts if part]


def _parts(unit: bytes) -> list[bytes]:
    if len(unit) <= PAYLOAD_BYTES_MAX:
        return [unit]
    first, kind = bytes((unit[0] & 0xE0 | h264.FU_A,)), unit[0] & 0x1F
    pieces = [unit[at : at + PAYLOAD_BYTES_MAX - 2] for at in range(1, len(unit), PAYLOAD_BYTES_MAX - 2)]
    flags = [0] * len(pieces)
    flags[0] |= _START
    flags[-1] |= _END
    return [first + bytes((flag | kind,)) + piece for flag, piece in zip(flags, pieces, strict=True)]
