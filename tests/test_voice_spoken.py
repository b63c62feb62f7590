"""Orders that speak: what is read out, what an engine that fails says, and how ready sound is said on time."""

from __future__ import annotations

import pytest

from fusioncmd.errors import Unavailable
from fusioncmd.messages import Order, Selector
from fusioncmd.voice.codecs import G711, OpusDecoder, as_numbers
from fusioncmd.voice.rtp import parse
from gateways.radio.calls import Caller, CallUp, Codec, MediaOffer
from gateways.radio.leg import Leg
from gateways.radio.player import Player
from gateways.radio.speech import VARIABLE, spoken, words_of
from gateways.radio.tones import LASTS_MS, Tones
from tests.radios import share_of


def order(text: str, *answers: str) -> Order:
    return Order(
        bytes(16), "alert", "exercise", None, None, "44", "广东省", 0, text, "minor", answers, Selector(("44",)),
        60, 60, 60,
    )  # fmt: skip


def call(codec: Codec = "opus") -> CallUp:
    offer = MediaOffer("127.0.0.1", 9, codec, 111, None, 20, True, True, None, None)
    return CallUp("1", Caller(7, "x", "44", "x"), "44", offer)


def test_it_is_said_what_it_is_and_which_key_answers_what() -> None:
    assert words_of(order("谁在？", "在", "否")) == "演练。谁在？。在，请按1。否，请按2"
    assert words_of(order("Who is there?", "here")) == "exercise. Who is there?. for here, press 1"


@pytest.mark.parametrize("engine", ["false", "no-such-engine-anywhere", "echo nothing"])
async def test_an_engine_that_is_not_there_or_fails_is_one_sentence(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, engine)
    with pytest.raises(Unavailable) as failed:
        await spoken("text")
    assert failed.value.en.endswith(".") and failed.value.zh.endswith("。")


def test_what_lies_ready_is_said_on_time_and_goes_on_where_it_was() -> None:
    ended: list[Player] = []
    player = Player(call(), 1, [bytes((n,)) for n in range(10)], b"o" * 16, 0, ended.append)
    assert [sound.payload[0] for sound in player.uplink_of(1_000)] == [0]
    assert player.uplink_of(1_019) == [] and [s.sequence for s in player.uplink_of(1_061)] == [1, 2, 3]
    assert player.uplink_of(1_500)[-1].timestamp == 9 * 960 and player.done and player.order == b"o" * 16


@pytest.mark.parametrize("codec", ["opus", "pcma", "pcmu"])
def test_a_tone_says_that_an_answer_counts_and_another_that_it_does_not(codec: Codec) -> None:
    tones, heard = Tones(), {}
    for good in (True, False):
        tones.begin(Leg(call(codec), None, 5, None), good)
        packets = []
        for now in range(0, 1_000, 10):
            packets += [parse(bytes(packet)) for _, packet in tones.due(now + 10_000 * (not good))]
        assert len(packets) == LASTS_MS // 20 and packets[0].marker and packets[0].ssrc == 5
        decoder = OpusDecoder() if codec == "opus" else G711(codec)
        rate = 48_000 if codec == "opus" else 8_000
        sound = as_numbers(b"".join(decoder.decode(packet.payload) for packet in packets))
        heard[good] = sound[: len(sound) // 2], sound[len(sound) // 2 :], rate
    first, second, rate = heard[True]
    assert share_of(first[rate // 50 :], 660, rate) > 0.7 and share_of(second[rate // 50 :], 880, rate) > 0.7
    assert share_of(heard[False][1], 220, rate) > 0.7
