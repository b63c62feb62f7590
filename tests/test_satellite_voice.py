"""Voice over a thin link: how small it becomes, that it is heard whole at the other end, and what is left out when."""

from __future__ import annotations

import contextlib
from array import array
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fusioncmd.errors import BadMessage
from fusioncmd.voice import ogg
from fusioncmd.voice.activity import level_db
from fusioncmd.voice.codecs import G711, OPUS_SAMPLES, OpusDecoder, OpusEncoder
from fusioncmd.voice.frames import PER_MS, VoiceFrame
from gateways.radio.downlink import Downlink
from gateways.satellite import voice_out
from gateways.satellite.classes import Class
from gateways.satellite.voice_in import VoiceIn
from gateways.satellite.voice_letter import read
from gateways.satellite.voice_out import VoiceOut
from gateways.satellite.voice_thinned import THIN_BYTES_MAX, THIN_SAMPLES, Thinned
from tests.radios import share_of, tone
from tests.satellite_talk import Pair
from tests.speech import WHO, burst
from tiers.bursts import Bursts

GROUP = "44.main"


def carried(said: list[VoiceFrame], rate_bps: int = 64_000, lose: set[int] = frozenset()) -> list[VoiceFrame]:  # type: ignore[assignment]
    """Through both ends, less the letters of these numbers."""
    out, into = VoiceOut(lambda: rate_bps), VoiceIn(lambda group: group == GROUP)
    letters: list[bytes] = []
    now_s = 0.0
    for frame in said:
        now_s = frame.timestamp / PER_MS / 1_000
        letters += [*out.due(now_s), *out.hear(GROUP, frame, now_s)]
    letters += out.due(now_s + 1.0)
    heard = [into.hear(letter, now_s) for n, letter in enumerate(letters) if n not in lose]
    return [frame for each in heard if each is not None for frame in each[1]]


def sound(said: list[VoiceFrame]) -> array[int]:
    decoder, samples = OpusDecoder(), array("h")
    for frame in said:
        samples.frombytes(decoder.decode(frame.opus) if frame.opus else b"")
    return samples


def spoken_tone(hz: float, ms: int) -> list[VoiceFrame]:
    packets = OpusEncoder().encode(tone(hz, ms, 48_000))
    return [VoiceFrame("gw", 5, n, n * OPUS_SAMPLES, "44", 64, WHO, packet) for n, packet in enumerate(packets)]


def last(said: list[VoiceFrame]) -> VoiceFrame:
    end = said[-1]
    return VoiceFrame("gw", 5, end.sequence + 1, end.timestamp + OPUS_SAMPLES, "44", 64, WHO, b"", True)


def test_a_burst_takes_less_than_17_kbit_s_of_the_link_and_all_of_it_is_heard() -> None:
    pair = Pair(64_000)
    began_s = pair.world.now_s
    said_s = pair.kit.speak(GROUP, burst(3.0))
    pair.world.run(for_s=4.5)
    heard = [frame for _, frame in pair.hub.heard]
    assert [frame.sequence for frame in heard] == list(range(51)) and heard[-1].last
    assert {(frame.key, frame.speaker, frame.granted, frame.priority) for frame in heard} == {
        (("440106001-radio-1", 1_764_380_000_000), WHO, "44", 64)
    }
    up = [size for at, _, direction, size in pair.world.sent if direction == "up" and said_s <= at < said_s + 3.0]
    down = [size for at, _, direction, size in pair.world.sent if direction == "down" and said_s <= at < said_s + 3.0]
    assert sum(up) * 8 / 3.0 < 17_000 and sum(down) * 8 / 3.0 < 6_000, (sum(up), sum(down))
    late_s = sorted(at - said_s - frame.timestamp / 48_000 for at, frame in pair.hub.heard if frame.opus)
    assert (
        began_s <= said_s and late_s[-1] < 0.3 + 0.12 + 0.03
    )  # the way, a pair of packets, and 190 bytes at 64 kbit/s


