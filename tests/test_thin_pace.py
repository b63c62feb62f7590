"""What live video may take of a thin link, its frames in their order, in packets and in bytes."""

from __future__ import annotations

import io
import random

import pytest

from fusioncmd.errors import BadMessage
from fusioncmd.video.bundle import pack
from fusioncmd.video.packet import build
from fusioncmd.video.units import Depacketiser
from gateways.satellite.pieces import MADE, pieces
from gateways.satellite.recode import Recoder, fitted
from gateways.satellite.video_order import LATE_S, InOrder
from gateways.satellite.video_pace import BITS_MIN, SHARE, Shaping, VideoPace
from gateways.satellite.video_rtp import PAYLOAD_BYTES_MAX, RtpMaker, units_of
from gateways.satellite.video_words import Do, Frame, letter_of, read, read_do
from tests.video_frames import encoded


@pytest.mark.parametrize("forged", [b"", b"\0", b"\1", b"\1\xff", letter_of(Frame(3, 1, True, 1, b"x"))[:-1], b"\2abc"])
def test_what_cannot_be_read_is_refused(forged: bytes) -> None:
    with pytest.raises(BadMessage):
        read(forged)


def test_what_the_encoder_is_told_is_read_and_nothing_else() -> None:
    assert read(letter_of(Frame(1, 65_537, True, 7, b"abc"))) == Frame(1, 1, True, 7, b"abc")
    with pytest.raises(BadMessage):
        read_do(b"\x91\x01")


def test_parts_of_a_picture_are_put_together_as_they_were() -> None:
    picture = b"".join(b"\0\0\0\1" + unit for unit in (b"\x67" + b"a" * 20, b"\x68bb", b"\x65\x88" + b"c" * 5_000))
    packets = RtpMaker(5).packets(picture, 90)
    assert max(map(len, packets)) <= PAYLOAD_BYTES_MAX + 12
    units = Depacketiser("H264")
    out = [unit for packet in packets for unit in units.put(packet, 0.0)]
    assert [one.data for one in out] == [picture] and out[0].keyframe
    assert units_of(b"\0\0\1\x65a\0\0\0\1\x61b") == [b"\x65a", b"\x61b"]


def test_the_pace_never_takes_more_than_its_share_and_gives_way() -> None:
    pace, at_s = VideoPace(), 0.0
    for _ in range(1_200):
        at_s += 0.05
        pace.tick(64_000, 0, 1, at_s)
    assert pace.bits_per_s == int(64_000 * SHARE) and pace.affords
    for _ in range(600):
        at_s += 0.05
        pace.tick(64_000, 40_000, 1, at_s)
    assert pace.held and not pace.affords
    pace.tick(10_000, 0, 1, at_s + 60)
    assert not pace.affords and pace.bits_per_s < BITS_MIN
    shaping = Shaping()
    assert shaping.shape(30_000, 0.0).width == 320
    assert [shaping.shape(100_000, at).width for at in (0.0, 4.9, 5.1)] == [320, 320, 320]  # more pictures first
    assert shaping.shape(12_000, 6.0).width == 160


def test_pictures_keep_their_proportions() -> None:
    assert fitted(1280, 720, 320, 180) == (320, 180) and fitted(720, 1280, 320, 180) == (180, 320)
    assert fitted(640, 480, 320, 180) == (240, 180) and fitted(100, 80, 320, 180) == (100, 80)


def frame(number: int, key: bool = False) -> Frame:
    return Frame(0, number & 0xFFFF, key, number, b"x")


def test_frames_that_change_places_are_shown_in_their_order_and_one_that_is_lost_ends_at_a_keyframe() -> None:
    order = InOrder()
    assert not order.put(frame(65_533), 0.0) and order.wants_key
    shown = order.put(frame(65_534, True), 0.1) + order.put(frame(65_536), 0.2) + order.put(frame(65_535), 0.3)
    assert [one.timestamp for one in shown] == [65_534, 65_535, 65_536]
    assert not order.put(frame(65_535), 0.4)
    assert not order.put(frame(65_538), 0.5) and not order.put(frame(65_539, True), 0.6)
    assert not order.tick(0.5 + LATE_S - 0.1)
    assert [one.timestamp for one in order.tick(0.5 + LATE_S)] == [65_539] and order.broken == 2
    assert not order.put(frame(65_541), 3.0) and not order.tick(3.0 + LATE_S) and order.wants_key


def test_what_a_source_sends_wrongly_ends_no_encoder_and_it_goes_on_at_the_next_keyframe() -> None:
    chance, recoder = random.Random(7), Recoder()
    recoder.do(Do("H264", 9, 24_000, 15, still=1), 0.0)
    sequence = made = 0
    for number in range(240):
        packets = []
        for data in encoded("H264")[number % 24]:
            packet = bytearray(data[:2] + sequence.to_bytes(2, "big") + (number * 3_000).to_bytes(4, "big") + data[8:])
            sequence += 1
            if number < 120:
                for _ in range(chance.randrange(3)):
                    packet[chance.randrange(12, len(packet))] = chance.randrange(256)
            packets.append(
                bytes(packet[: chance.randrange(8, len(packet))] if number < 120 and chance.random() < 0.05 else packet)
            )
        for bundle in pack(packets):
            out = b"".join(recoder.packets(bundle, number / 30))
            made += sum(kind == MADE for kind, _ in pieces(io.BytesIO(out))) if number >= 144 else 0
    assert recoder.bad > 5 and made > 30


def test_a_source_that_is_too_large_is_not_decoded() -> None:
    recoder = Recoder()
    recoder.do(Do("VP8", 9, 24_000), 0.0)
    large = b"\x10\x10\x00\x00\x9d\x01\x2a" + (8_192).to_bytes(2, "little") + (8_192).to_bytes(2, "little") + bytes(40)
    assert recoder.packets(pack([build(96, 1, 1, 9, large, True)])[0], 0.0) == [] and recoder._decoder is None
