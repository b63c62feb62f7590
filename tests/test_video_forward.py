"""From the bus to viewers: each has its own numbers, begins at once, is sent again what it lost, and stops in time."""

from __future__ import annotations

from fusioncmd.video import packet, rtcp
from fusioncmd.video.source import Track
from gateways.video.media_bounds import AGAIN_BURST, CATCH_UP_PACKETS, HISTORY_MS, OPENING_PACKETS_MAX
from gateways.video.outgoing import Outgoing
from gateways.video.stream import Batch, Stream
from gateways.video.viewer import Viewer, carried

PICTURE, SOUND = Track("VP8", 70), Track("opus", 80)
KEY, DELTA, REST = b"\x10\x00key", b"\x10\x01delta", b"\x00rest"


def viewer(sequence: int = 65_530) -> Viewer:
    return Viewer(Outgoing(100, 7_000, sequence), Outgoing(109, 8_000, 3), b"c")


def bus(number: int, payload: bytes = DELTA, stamp: int | None = None, track: Track = PICTURE) -> bytes:
    stamp = number * 3_000 if stamp is None else stamp
    kind = track.payload_type
    return packet.build(kind, number & 0xFFFF, stamp & 0xFFFF_FFFF, track.ssrc, payload, True)


def took(one: Viewer, batches: list[Batch]) -> list[bytes]:
    return [data for batch in batches for data in one.take(batch)]


def numbers(out: list[bytes]) -> list[int]:
    return [packet.read(data).sequence for data in out]


def test_a_viewer_has_its_own_numbers_types_and_ssrcs_and_the_same_picture() -> None:
    stream, one = Stream([PICTURE, SOUND]), viewer()
    out = took(one, stream.put([bus(9, KEY), bus(10), bus(1, b"opus", track=SOUND)], 0))
    assert out[:2] == [
        packet.build(100, 65_530, 27_000, 7_000, KEY, True), packet.build(100, 65_531, 30_000, 7_000, DELTA, True),
    ]  # fmt: skip
    assert out[2:] == [packet.build(109, 3, 3_000, 8_000, b"opus", True)]
    assert took(one, stream.put([bus(11)], 33)) == [packet.build(100, 65_532, 33_000, 7_000, DELTA, True)]


def test_nothing_goes_out_before_a_keyframe_and_it_is_asked_for_at_most_each_half_second() -> None:
    stream, one = Stream([PICTURE]), viewer()
    asked = 0
    for at in range(100):
        assert took(one, stream.put([bus(at)], at * 20)) == []
        if one.asks(at * 20):
            stream.want(at * 20)
        asked += stream.due(at * 20)
    assert asked == 4
    assert numbers(took(one, stream.put([bus(100, KEY)], 2_000))) == [65_530]
    assert not one.asks(2_020) and not stream.due(3_000)


def test_who_comes_late_begins_with_the_last_keyframe_at_once_and_a_little_at_a_time() -> None:
    stream = Stream([PICTURE])
    stream.put([bus(0, DELTA)], 0)
    for number in range(1, 151):
        stream.put([bus(number, KEY if number == 1 else DELTA)], number * 33)
    one = viewer()
    out = one.begin(stream, 5_000)
    assert len(out) == CATCH_UP_PACKETS and out[0][12:] == KEY
    assert one.begin(stream, 5_000) == []
    for at in range(5_010, 5_060, 10):
        more = one.tick(stream, at)
        assert len(more) == 10
        out += more
    out += took(one, stream.put([bus(151)], 5_090)) + one.tick(stream, 5_100)
    assert numbers(out) == [(65_530 + i) & 0xFFFF for i in range(151)]
    out += took(one, stream.put([bus(152)], 5_105))
    assert out[-1] == packet.build(100, (65_530 + 151) & 0xFFFF, 152 * 3_000, 7_000, DELTA, True)
    stamps = [packet.read(data).timestamp for data in out]
    assert stamps == [number * 3_000 for number in range(1, 153)]
    again = one.picture.again([numbers(out)[0], numbers(out)[100]], 5_110) if one.picture else []
    assert again == [out[0], out[100]]