def test_beside_a_clip_voice_loses_what_the_link_does_and_waits_for_one_packet() -> None:
    pair = Pair(64_000, loss=0.01, seed=2)
    pair.upload()
    pair.world.run(for_s=2.0)
    line = pair.world.lines["sat", "up"]
    before, said_s = line.counters.lost, pair.kit.speak(GROUP, burst(6.0))
    pair.world.run(for_s=7.5)
    heard = [(at, frame) for at, frame in pair.hub.heard if frame.opus]
    assert 100 - len(heard) <= 2 * (line.counters.lost - before) and len(heard) > 90
    assert max(at - said_s - frame.timestamp / 48_000 for at, frame in heard) < 0.3 + 0.12 + 0.2


@pytest.mark.parametrize(
    ("rate_bps", "together", "bytes_max"), [(64_000, 2, 260), (128_000, 1, 130), (512_000, 3, 300)]
)
def test_what_a_letter_holds_depends_on_what_the_link_takes(rate_bps: int, together: int, bytes_max: int) -> None:
    out = VoiceOut(lambda: rate_bps)
    letters = [body for frame in burst(3.0)[:-1] for body in out.hear(GROUP, frame, frame.timestamp / 48_000)]
    without_who = [body for body in letters if read(body).who is None]
    assert {len(read(body).pieces) for body in letters} == {together}
    assert len(letters) - len(without_who) == voice_out.WHOLE_FIRST + 1  # and one 1.5 s later
    assert sum(map(len, without_who)) / len(without_who) < bytes_max


def test_what_was_made_smaller_sounds_as_it_did_and_lasts_as_long() -> None:
    said = spoken_tone(440, 1_200)
    heard = carried([*said, last(said)])
    assert [(frame.sequence, frame.timestamp) for frame in heard[:-1]] == [(n, n * THIN_SAMPLES) for n in range(20)]
    before, after = sound(said), sound(heard[:-1])
    assert len(before) == len(after)
    assert share_of(after[9_600:48_000:6], 440, 8_000) > 0.9
    assert abs(level_db(before[9_600:]) - level_db(after[9_600:])) < 2.0


def test_frames_out_of_order_are_put_in_order_and_lost_ones_concealed() -> None:
    said, thinned = spoken_tone(440, 1_200), Thinned()
    mixed = [*said]
    mixed[7], mixed[8] = mixed[8], mixed[7]
    del mixed[20:23]
    packets = [packet for frame in mixed for packet in thinned.put(frame)] + thinned.end()
    assert [packet.timestamp for packet in packets] == [n * THIN_SAMPLES for n in range(20)]
    decoder = OpusDecoder()
    samples = array("h", b"".join(decoder.decode(packet.opus) for packet in packets))
    assert share_of(samples[4_800:19_000:6], 440, 8_000) > 0.9  # also where they were mixed up
    assert level_db(samples[19_500:22_000]) > -30  # and something is heard where three were lost


def test_a_pause_of_the_speaker_is_as_long_at_the_other_end() -> None:
    said = spoken_tone(440, 600)
    paused = [replace(frame, timestamp=frame.timestamp + (48_000 if frame.sequence >= 10 else 0)) for frame in said]
    heard = carried([*paused, last(paused)])
    stamps = [frame.timestamp for frame in heard]
    assert stamps[3] == 3 * THIN_SAMPLES and 10 * OPUS_SAMPLES + 48_000 in stamps and stamps == sorted(stamps)
    assert heard[-1].timestamp == stamps[-2] + THIN_SAMPLES >= last(paused).timestamp


def test_that_a_burst_is_over_comes_through_although_letters_are_lost_and_comes_once() -> None:
    said = spoken_tone(440, 600)
    whole = carried([*said, last(said)])
    assert sum(frame.last for frame in whole) == 1
    letters = 600 // 120 + 1
    assert carried([*said, last(said)], lose={letters - 1})[-1].last
    assert not carried([*said, last(said)], lose={letters - 1, letters})[-1].last


def test_nobody_is_heard_whose_name_was_not_told() -> None:
    out, into = VoiceOut(lambda: 64_000), VoiceIn(lambda group: True)
    letters = [body for frame in burst(3.0)[:-1] for body in out.hear(GROUP, frame, frame.timestamp / 48_000)]
    untold = [body for body in letters if read(body).who is None]
    assert into.hear(untold[0], 0.0) is None and into.unknown == 1
    assert into.hear(letters[0], 0.0) is not None and into.hear(untold[1], 0.0) is not None
    with pytest.raises(BadMessage):
        VoiceIn(lambda group: group != GROUP).hear(letters[0], 0.0)


