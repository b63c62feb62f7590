"""Jitter, voice activity and codecs: nothing that came in time is lost, and a tone comes out as the tone it was."""

from __future__ import annotations

from array import array
from math import pi, sin
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.floor.frames import Beacon
from fusioncmd.floor.known import Beacons
from fusioncmd.floor.sides import Nodes
from fusioncmd.voice import ogg
from fusioncmd.voice.activity import LOOKBACK_MS, DelayLine, VoiceActivity, level_db
from fusioncmd.voice.bounds import CLIP_BYTES_MAX, HANG_MS, JITTER_FRAMES_MAX, JITTER_MS_MAX, SPEECH_S_MAX
from fusioncmd.voice.codecs import G711, Law, OpusDecoder, OpusEncoder, Resampler, as_numbers
from fusioncmd.voice.frames import Speaker, VoiceFrame, silence_like
from fusioncmd.voice.jitter import Frame, JitterBuffer
from fusioncmd.voice.listening import Listening


def play(arrivals: dict[int, float], until_ms: int = 3_000) -> tuple[JitterBuffer, dict[int, tuple[float, Frame]]]:
    """Packets of 20 ms by number, each at its time; what comes out, by its place in time, and when."""
    buffer, out = JitterBuffer(48), {}
    coming = sorted(arrivals.items(), key=lambda item: item[1])
    for now in range(0, until_ms, 5):
        while coming and coming[0][1] <= now:
            number, at_ms = coming.pop(0)
            buffer.put(number, number * 960, 960, b"%d" % number, at_ms)
        for frame in buffer.take(now):
            out[frame.timestamp // 960] = (now, frame)
    return buffer, out


def test_a_steady_stream_comes_out_whole_and_hardly_later() -> None:
    buffer, out = play({n: 20.0 * n for n in range(50)})
    assert [frame.data for _, frame in out.values()] == [b"%d" % n for n in range(50)]
    assert all(when - 20 * n <= 25 for n, (when, _) in out.items()) and buffer.lost == buffer.late == 0


def test_packets_out_of_order_and_doubled_come_out_once_and_in_order() -> None:
    buffer, out = play({0: 0, 1: 20, 3: 41, 2: 50, 4: 80})
    buffer.put(9, 9 * 960, 960, b"9", 3_000)
    buffer.put(9, 9 * 960, 960, b"9", 3_000)
    assert [frame.data for _, frame in out.values()] == [b"0", b"1", b"2", b"3", b"4"] and buffer.doubled == 1


def test_what_is_lost_is_marked_and_what_is_late_is_dropped() -> None:
    buffer, out = play({n: 20.0 * n + (200 if n == 5 else 0) for n in range(20) if n != 9})
    assert out[9][1].data is None and out[5][1].data is None and len(out) == 20
    assert (buffer.lost, buffer.late) == (2, 1)


def test_it_grows_with_the_jitter_and_never_beyond_its_bound() -> None:
    chance = Random(3)
    buffer, _ = play({n: 20.0 * n + chance.random() * 50 for n in range(100)})
    assert buffer.late <= 3 and 20 < buffer.delay_ms <= JITTER_MS_MAX
    wild, _ = play({n: 20.0 * n + chance.random() * 400 for n in range(100)})
    assert wild.late and wild.delay_ms <= JITTER_MS_MAX


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(0, 60)), max_size=120))
def test_it_holds_few_frames_and_says_each_once(arrivals: list[tuple[int, int]]) -> None:
    buffer, now, said = JitterBuffer(8), 0.0, []
    for number, after in arrivals:
        now += after
        buffer.put(number, number * 160, 160, b"x", now)
        assert len(buffer._held) <= JITTER_FRAMES_MAX and buffer.delay_ms <= JITTER_MS_MAX + 1e-6
        said += [frame.timestamp for frame in buffer.take(now) if frame.data]
    said += [frame.timestamp for frame in buffer.end()]
    assert len(said) == len(set(said))


