"""RTP as it is forwarded, and RTCP of pictures: parsed, built, and what is none of it refused."""

from __future__ import annotations

import contextlib

import pytest
from aiortc import RTCRtpHeaderExtensionParameters
from aiortc import rtp as peer
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadMessage
from fusioncmd.video import packet, rtcp
from fusioncmd.video.rtcp import Block, Bye, Fir, Nack, Name, Pli, ReceiverReport, Remb, SenderReport

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFF_FFFF)
BLOCK = Block(7, 12, -3, 0x0001_FFFE, 90, 0xDEAD_BEEF, 65_536)
PACKETS: list[rtcp.Packet] = [
    SenderReport(7, 0xE0000000_80000000, 90_000, 12, 3_400, (BLOCK,)), ReceiverReport(1, (BLOCK, BLOCK)),
    Name(7, b"a cname"), Bye((7, 8)), Nack(1, 7, (7, 8, 23, 24, 65_535)), Pli(1, 7),
    Fir(1, ((7, 3), (8, 255))),
    Remb(1, 2_500_000 >> 4 << 4, (7, 8)),
]  # fmt: skip


def test_a_packet_with_all_that_is_of_one_hop_is_bare_without_it() -> None:
    sent = peer.RtpPacket(payload_type=102, marker=1, sequence_number=65_535, timestamp=7, ssrc=9, payload=b"picture")
    sent.csrc, sent.padding_size = [1, 2], 5
    sent.extensions.mid = "0"
    names = peer.HeaderExtensionsMap()
    parameters = peer.RTCRtpParameters()
    parameters.headerExtensions = [RTCRtpHeaderExtensionParameters(1, "urn:ietf:params:rtp-hdrext:sdes:mid")]
    names.configure(parameters)
    data = sent.serialize(names)
    header = packet.read(data)
    assert data[header.begin : header.end] == b"picture" and data[0] != packet.PLAIN
    assert header[:5] == (True, 102, 65_535, 7, 9)
    assert packet.bare(data) == packet.build(102, 65_535, 7, 9, b"picture", marker=True)
    assert packet.bare(packet.bare(data)) == packet.bare(data)


def test_a_retransmission_is_the_packet_that_it_repairs() -> None:
    first = peer.RtpPacket(payload_type=96, marker=1, sequence_number=65_000, timestamp=7, ssrc=9, payload=b"picture")
    again = peer.wrap_rtx(first, payload_type=97, sequence_number=3, ssrc=10).serialize()
    assert packet.original(again, packet.read(again), 96, 9) == first.serialize()
    probe = packet.build(97, 4, 7, 10, b"")
    assert packet.original(probe, packet.read(probe), 96, 9) is None


@pytest.mark.parametrize("data", [b"", b"\x80" * 11, b"\0" * 12, b"\x80" * 1_501, b"\x90" * 12, b"\xa0" + b"\0" * 12])
def test_what_is_not_rtp_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        packet.read(data)


@pytest.mark.parametrize("one", PACKETS, ids=lambda one: type(one).__name__)
def test_rtcp_is_parsed_as_it_was_built_and_a_peer_reads_it_alike(one: rtcp.Packet) -> None:
    built = rtcp.build([ReceiverReport(1), one])
    assert rtcp.parse(built) == [ReceiverReport(1), one]
    theirs = peer.RtcpPacket.parse(built)
    assert b"".join(map(bytes, theirs)) == built
    if isinstance(one, Remb):
        assert peer.unpack_remb_fci(theirs[1].fci) == (one.bits_per_s, list(one.ssrcs))
    if isinstance(one, Nack):
        assert theirs[1].lost == list(one.lost)


def test_the_clock_of_reports_is_exact_to_a_thousandth_of_a_millisecond() -> None:
    assert abs(rtcp.to_ms(rtcp.to_ntp(1_800_000_000_123.25)) - 1_800_000_000_123.25) < 0.001
    assert rtcp.middle(0x1122_3344_5566_7788) == 0x3344_5566


@pytest.mark.parametrize(
    "data",
    [
        b"\x80", b"\x81\xc8\x00\x06" + b"\0" * 24, b"\x81\xca\x00\x02\0\0\0\1\1\xff\0\0", b"\xa0\xc9\x00\x01\0\0\0\xff",
        b"\x81\xcd\x00\x01\0\0\0\1", b"\x9f\xcb\x00\x01\0\0\0\1", b"\xa0\xc9\x00\x01\0\0\0\x08",
    ],
)  # fmt: skip
def test_what_is_not_rtcp_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        rtcp.parse(data)


@given(st.binary(max_size=80).map(lambda rest: bytes((0x80 | len(rest) % 32,)) + rest))
def test_whatever_comes_is_parsed_or_refused(data: bytes) -> None:
    for read in (packet.read, packet.bare, rtcp.parse):
        with contextlib.suppress(BadMessage):
            read(data)


def test_a_mask_of_lost_packets_goes_round() -> None:
    lost = (65_534, 65_535, 0, 14, 15, 900)
    assert rtcp.parse(rtcp.build([Nack(1, 7, lost)])) == [Nack(1, 7, lost)]
    assert len(rtcp.build([Nack(1, 7, lost)])) == 12 + 3 * 4


@given(st.sets(U16, min_size=1, max_size=300).map(sorted))
def test_every_lost_packet_is_asked_for_and_no_other(lost: list[int]) -> None:
    assert rtcp.parse(rtcp.build([Nack(1, 2, tuple(lost))])) == [Nack(1, 2, tuple(lost))]
