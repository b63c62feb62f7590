"""RTCP of pictures, parsed and built: reports, names, ends, and what a receiver asks of a source. Pure.

RFC 3550, 6.4 to 6.6 (SR, RR, SDES, BYE), RFC 4585, 6 (generic NACK, PLI), RFC 5104, 4.3.1 (FIR),
draft-alvestrand-rmcat-remb-03. Other packets are passed over.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fusioncmd.errors import BadMessage
from fusioncmd.voice import rtcp as compounds

SENDER, RECEIVER, DESCRIPTION, BYE, TRANSPORT, PICTURE = 200, 201, 202, 203, 205, 206  # packet types
_NACK, _PLI, _FIR, _APPLICATION = 1, 1, 4, 15  # formats of the last two
_CNAME, _UNIQUE = 1, b"REMB"
NACKED_MAX = 512  # sequence numbers of one packet; the rest is not looked at
_COUNT_MAX = 31  # blocks, SSRCs or chunks of one packet
_EPOCH_MS = 2_208_988_800_000  # 1900, from which NTP counts, before 1970
_SR, _BLOCK, _TWO, _REPAIR, _INTRA = (struct.Struct(form) for form in (">IQIII", ">IIIIII", ">II", ">HH", ">IB3x"))


class Block(NamedTuple):
    """What somebody received of `ssrc`: `fraction` of 256 lost since the last report, `lost` since the beginning, the
    extended highest sequence number, jitter in ticks; `last` is the middle of the NTP time of the last sender report,
    `since` how long ago it came, in 1/65,536 s; both are 0 when there was none."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last: int
    since: int


class SenderReport(NamedTuple):
    ssrc: int
    ntp: int
    timestamp: int  # of the same moment
    packets: int
    octets: int
    blocks: tuple[Block, ...] = ()


class ReceiverReport(NamedTuple):
    ssrc: int
    blocks: tuple[Block, ...] = ()


class Name(NamedTuple):
    ssrc: int
    cname: bytes  # the same for SSRCs that belong together (SDES)


class Bye(NamedTuple):
    ssrcs: tuple[int, ...]


class Nack(NamedTuple):
    sender: int
    media: int
    lost: tuple[int, ...]  # sequence numbers of `media`


class Pli(NamedTuple):
    sender: int
    media: int  # of which a new picture is asked


class Fir(NamedTuple):
    sender: int
    asked: tuple[tuple[int, int], ...]  # SSRCs, and a number that is new for each new request


class Remb(NamedTuple):
    """The most that `sender` can receive of `ssrcs` together."""

    sender: int
    bits_per_s: int
    ssrcs: tuple[int, ...]


Packet = SenderReport | ReceiverReport | Name | Bye | Nack | Pli | Fir | Remb


def to_ntp(at_ms: float) -> int:
    """64 bits of NTP from ms since 1970. Good until 2036, when NTP goes round."""
    return int((at_ms + _EPOCH_MS) * 4_294_967.296) & 0xFFFF_FFFF_FFFF_FFFF


def to_ms(ntp: int) -> float:
    return ntp / 4_294_967.296 - _EPOCH_MS


def middle(ntp: int) -> int:
    """The 32 bits by which blocks name a sender report."""
    return (ntp >> 16) & 0xFFFF_FFFF


def parse(compound: bytes) -> list[Packet]:
    """Raises BadMessage."""
    found: list[Packet] = []
    try:
        for kind, data in compounds.packets(compound):
            if data[0] & 0x20:
                if not 4 <= data[-1] <= len(data) - 4:
                    raise _bad("padding", "填充")
                data = data[: -data[-1]]
            if (read := _READ.get(kind)) is not None:
                found.extend(read(data[0] & 0x1F, data))
    except (struct.error, IndexError):
        raise _bad("length", "长度") from None
    return found


def _sender(count: int, data: bytes) -> list[Packet]:
    ssrc, ntp, timestamp, sent, octets = _SR.unpack_from(data, 4)
    return [SenderReport(ssrc, ntp, timestamp, sent, octets, _blocks(count, data, 28))]


def _receiver(count: int, data: bytes) -> list[Packet]:
    return [ReceiverReport(int.from_bytes(data[4:8], "big"), _blocks(count, data, 8))]


def _blocks(count: int, data: bytes, at: int) -> tuple[Block, ...]:
    if len(data) < at + 24 * count:
        raise _bad("length", "长度")
    found = []
    for i in range(count):
        ssrc, lost, *rest = _BLOCK.unpack_from(data, at + 24 * i)
        found.append(Block(ssrc, lost >> 24, (lost & 0xFF_FFFF ^ 0x80_0000) - 0x80_0000, *rest))
    return tuple(found)


def _names(count: int, data: bytes) -> list[Packet]:
    found: list[Packet] = []
    at = 4
    for _ in range(count):
        ssrc = int.from_bytes(data[at : at + 4], "big")
        at += 4
        while (kind := data[at]) != 0:
            end = at + 2 + data[at + 1]
            if end > len(data):
                raise _bad("length", "长度")
            if kind == _CNAME:
                found.append(Name(ssrc, data[at + 2 : end]))
            at = end
        at += 4 - at % 4
    return found