def test_two_bursts_fit_64_kbit_s_and_an_emergency_takes_the_place_of_one() -> None:
    out = VoiceOut(lambda: 64_000)
    for n in range(3):
        out.hear(GROUP, burst(3.0, number=n)[0], 0.0)
    assert out.bursts == 2 and out.shed == 1
    out.hear(GROUP, burst(3.0, number=9, priority=255)[0], 0.0)
    assert out.bursts == 2 and out.shed == 2
    kept = [n for n in (0, 1, 2, 9) if out.hear(GROUP, burst(3.0, number=n, priority=255 if n == 9 else 64)[-1], 0.1)]
    assert len(kept) == 2 and 9 in kept
    assert VoiceOut(lambda: 1_000).hear(GROUP, burst(3.0)[0], 0.0) == []


def test_bursts_without_room_are_counted_where_health_looks() -> None:
    pair = Pair(64_000)
    for n in range(3):
        pair.kit.speak(GROUP, burst(3.0, number=n)[:10])
    pair.world.run(for_s=0.5)
    assert pair.kit.bridge.shed == {Class.VOICE: 10}


def test_what_was_made_smaller_already_is_passed_on_as_it_is() -> None:
    once = carried(burst(3.0))
    again = carried(once)
    assert [frame.opus for frame in again] == [frame.opus for frame in once]
    assert all(len(frame.opus) <= THIN_BYTES_MAX for frame in once)


def test_a_burst_that_grows_in_the_middle_is_made_smaller_from_there() -> None:
    small, large = carried(burst(3.0))[:10], OpusEncoder(64_000, 60).encode(tone(440, 600, 48_000))
    begins = small[-1]
    said = small + [
        VoiceFrame(begins.gateway, begins.burst, 10 + n, (10 + n) * THIN_SAMPLES, "44", 64, WHO, packet)
        for n, packet in enumerate(large)
    ]
    heard = carried(said)
    assert [(frame.sequence, frame.timestamp) for frame in heard] == [(n, n * THIN_SAMPLES) for n in range(20)]
    assert max(len(frame.opus) for frame in heard) <= THIN_BYTES_MAX < max(map(len, large))


def test_a_radio_by_g711_and_the_recorder_take_packets_of_60_ms() -> None:
    said = spoken_tone(440, 1_200)
    heard = carried([*said, last(said)])
    down, law, recorded, samples = Downlink(), G711("pcma"), Bursts(), array("h")
    at_ms, ended = 1_000, []
    for frame in heard:
        if frame.sequence % 2 == 0:  # a letter holds two
            at_ms += 120
        for body in down.hear(frame, {"pcma", "opus"}, at_ms):
            if body.codec == "pcma":
                samples.frombytes(law.decode(body.payload))
        ended += recorded.hear("44", "main", frame, at_ms)
        for step in range(0, 60, 10):
            for body in down.due({"pcma"}, at_ms + step):
                samples.frombytes(law.decode(body.payload))
    assert 9_600 <= len(samples) <= 9_600 + 480 and share_of(samples[800:8_800], 440, 8_000) > 0.9
    (one,) = ended
    assert (one.recorded.lasts_ms, one.recorded.lost, one.recorded.name) == (1_200, 0, WHO.name)
    assert ogg.read(ogg.write(one.packets, {}))[0] == one.packets


@given(st.binary(max_size=80))
def test_what_is_no_letter_is_refused(body: bytes) -> None:
    into = VoiceIn(lambda group: True)
    with contextlib.suppress(BadMessage):
        into.hear(body, 0.0)


def test_a_letter_with_any_octet_changed_is_refused_or_says_something_else() -> None:
    chance, out = Random(1), VoiceOut(lambda: 64_000)
    letters = [body for frame in burst(3.0)[:13] for body in out.hear(GROUP, frame, 0.0)]
    refused = 0
    for _ in range(2_000):
        body = bytearray(letters[0])
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
        try:
            VoiceIn(lambda group: True).hear(bytes(body[: chance.randrange(1, len(body) + 1)]), 0.0)
        except BadMessage:
            refused += 1
    assert refused > 1_000