def test_what_was_caught_up_with_beside_sound_does_not_go_out_twice() -> None:
    stream, one = Stream([PICTURE, SOUND]), viewer()
    stream.put([bus(0, KEY)], 0)
    batches = stream.put([bus(1, b"opus", track=SOUND), bus(1), bus(2)], 10)
    assert one.picture is not None
    out = one.begin(stream, 10) + took(one, batches)
    assert len(out) == 4 and sorted(numbers(out))[1:] == [65_530, 65_531, 65_532]
    assert one.picture.packets == 3


def test_an_opening_that_became_too_long_is_not_used_but_a_new_picture_asked_for() -> None:
    stream = Stream([PICTURE])
    for number in range(OPENING_PACKETS_MAX + 2):
        stream.put([bus(number, KEY if number == 0 else DELTA)], number)
    one = viewer()
    assert one.begin(stream, 3_000) == [] and one.asks(3_000)
    for size, step_ms in ((30_000, 1), (3, 500)):
        stream = Stream([PICTURE])
        for number in range(80):
            stream.put([bus(number, KEY if number == 0 else DELTA + bytes(size))], number * step_ms)
        assert viewer().begin(stream, 40_000) == []


def test_who_cannot_take_more_stops_and_goes_on_with_the_next_keyframe_without_a_hole() -> None:
    stream, one = Stream([PICTURE, SOUND]), viewer()
    out = took(one, stream.put([bus(0, KEY), bus(1), bus(2)], 0))
    one.full()
    assert one.asks(1)
    for number in range(3, 9):
        assert took(one, stream.put([bus(number)], number * 33)) == []
    sound = took(one, stream.put([bus(1, b"opus", track=SOUND)], 400))
    assert len(sound) == 1, "sound goes on"
    out += took(one, stream.put([bus(10, KEY), bus(11)], 500))
    assert numbers(out) == [65_530, 65_531, 65_532, 65_533, 65_534]
    assert [packet.read(data).timestamp for data in out[3:]] == [30_000, 33_000]
    late = stream.put([bus(9, stamp=27_000)], 510)
    assert took(one, late) == [], "of what was dropped nothing comes late"
    assert one.picture is not None and one.picture.again([65_531, 65_533], 520) == [out[1], out[3]]


def test_what_the_source_lost_comes_late_into_its_place() -> None:
    stream, one = Stream([PICTURE]), viewer()
    out = took(one, stream.put([bus(0, KEY), bus(1), bus(3)], 0))
    assert numbers(out) == [65_530, 65_531, 65_533]
    out += took(one, stream.put([bus(2), bus(4)], 50))
    assert numbers(out)[3:] == [65_532, 65_534]
    assert took(one, stream.put([bus(2)], 60)) == [], "nor twice"
    for number in range(6, 1_106, 100):
        took(one, stream.put([bus(number + i) for i in range(100)], 60))
    assert took(one, stream.put([bus(5)], 1_000)) == [], "SRTP would refuse it"


def test_what_a_viewer_lost_is_sent_again_from_what_is_kept_and_no_more_than_is_allowed() -> None:
    stream, one = Stream([PICTURE]), viewer(0)
    out = took(one, stream.put([bus(0, KEY)], 0)) + took(one, stream.put([bus(number) for number in range(1, 500)], 0))
    more: list[bytes] = []
    for at in range(1, 10):
        more = took(one, stream.put([bus(500 + at, KEY)], at * 100))
    assert one.rtcp(rtcp.build([rtcp.Nack(1, 7_000, (499, 0xFFFF, 2_000))]), 900) == [out[499]]
    assert one.rtcp(rtcp.build([rtcp.Nack(1, 7_000, tuple(range(200, 499)))]), 900) == out[200 : 200 + AGAIN_BURST - 1]
    assert one.rtcp(rtcp.build([rtcp.Nack(1, 7_000, (499,))]), HISTORY_MS + 1) == [], "too old"
    assert one.rtcp(rtcp.build([rtcp.Nack(1, 7_000, tuple(numbers(more)))]), HISTORY_MS + 800) == more
    assert one.rtcp(b"\x80", 1) == [] and one.refused == 1
    far = took(one, stream.put([bus(600 + number, KEY if number == 0 else DELTA) for number in range(40)], 20_000))
    for number in range(640, 1_640, 50):
        took(one, stream.put([bus(number + i) for i in range(50)], 20_000))
    asked = rtcp.Nack(1, 7_000, (numbers(far)[0], numbers(far)[39]))
    assert one.rtcp(rtcp.build([asked]), 20_500) == [], "SRTP would refuse it"
    later = rtcp.Nack(1, 7_000, ((numbers(far)[39] + 2) & 0xFFFF,))
    assert len(one.rtcp(rtcp.build([later]), 20_500)) == 1