def tone(hz: float, ms: int, rate: int, loud: int = 8_000) -> bytes:
    return array("h", [int(loud * sin(2 * pi * hz * n / rate)) for n in range(ms * rate // 1_000)]).tobytes()


def share_of(samples: bytes, hz: float, rate: int) -> float:
    """How much of the sound is that tone, from 0 to 1 (Goertzel)."""
    numbers = as_numbers(samples)
    real = sum(x * sin(2 * pi * hz * n / rate) for n, x in enumerate(numbers))
    imaginary = sum(x * sin(2 * pi * hz * n / rate + pi / 2) for n, x in enumerate(numbers))
    return 2 * (real**2 + imaginary**2) / len(numbers) / max(1, sum(x * x for x in numbers))


@pytest.mark.parametrize("law", ["pcma", "pcmu"])
def test_a_tone_goes_from_g711_to_opus_and_back(law: Law) -> None:
    sound = tone(440, 400, 8_000)
    box, up, down = G711(law), Resampler(48_000, 8_000), Resampler(8_000, 48_000)
    packets = OpusEncoder().encode(up.convert(box.decode(box.encode(sound))))
    decoder = OpusDecoder()
    heard = box.decode(box.encode(down.convert(b"".join(map(decoder.decode, packets)))))
    assert abs(len(heard) - len(sound)) < 2 * 400
    assert share_of(heard[3_200:], 440, 8_000) > 0.9 > 0.1 > share_of(heard[3_200:], 700, 8_000)


def test_a_lost_packet_is_concealed_and_nonsense_is_refused() -> None:
    packets, decoder = OpusEncoder().encode(tone(440, 200, 48_000)), OpusDecoder()
    for packet in packets[:6]:
        decoder.decode(packet)
    concealed = decoder.decode(silence_like(packets[6]))
    assert len(concealed) == 1_920 and level_db(as_numbers(concealed)) > -30
    with pytest.raises(BadMessage):
        OpusDecoder().decode(b"\xff\xff\xff\xff")


def test_a_recording_holds_the_packets_as_they_were_and_who_spoke() -> None:
    packets = OpusEncoder().encode(tone(440, 400, 48_000))
    data = ogg.write([*packets[:5], silence_like(packets[5]), *packets[6:]], {"ARTIST": "天河值班"})
    found, tags = ogg.read(data)
    assert found[:5] == packets[:5] and found[6:] == packets[6:] and "天河值班" in tags.values()
    assert len(ogg.from_clip(data)) in (len(packets), len(packets) - 1)
    with pytest.raises(BadInput):
        ogg.read(b"OggS, but not at all")
    with pytest.raises(BadInput):
        ogg.from_clip(b"")


def test_a_clip_of_few_bytes_takes_no_more_room_than_its_time_is_bounded() -> None:
    packet = silence_like(OpusEncoder().encode(tone(440, 40, 48_000))[0])
    clip = ogg.write([packet] * (50 * SPEECH_S_MAX + 100), {})
    assert len(clip) < CLIP_BYTES_MAX and len(ogg.from_clip(clip)) == 50 * SPEECH_S_MAX


def test_a_voice_begins_after_onset_and_ends_after_the_hang_time() -> None:
    activity, said = VoiceActivity(), {}
    for now in range(0, 4_000, 20):
        talks = 1_000 <= now < 2_000 and not 1_300 <= now < 1_500  # with a breath in it
        said[now] = activity.hear(-20.0 if talks else -60.0, now)
    speaking = [now for now, yes in said.items() if yes]
    assert speaking[0] == 1_040 and len(speaking) == (speaking[-1] - 1_040) // 20 + 1
    assert 2_000 + HANG_MS - 40 <= speaking[-1] + 20 <= 2_000 + HANG_MS


def test_a_steady_noise_is_no_voice_and_a_click_is_none() -> None:
    activity = VoiceActivity()
    noise = [activity.hear(-60 + min(25, now / 400), now) for now in range(0, 30_000, 20)]  # an engine comes near
    assert not any(noise) and not activity.hear(-5.0, 30_000) and not activity.hear(-35.0, 30_020)


def test_the_first_syllable_is_not_lost() -> None:
    line: DelayLine[int] = DelayLine()
    for n in range(100):
        line.push(n, 20, LOOKBACK_MS)
    assert line.kept_ms == LOOKBACK_MS and line.shed == 0
    for n in range(100, 105):  # the floor is asked for
        line.push(n, 20)
    out = []
    for n in range(105, 115):
        line.push(n, 20)
        out.append(line.pull())
    assert out == list(range(90, 100))
    for n in range(200):
        line.push(n, 20)
    assert line.shed > 0 and line.kept_ms <= 1_000


def spoken(gateway: str, granted: str, last: bool = False, priority: int = 16) -> VoiceFrame:
    return VoiceFrame(gateway, 1, 0, 0, granted, priority, Speaker(None, "44", "x"), b"", last)


def test_one_burst_is_heard_at_a_time_and_the_arbiters_own_before_others() -> None:
    hearing = Listening()
    assert hearing.hear(spoken("a", "4401"), "44", 0) and not hearing.hear(spoken("b", "4401"), "44", 20)
    assert hearing.hear(spoken("c", "44"), "44", 40) and not hearing.hear(spoken("a", "4401"), "44", 60)
    assert hearing.hear(spoken("c", "44", last=True), "44", 80) and not hearing.hear(spoken("c", "44"), "44", 90)
    assert hearing.hear(spoken("a", "4401"), "44", 100) and not hearing.silent(200) and hearing.silent(400)


def test_whoever_joins_later_knows_the_beacons_that_were_heard() -> None:
    known, nodes = Beacons(), Nodes("44")
    for now in range(0, 10_001, 250):
        known.hear("44", now)
    for beacon, ms in known.again():
        nodes.hear(beacon.node, ms)
    assert nodes.best(10_100) == "44" and nodes.as_near("44", 100, 10_100)
    known.hear("44", 20_000)  # after a gap
    assert list(known.again()) == [(Beacon("44"), 20_000)]
