"""What radios offer, as their makers write it, and what is answered."""

from __future__ import annotations

import base64

import pytest

from gateways.radio.calls import LocalMedia, SrtpKeys
from gateways.radio.sip_sdp import SUITE, Unusable, read_offer, write_answer

LOCAL = LocalMedia("192.0.2.1", 20_000, None, None)
KEY = bytes(range(30))


def sdp(*media: str, at: str = "IN IP4 198.51.100.7") -> bytes:
    return "\r\n".join(["v=0", "o=- 1 1 IN IP4 198.51.100.7", "s=-", f"c={at}", "t=0 0", *media, ""]).encode()


def answer(body: bytes, local: LocalMedia = LOCAL, secured: bool = False) -> list[str]:
    return write_answer(read_offer(body, secured), local, 7, 1).decode().split("\r\n")


OPUS = ("m=audio 4000 RTP/AVP 0 8 96 101", "a=rtpmap:96 opus/48000/2", "a=rtpmap:101 telephone-event/8000")


def test_opus_is_taken_wherever_it_stands_and_else_the_first_g711() -> None:
    offer = read_offer(sdp(*OPUS, "a=ptime:40"), False).media
    assert (offer.codec, offer.payload_type, offer.dtmf_type, offer.ptime) == ("opus", 96, 101, 40)
    assert (offer.host, offer.port, offer.send, offer.receive) == ("198.51.100.7", 4000, True, True)
    assert "m=audio 20000 RTP/AVP 96 101" in answer(sdp(*OPUS))
    old = read_offer(sdp("m=audio 4000 RTP/AVP 18 8 0"), False).media
    assert (old.codec, old.payload_type, old.dtmf_type, old.ptime) == ("pcma", 8, None, 20)
    both = ("m=audio 4000 RTP/AVP 96 97 98", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000")
    assert read_offer(sdp(*both, "a=rtpmap:98 telephone-event/48000"), False).media.dtmf_type == 98


@pytest.mark.parametrize(
    ("said", "send", "receive", "answered"),
    [("sendonly", True, False, "recvonly"), ("recvonly", False, True, "sendonly"),
     ("inactive", False, False, "inactive"), ("sendrecv", True, True, "sendrecv")],
)  # fmt: skip
def test_which_way_sound_goes_is_mirrored(said: str, send: bool, receive: bool, answered: str) -> None:
    body = sdp(*OPUS, f"a={said}")
    media = read_offer(body, False).media
    assert (media.send, media.receive) == (send, receive) and f"a={answered}" in answer(body)


def test_the_old_way_of_hold_is_heard() -> None:
    assert read_offer(sdp(*OPUS, at="IN IP4 0.0.0.0"), False).media.receive is False


def test_keys_count_by_tls_only() -> None:
    keyed = ("m=audio 4000 RTP/SAVP 8", f"a=crypto:3 {SUITE} inline:{base64.b64encode(KEY).decode()}|2^31")
    offer = read_offer(sdp(*keyed), True)
    assert offer.media.keys == SrtpKeys(KEY, b"")
    local = LocalMedia("192.0.2.1", 20_000, SrtpKeys(KEY, KEY[::-1]), None)
    said = answer(sdp(*keyed), local, True)
    assert f"a=crypto:3 {SUITE} inline:{base64.b64encode(KEY[::-1]).decode()}" in said
    assert "m=audio 20000 RTP/SAVP 8" in said
    with pytest.raises(Unusable):
        read_offer(sdp(*keyed), False)
    with pytest.raises(Unusable):
        read_offer(sdp("m=audio 4000 RTP/SAVP 8", "a=crypto:1 NULL inline:AAAA"), True)
    plain = (keyed[0].replace("SAVP", "AVP"), keyed[1])
    assert read_offer(sdp(*plain), False).media.keys is None


def test_the_floor_and_other_media_are_answered_in_their_order() -> None:
    body = sdp("m=video 5000 RTP/AVP 99", *OPUS, "m=application 6000 udp MCPTT")
    assert read_offer(body, False).media.floor == ("198.51.100.7", 6000)
    said = [line for line in answer(body, LocalMedia("192.0.2.1", 20_000, None, 20_001)) if line.startswith("m=")]
    assert said == ["m=video 0 RTP/AVP 99", "m=audio 20000 RTP/AVP 96 101", "m=application 20001 udp MCPTT"]
    without = [line for line in answer(body) if line.startswith("m=application")]
    assert without == ["m=application 0 udp MCPTT"]


@pytest.mark.parametrize(
    "body",
    [b"", b"v=1\r\n", sdp(), sdp("m=audio 0 RTP/AVP 8"), sdp("m=audio 4000 RTP/AVP 18"), sdp("m=audio 99999 RTP/AVP 8"),
     sdp(*OPUS, at="IN IP4 radio.example.com"), sdp("m=audio 4000 udp 8"), sdp(*["m=audio 4000 RTP/AVP 8"] * 9),
     sdp("nonsense"), sdp("m=audio 4000 RTP/AVP 8", "a=" + "x" * 9_000)],
)  # fmt: skip
def test_what_cannot_be_is_refused(body: bytes) -> None:
    with pytest.raises(Unusable):
        read_offer(body, False)
