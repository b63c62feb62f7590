"""A publisher's packets become those of the bus, and it is told what is missing and what is wanted."""

from __future__ import annotations

from itertools import pairwise

import pytest
from aiortc import rtp as peer
from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd.video import h264, packet, rtcp
from fusioncmd.video.bounds import KEYFRAME_S
from fusioncmd.video.source import Ask, Track
from gateways.video.media_bounds import SOURCE_BITS_PER_S_MAX, SOURCE_BITS_PER_S_MIN
from gateways.video.upstream import FINE, NO_PICTURE, SILENT, Agreed, Upstream
from tests.video_frames import FRAMES, HEIGHT, WIDTH, encoded, flat

PICTURE, SOUND = Track("VP8", 70), Track("opus", 80)
AGREED = [Agreed(PICTURE, 120, 121), Agreed(SOUND, 109)]
KEY, DELTA = b"\x10\x00\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00", b"\x10\x01pict"
YEAR_MS = 31_536_000_000.0


def upstream(now_ms: float = 0.0) -> Upstream:
    return Upstream(AGREED, 1, now_ms)


def sent(sequence: int, payload: bytes = DELTA, stamp: int = 0, ssrc: int = 500, kind: int = 120) -> bytes:
    return packet.build(kind, sequence & 0xFFFF, stamp & 0xFFFF_FFFF, ssrc, payload, True)


def said(up: Upstream, now_ms: float) -> list[rtcp.Packet]:
    return rtcp.parse(up.due(now_ms))


def asked_again(up: Upstream, now_ms: float) -> list[int]:
    return [one for each in said(up, now_ms) if isinstance(each, rtcp.Nack) for one in each.lost]


def asked_picture(up: Upstream, now_ms: float) -> bool:
    return any(isinstance(one, rtcp.Pli) for one in said(up, now_ms))


def test_packets_are_those_of_the_bus_whatever_the_browser_used() -> None:
    raw = peer.RtpPacket(payload_type=120, marker=1, sequence_number=65_535, timestamp=7, ssrc=500, payload=KEY)
    raw.csrc, raw.padding_size = [3], 4
    data = raw.serialize()
    up = upstream()
    assert up.rtp(data, 0) == [packet.build(96, 65_535, 7, 70, KEY, True)]
    assert up.rtp(sent(3, b"opus", kind=109, ssrc=501), 0) == [packet.build(111, 3, 0, 80, b"opus", True)]
    assert up.rtp(sent(4, kind=33), 0) == [] == up.rtp(b"\x80", 0) and up.refused == 2
    assert up.picture is not None and (up.picture.width, up.picture.height) == (320, 180)


def test_padding_that_probes_the_way_leaves_no_hole() -> None:
    up, out = upstream(), []
    for number in range(65_530, 65_550):
        out += up.rtp(sent(number, b"" if number % 3 == 0 else KEY, stamp=number * 3_000), number)
    numbers = [packet.read(data).sequence for data in out]
    assert numbers == [(numbers[0] + i) & 0xFFFF for i in range(len(numbers))] and len(numbers) == 14


def test_what_was_lost_before_padding_fits_in_its_place_too() -> None:
    up, out = upstream(), []
    for number in (0, 1, 3, 4, 6, 2, 5):
        out += up.rtp(sent(number, b"" if number == 4 else KEY, stamp=number * 3_000), number)
    assert numbers_by_time(out) == [0, 1, 2, 3, 4, 5]


def numbers_by_time(out: list[bytes]) -> list[int]:
    headers = [packet.read(data) for data in out]
    return [header.sequence for header in sorted(headers, key=lambda header: header.timestamp)]


def test_what_is_lost_is_asked_for_and_what_comes_then_fits_in_its_place() -> None:
    up, out = upstream(), []
    for number in (0, 1, 4, 5):
        out += up.rtp(sent(number, KEY if number == 0 else DELTA, number * 3_000), 10 + number)
    assert asked_again(up, 20) == [2, 3]
    assert asked_again(up, 30) == []
    out += up.rtp(sent(3, stamp=9_000), 40)
    assert up.rtp(sent(3, stamp=9_000), 41) == []
    assert asked_again(up, 150) == [2]
    out += up.rtp(peer.wrap_rtx(peer.RtpPacket.parse(sent(2, stamp=6_000)), 121, 9, 777).serialize(), 160)
    assert asked_again(up, 400) == []
    whole = [packet.build(96, n, n * 3_000, 70, KEY if n == 0 else DELTA, True) for n in range(6)]
    assert sorted(out) == sorted(whole)