def test_a_source_that_begins_anew_goes_on_in_numbers_and_time() -> None:
    stream, one = Stream([PICTURE, SOUND]), viewer()
    out = took(one, stream.put([bus(0, KEY), bus(1)], 0))
    sound = took(one, stream.put([bus(0, b"opus", track=SOUND)], 0))
    other, heard = Track("VP8", 71), Track("opus", 81)
    stream.become([other, heard])
    assert took(one, stream.put([bus(40_000, DELTA, 5, other)], 900)) == []
    out += took(one, stream.put([bus(40_001, KEY, 3_005, other), bus(40_002, DELTA, 6_005, other)], 1_000))
    sound += took(one, stream.put([bus(777, b"opus", 0, heard), bus(778, b"opus", 960, heard)], 1_000))
    assert numbers(out) == [65_530, 65_531, 65_532, 65_533] and numbers(sound) == [3, 4, 5]
    stamps = [packet.read(data).timestamp for data in out]
    assert 60_000 < stamps[2] - stamps[1] < 120_000 and stamps[3] - stamps[2] == 3_000


def test_numbers_that_begin_elsewhere_under_the_same_ssrc_are_followed() -> None:
    stream, one = Stream([PICTURE]), viewer()
    out = took(one, stream.put([bus(30_000, KEY), bus(30_001)], 0))
    for at in range(400):
        out += took(one, stream.put([bus(29_000 + at, KEY, at * 3_000)], 100 + at))
    assert len(out) > 50 and numbers(out) == [(65_530 + i) & 0xFFFF for i in range(len(out))]


def test_reports_to_a_viewer_have_the_sources_moments_and_its_own_counts() -> None:
    stream, one = Stream([PICTURE, SOUND]), viewer()
    took(one, stream.put([bus(0, KEY), bus(1)], 0))
    assert one.reports(0) == b""
    stream.put([rtcp.build([rtcp.SenderReport(70, 5 << 32, 900, 77, 77), rtcp.Name(70, b"x")])], 10)
    report, name = rtcp.parse(one.reports(1_000))
    assert report == rtcp.SenderReport(7_000, 5 << 32, 900, 2, len(KEY + DELTA)) and name == rtcp.Name(7_000, b"c")
    block = rtcp.Block(7_000, 64, 1, 9, 0, rtcp.middle(5 << 32), 65_536)
    one.rtcp(rtcp.build([rtcp.ReceiverReport(1, (block,)), rtcp.Remb(1, 800_000 >> 3 << 3, (7_000,))]), 2_040)
    assert (round(one.rtt_ms), one.lost, one.bits_per_s) == (40, 0.25, 800_000)
    assert one.reports(1_500) == b""


def test_a_viewer_that_asks_for_pictures_without_end_is_not_heard() -> None:
    stream, one = Stream([PICTURE]), viewer()
    took(one, stream.put([bus(0, KEY)], 0))
    asked = 0
    for at in range(0, 10_000, 50):
        one.rtcp(rtcp.build([rtcp.Pli(1, 7_000)]), at)
        asked += one.asks(at)
    assert 4 <= asked <= 10


def test_a_way_that_is_too_narrow_has_pictures_now_and_then_and_the_others_are_not_troubled() -> None:
    stream, one, asked, shown = Stream([PICTURE]), viewer(), 0, 0
    for number in range(400):
        at = number * 33
        key = KEY if number % 100 == 0 else DELTA
        shown += len(took(one, stream.put([bus(number, key + bytes(1_000))], at)))
        one.rtcp(rtcp.build([rtcp.Remb(1, 50_000, (7_000,))]), at)
        one.tick(stream, at)
        asked += number > 0 and one.asks(at)
    assert one.stopped >= 2 and 100 < shown < 390 and asked == 0
    rates = [viewer() for _ in range(4)]
    for each, bits in zip(rates, (50_000, 900_000, 800_000, 2_000_000), strict=True):
        each.bits_per_s = bits
    assert carried(rates) == 800_000 and carried([]) == 0
