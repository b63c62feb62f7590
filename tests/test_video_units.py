"""Frames from packets, with the packets of real encoders: whole, in order, and what is missing said."""

from __future__ import annotations

import random
from fractions import Fraction

import av
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.video import codecs, h264, packet, vp8
from fusioncmd.video.units import Depacketiser, Unit
from tests.video_frames import FRAMES, HEIGHT, STAMP, WIDTH, encoded, flat


def taken(codec: str, packets: list[bytes]) -> tuple[list[Unit], Depacketiser]:
    units = Depacketiser(codec)
    out = [unit for i, data in enumerate(packets) for unit in units.put(data, i)]
    return out + units.flush(), units


def decoded(codec: str, units: list[Unit]) -> list[av.VideoFrame]:
    context = av.CodecContext.create("h264" if codec == "H264" else "vp8", "r")
    frames = [frame for unit in units for frame in context.decode(av.Packet(unit.data))]
    return frames + context.decode(None)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_frames_of_a_real_encoder_come_out_whole_and_decode(codec: str) -> None:
    frames = encoded(codec)
    assert len(frames[0]) > 3, "a keyframe has to be in several packets"
    units, _ = taken(codec, flat(frames))
    assert [unit.keyframe for unit in units] == [number % 12 == 0 for number in range(FRAMES)]
    assert [unit.timestamp for unit in units] == [STAMP + number * 3_000 for number in range(FRAMES)]
    assert sum(unit.lost for unit in units) == 0
    shown = decoded(codec, units)
    assert len(shown) == FRAMES and (shown[0].width, shown[0].height) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_only_the_beginning_of_a_frame_and_of_a_keyframe_is_one(codec: str) -> None:
    for number, frame in enumerate(encoded(codec)):
        said = []
        for data in frame:
            header = packet.read(data)
            begins = codecs.BEGINS_FRAME[codec](data, header.begin, header.end)
            said.append((begins, codecs.BEGINS_KEYFRAME[codec](data, header.begin, header.end)))
        assert said[0] == (True, number % 12 == 0)
        assert number % 12 == 0 or not any(key for _, key in said)
        assert codec == "H264" or not any(begins for begins, _ in said[1:])


@pytest.mark.parametrize("codec", ["H264", "VP8"])
def test_a_lost_packet_loses_its_frame_and_the_gap_is_stated_at_the_next_one(codec: str) -> None:
    frames = encoded(codec)
    for at in range(len(frames[12])):
        packets = flat(frames[:12]) + frames[12][:at] + frames[12][at + 1 :] + flat(frames[13:])
        units, _ = taken(codec, packets)
        lost = [unit for unit in units if unit.lost]
        stamps = [unit.timestamp for unit in units]
        if STAMP + 12 * 3_000 in stamps:  # parameter sets may have a packet of their own: no keyframe, but a picture
            assert codec == "H264" and at < 2 and not units[stamps.index(STAMP + 12 * 3_000)].keyframe
        else:
            assert len(lost) == 1 and lost[0].timestamp == STAMP + 13 * 3_000 and lost[0].lost == len(frames[12])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(["H264", "VP8"]))
def test_packets_in_another_order_and_twice_give_the_same(seed: int, codec: str) -> None:
    packets, chance = flat(encoded(codec)), random.Random(seed)
    moved = [(i + chance.random() * 8, data) for i, data in enumerate(packets[1:])]
    doubled = sorted([*moved, *((at + 9, data) for at, data in moved[::5])])
    units, depacketiser = taken(codec, [packets[0], *[data for _, data in doubled]])
    assert units and [unit[:4] for unit in units] == [unit[:4] for unit in taken(codec, packets)[0]]
    assert depacketiser.late + depacketiser.doubled >= len(moved[::5])


def test_a_missing_packet_is_waited_for_and_then_given_up() -> None:
    frames = encoded("VP8")
    units = Depacketiser("VP8")
    for data in frames[0]:
        units.put(data, 0)
    for data in frames[1][:-1] + frames[2]:
        assert units.put(data, 10) == []
    assert units.tick(300) == []
    assert [unit.lost for unit in units.tick(500)] == [len(frames[1])]


def test_a_source_that_begins_anew_is_followed() -> None:
    frames = encoded("VP8")
    far = [
        packet.build(96, (packet.read(data).sequence + 30_000) & 0xFFFF, 5, 9, data[12:], True) for data in frames[0]
    ]
    units, _ = taken("VP8", flat(frames[:3]) + far[:1])
    assert len(units) == 4 and units[-1].lost == 0


@pytest.mark.parametrize(("width", "height"), [(320, 180), (322, 178), (640, 480), (1280, 720)])
def test_the_size_of_a_picture_is_read_from_its_keyframe(width: int, height: int) -> None:
    assert h264.shape(sps(width, height))[:2] == (width, height)
    data = encoded("VP8")[0][0]
    assert vp8.size(data, 12, len(data)) == (WIDTH, HEIGHT)


@pytest.mark.parametrize("profile", ["main", "high", "high422", "high444"])
@pytest.mark.parametrize("form", ["", ":interlaced=1"])
def test_the_size_is_read_in_every_profile(profile: str, form: str) -> None:
    assert h264.shape(sps(322, 180, profile, form))[:2] == (322, 180)


def sps(width: int, height: int, profile: str = "baseline", form: str = "") -> bytes:
    pixels = {"high422": "yuv422p", "high444": "yuv444p"}.get(profile, "yuv420p")
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, pixels, Fraction(1, 25)
    context.options = {"profile": profile, "tune": "zerolatency", "x264-params": "cqm=jvt" + form}
    if profile == "baseline":
        context.options["x264-params"] = "keyint=10"
    data = b"".join(bytes(one) for one in context.encode(av.VideoFrame(width, height, pixels)))
    return next(unit for unit in data.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit and unit[0] & 0x1F == 7)


@pytest.mark.parametrize("data", [b"", b"\x67", b"\x67\x42\x00\x1f", b"\x67\x42\x00\x1f" + b"\0" * 40, b"\x65" * 20])
def test_what_is_no_parameter_set_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        h264.shape(data)


def test_parameter_sets_are_found_and_put_together_again() -> None:
    units = [b"\x67\x42", b"\x68\xce"]
    payload = h264.staple(units)
    assert h264.parameters(payload, 0, len(payload)) == units == h264.units([payload])
    assert payload[0] == 0x78 and h264.begins_keyframe(payload, 0, len(payload))


def test_h265_is_known_and_refused_with_what_to_set() -> None:
    with pytest.raises(BadInput, match=r"Set its video encoding to H\.264"):
        codecs.check("H.265")
    codecs.check("H264")
    assert h264.is_h265(b"\x40\x01\x0c") and h264.is_h265(b"\x60\x01\x00\x18\x40\x01\x0c\x01")
    assert not any(h264.is_h265(data[12:]) for frame in encoded("H264") for data in frame)