def test_what_does_not_come_is_given_up_and_a_new_picture_asked_for_until_it_comes() -> None:
    up = upstream()
    up.rtp(sent(0, KEY), 0)
    up.rtp(sent(2, stamp=3_000), 30)
    asked = [at for at in range(30, 3_000, 10) if asked_again(up, at)]
    assert 3 <= len(asked) <= 8 and asked[-1] < 1_100
    up = upstream()
    up.rtp(sent(0, KEY), 0)
    up.rtp(sent(2, stamp=3_000), 30)
    pictures = [at for at in range(30, 4_000, 10) if asked_picture(up, at)]
    assert len(pictures) > 3 and all(b - a >= KEYFRAME_S * 1_000 for a, b in pairwise(pictures))
    up.rtp(sent(3, KEY, 6_000), 4_000)
    assert not any(asked_picture(up, at) for at in range(4_000, 8_000, 10))


def test_a_hole_that_is_too_large_is_not_asked_for_but_a_new_picture_is() -> None:
    up = upstream()
    up.rtp(sent(0, KEY), 0)
    up.due(0)
    up.rtp(sent(2_000, stamp=3_000), 30)
    assert asked_again(up, 40) == [] and asked_picture(up, 600)


def test_a_picture_is_asked_for_at_most_each_half_second_whoever_wants_it() -> None:
    up = upstream()
    up.rtp(sent(0, KEY), 0)
    asked = 0
    for at in range(10, 2_010, 10):
        up.want_picture(at)
        asked += asked_picture(up, at)
    assert asked == 4
    up.rtp(sent(1, KEY, 3_000), 2_010)
    assert not asked_picture(up, 2_600)


def test_a_report_says_what_was_really_lost() -> None:
    up = upstream()
    for number in range(100):
        if number % 4:
            up.rtp(sent(65_500 + number, stamp=number * 3_000), number * 33)
    up.rtcp(rtcp.build([rtcp.SenderReport(500, 0x0001_2345_6789_0000, 0, 1, 1)]), 3_000)
    report = next(one for one in said(up, 3_500) if isinstance(one, rtcp.ReceiverReport))
    block = report.blocks[0]
    assert (block.ssrc, block.lost, block.highest) == (500, 24, 65_599) and 60 <= block.fraction <= 64
    assert block.jitter < 90 and (block.last, block.since) == (0x2345_6789, 32_768)
    again = next(one for one in said(up, 4_600) if isinstance(one, rtcp.ReceiverReport))
    assert again.blocks[0].fraction == 0


@pytest.mark.parametrize("after_ms", [600, 20])
def test_another_ssrc_goes_on_in_numbers_and_time_once_the_first_is_silent(after_ms: int) -> None:
    up = upstream()
    before = up.rtp(sent(10, KEY, 1_000_000), 0)[0]
    after = up.rtp(sent(40_000, DELTA, 5, ssrc=900), after_ms)
    if after_ms < 500:
        assert after == []
        return
    first, second = packet.read(before), packet.read(after[0])
    assert second.sequence == first.sequence + 1 and second.ssrc == first.ssrc
    assert second.timestamp - first.timestamp == 600 * 90
    assert asked_picture(up, 1_200)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 0, 0, 7_200_000, -7_200_000, 3_000_000_000]))))
def test_a_clock_that_jumps_does_not_jump_on_the_bus(steps: list[tuple[int, int]]) -> None:
    up, now_ms, stamp, last = upstream(), 0, 0, None
    for number, (step_ms, jump) in enumerate(steps):
        now_ms += step_ms
        stamp += step_ms * 90 + jump
        made = packet.read(up.rtp(sent(number, stamp=stamp), now_ms)[0]).timestamp
        if last is not None:
            assert 0 < packet.ahead(made, last, 32) <= 90 * (60 + 20)
        last = made


