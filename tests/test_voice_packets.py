"""RTP, RTCP, keys and frames in bytes: what a peer sends is read or refused, and never anything else."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec
from fusioncmd.floor.messages import FloorMessage, Indicator, Kind
from fusioncmd.voice import dtmf, frames, rtcp, rtp
from fusioncmd.voice.bounds import RTP_BYTES_MAX
from fusioncmd.voice.frames import Speaker, VoiceFrame
from fusioncmd.voice.rtp import RtpPacket

PACKET = RtpPacket(111, 65_535, 0xFFFFFFFF, 7, b"sound", True)
REQUEST = FloorMessage(Kind.REQUEST, 9, priority=48, user="天河", indicator=Indicator.NORMAL)
BYTES = st.binary(max_size=200)


def test_a_packet_is_what_was_built() -> None:
    assert rtp.parse(rtp.build(PACKET)) == PACKET


def test_contributors_extension_and_padding_are_no_sound() -> None:
    head = struct.pack(">BBHIIII", 0x80 | 0x20 | 0x10 | 2, 0x80 | 111, 65_535, 0xFFFFFFFF, 7, 1, 2)
    data = head + struct.pack(">HHI", 0xBEDE, 1, 0) + b"sound" + bytes((0, 0, 3))
    assert rtp.parse(data) == PACKET


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x80" * 11, b"\x40" + bytes(11), b"\x8f" + bytes(11), b"\x90" + bytes(11), b"\xa0" + bytes(11),
        b"\xa0" + bytes(10) + b"\x0d", b"\x90" + bytes(13) + b"\xff\xff", b"\x80" + bytes(RTP_BYTES_MAX),
    ],
)  # fmt: skip
def test_what_is_no_packet_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        rtp.parse(data)


@given(BYTES)
def test_bytes_are_a_packet_or_refused(data: bytes) -> None:
    try:
        packet = rtp.parse(data)
    except BadMessage:
        return
    assert rtp.parse(rtp.build(packet)) == packet and len(packet.payload) <= len(data)


@given(st.one_of(BYTES, st.lists(BYTES.map(lambda b: b"\x80\xcc" + b), max_size=4).map(b"".join)))
def test_bytes_are_a_compound_or_refused(data: bytes) -> None:
    try:
        found = list(rtcp.packets(data))
        rtcp.floor_messages(data)
    except BadMessage:
        return
    assert b"".join(packet.data for packet in found) == data


def test_a_floor_message_is_found_behind_reports() -> None:
    compound = rtcp.receiver_report(1) + codec.encode(REQUEST) + rtcp.receiver_report(2)
    assert rtcp.floor_messages(compound) == [REQUEST] and rtp.is_rtcp(compound)
    assert not rtp.is_rtcp(rtp.build(PACKET))


def test_numbers_go_round_and_are_counted_on() -> None:
    sequence = rtp.Unrolled(16)
    assert [sequence.count(n) for n in (65_534, 65_535, 1, 0, 2)] == [0, 1, 3, 2, 4]
    assert rtp.Unrolled(16).count(9) == 0
    late = rtp.Unrolled(16)
    assert [late.count(n) for n in (3, 2, 65_535, 4)] == [0, -1, -4, 1]


def test_a_key_counts_once_however_often_it_is_said() -> None:
    pad = dtmf.Keypad()
    said = [dtmf.build(dtmf.Event("#", end, duration)) for end, duration in ((False, 160), (False, 320), (True, 480))]
    assert [pad.press(1_000, payload) for payload in (*said, said[-1], said[-1])] == ["#", None, None, None, None]
    assert pad.press(2_000, said[2]) == "#"  # the same key again, its beginning lost
    assert dtmf.parse(bytes((16, 0, 0, 0))) is None  # a hook flash
    assert dtmf.parse(said[1]) == dtmf.Event("#", False, 320)


@given(BYTES)
def test_bytes_are_a_key_or_refused(data: bytes) -> None:
    try:
        dtmf.Keypad().press(1, data)
    except BadMessage:
        assert len(data) < 4


FRAME = VoiceFrame("440106-radio-1", 12, 3, 2_880, "44", 80, Speaker(5, "440106", "天河值班"), b"\x78abc")


def test_a_frame_of_voice_is_what_was_said_and_small() -> None:
    data = frames.encode(FRAME)
    assert frames.decode(data) == FRAME and len(data) < 80


@given(st.one_of(BYTES, BYTES.map(lambda tail: frames.encode(FRAME)[:20] + tail)))
def test_bytes_are_a_frame_or_refused(data: bytes) -> None:
    try:
        frames.decode(data)
    except BadMessage:
        return
    assert frames.encode(frames.decode(data))


@pytest.mark.parametrize(
    ("packet", "ms"),
    [
        (b"\x78x", 20),
        (b"\x08x", 20),
        (b"\x18x", 60),
        (b"\x60x", 10),
        (b"\x80x", 2.5),
        (b"\x79x", 40),
        (b"\x7b\x03", 60),
    ],
)
def test_how_long_an_opus_packet_lasts(packet: bytes, ms: float) -> None:
    assert frames.opus_samples(packet) == ms * 48
    assert frames.opus_samples(frames.silence_like(packet)) == ms * 48


@pytest.mark.parametrize("packet", [b"", b"\x7b", b"\x7b\x00", b"\x1b\x3f"])
def test_an_opus_packet_of_no_length_is_refused(packet: bytes) -> None:
    with pytest.raises(BadMessage):
        frames.opus_samples(packet)