def _bye(count: int, data: bytes) -> list[Packet]:
    return [Bye(struct.unpack_from(f">{count}I", data, 4))]


def _transport(form: int, data: bytes) -> list[Packet]:
    if form != _NACK:
        return []
    sender, media = _TWO.unpack_from(data, 4)
    lost: list[int] = []
    for at in range(12, len(data) - 3, 4):
        first, mask = _REPAIR.unpack_from(data, at)
        lost.append(first)
        lost.extend((first + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1)
        if len(lost) >= NACKED_MAX:
            break
    return [Nack(sender, media, tuple(lost[:NACKED_MAX]))]


def _picture(form: int, data: bytes) -> list[Packet]:
    sender, media = _TWO.unpack_from(data, 4)
    if form == _PLI:
        return [Pli(sender, media)]
    if form == _FIR:
        entries = [_INTRA.unpack_from(data, at) for at in range(12, len(data) - 7, 8)]
        return [Fir(sender, tuple((ssrc, number) for ssrc, number in entries[:_COUNT_MAX]))]
    if form == _APPLICATION and data[12:16] == _UNIQUE:
        bits = (data[17] & 0x03) << 16 | data[18] << 8 | data[19]
        return [Remb(sender, bits << (data[17] >> 2), struct.unpack_from(f">{min(data[16], _COUNT_MAX)}I", data, 20))]
    return []


_READ = {
    SENDER: _sender, RECEIVER: _receiver, DESCRIPTION: _names, BYE: _bye, TRANSPORT: _transport, PICTURE: _picture,
}  # fmt: skip


def build(packets: Iterable[Packet]) -> bytes:
    """One compound. By RFC 3550, 6.1 it begins with a report; by RFC 5506 it need not."""
    return b"".join(map(_build, packets))


def _build(packet: Packet) -> bytes:
    match packet:
        case SenderReport(ssrc, ntp, timestamp, sent, octets, blocks):
            body = _SR.pack(ssrc, ntp, timestamp, sent & 0xFFFF_FFFF, octets & 0xFFFF_FFFF)
            return _packet(SENDER, len(blocks), body + b"".join(map(_block, blocks)))
        case ReceiverReport(ssrc, blocks):
            return _packet(RECEIVER, len(blocks), ssrc.to_bytes(4, "big") + b"".join(map(_block, blocks)))
        case Name(ssrc, cname):
            item = bytes((_CNAME, len(cname))) + cname
            return _packet(DESCRIPTION, 1, ssrc.to_bytes(4, "big") + item + b"\0" * (4 - len(item) % 4))
        case Bye(ssrcs):
            return _packet(BYE, len(ssrcs), struct.pack(f">{len(ssrcs)}I", *ssrcs))
        case Nack(sender, media, lost):
            return _packet(TRANSPORT, _NACK, _TWO.pack(sender, media) + _repairs(lost))
        case Pli(sender, media):
            return _packet(PICTURE, _PLI, _TWO.pack(sender, media))
        case Fir(sender, asked):
            return _packet(PICTURE, _FIR, _TWO.pack(sender, 0) + b"".join(_INTRA.pack(*one) for one in asked))
        case Remb(sender, bits, ssrcs):
            power = max(0, bits.bit_length() - 18)
            head = (len(ssrcs) << 24 | power << 18 | bits >> power).to_bytes(4, "big")
            rest = struct.pack(f">{len(ssrcs)}I", *ssrcs)
            return _packet(PICTURE, _APPLICATION, _TWO.pack(sender, 0) + _UNIQUE + head + rest)


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0x80 | count, kind, len(body) // 4) + body


def _block(block: Block) -> bytes:
    lost = max(-0x80_0000, min(0x7F_FFFF, block.lost)) & 0xFF_FFFF
    return _BLOCK.pack(
        block.ssrc, block.fraction << 24 | lost, block.highest & 0xFFFF_FFFF, min(block.jitter, 0xFFFF_FFFF),
        block.last, min(block.since, 0xFFFF_FFFF),
    )  # fmt: skip


def _repairs(lost: Sequence[int]) -> bytes:
    """Sequence numbers, in their order, as pairs of a first one and a mask of the 16 after it."""
    made: list[bytes] = []
    first, mask = -1, 0
    for sequence in lost:
        if first >= 0 and 1 <= (step := (sequence - first) & 0xFFFF) <= 16:
            mask |= 1 << (step - 1)
            continue
        if first >= 0:
            made.append(_REPAIR.pack(first, mask))
        first, mask = sequence, 0
    if first >= 0:
        made.append(_REPAIR.pack(first, mask))
    return b"".join(made)


def _bad(en: str, zh: str) -> BadMessage:
    return BadMessage(f"Not an RTCP compound, by its {en}.", f"不是有效的 RTCP 包：{zh}。")