def test_the_moments_of_picture_and_sound_are_ours_whatever_the_sources_clock_says() -> None:
    up = upstream()
    for at in range(0, 2_000, 20):  # sampled 40 ms before it comes; its clock is a year late
        up.rtp(sent(at // 20, KEY, (at - 40) * 90), at)
        up.rtp(sent(at // 20, b"opus", (at - 40) * 48 + 777, 501, 109), at)
        if at == 1_000:
            ntp = rtcp.to_ntp(1_800_000_000_000 - YEAR_MS + at - 40)
            for ssrc, stamp in ((500, (at - 40) * 90), (501, (at - 40) * 48 + 777)):
                up.rtcp(rtcp.build([rtcp.SenderReport(ssrc, ntp, stamp, 1, 1)]), at)
    wall_ms = 1_900_000_000_000.0
    made = [rtcp.parse(data)[0] for data in up.reports(2_000, wall_ms + 2_000)]
    assert up.reports(2_500, wall_ms + 2_500) == []
    for report, rate, offset in zip(made, (90, 48), (0, 777), strict=True):
        assert isinstance(report, rtcp.SenderReport) and report.packets == 100
        taken_ms = rtcp.to_ms(report.ntp) - wall_ms
        assert abs(packet.ahead(report.timestamp, offset, 32) / rate - (taken_ms - 40 + 40 - 40)) < 1


def test_h264_without_parameter_sets_before_each_picture_gets_them_and_its_size_is_told() -> None:
    up = Upstream([Agreed(Track("H264", 70), 96)], 1, 0.0)
    out, stripped, number = [], 0, 0
    for at, frame in enumerate(encoded("H264")):
        for data in frame:
            header = packet.read(data)
            kind = data[12] & 0x1F
            if at == 12 and kind in (h264.SPS, h264.PPS, h264.STAP_A):
                payload = [unit for unit in h264.units([data[12:]]) or [] if unit[0] & 0x1F not in (7, 8)]
                stripped += 1
                if not payload:
                    continue
                data = data[:12] + payload[0]
            data = packet.build(96, number & 0xFFFF, header.timestamp, 5, data[12:], header.marker)
            out += up.rtp(data, at * 33)
            number += 1
    assert stripped and up.picture is not None
    assert (up.picture.width, up.picture.height, up.picture.profile[:2]) == (WIDTH, HEIGHT, "42")
    numbers = [packet.read(data).sequence for data in out]
    assert numbers == [numbers[0] + i for i in range(len(out))]
    stamp = packet.read(encoded("H264")[12][0]).timestamp
    unit = h264.frame([data[12:] for data in out if packet.read(data).timestamp == stamp])
    assert unit is not None and unit[1]
    assert FRAMES == 24 and len(flat(encoded("H264"))) >= len(out)


def test_viewers_together_say_how_much_a_source_may_send() -> None:
    up = upstream()
    assert up.bits_per_s(0) == SOURCE_BITS_PER_S_MAX
    for name, viewers, bits in (("a", 3, 900_000), ("b", 2, 700_000), ("c", 0, 100_000)):
        up.asked.take(Ask(name, viewers, False, bits), 0)
    assert up.bits_per_s(0) == 700_000 and up.asked.viewers(0) == 5
    assert up.bits_per_s(7_000) == SOURCE_BITS_PER_S_MAX and up.asked.viewers(7_000) == 0
    up.asked.take(Ask("d", 1, True, 10), 7_000)
    assert up.bits_per_s(7_000) == SOURCE_BITS_PER_S_MIN
    up.rtp(sent(0, KEY), 7_000)
    remb = next(one for one in said(up, 7_100) if isinstance(one, rtcp.Remb))
    assert (remb.bits_per_s, remb.ssrcs) == (SOURCE_BITS_PER_S_MIN, (500,))


def test_what_is_wrong_is_told() -> None:
    up = upstream()
    assert up.trouble(1_000) == FINE and up.trouble(4_000) == SILENT
    for number in range(200):
        up.rtp(sent(number, stamp=number * 3_000), 4_000 + number * 33)
        up.due(4_000 + number * 33)
    assert up.trouble(10_600) == NO_PICTURE
    up.rtp(sent(200, KEY, 700_000), 10_600)
    assert up.trouble(10_600) == FINE
    up.rtcp(rtcp.build([rtcp.Bye((500,))]), 10_700)
    assert up.ended
