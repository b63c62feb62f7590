"""Bytes of anybody: no parser of SIP or SDP raises anything but what it says, takes long, or keeps more and more."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.radio import bounds
from gateways.radio.sip_message import parse
from gateways.radio.sip_sdp import Unusable, read_offer
from gateways.radio.sip_stream import Framing
from gateways.radio.sip_syntax import BadSyntax, address, credentials, items, params, uri, via
from tests.sip_phone import OFFER, Phone, agent
from tests.test_tidy import ROOT

MESSAGES = json.loads((ROOT / "loadtest" / "rfc4475.json").read_text("utf-8"))["messages"]
SEEDS = [text.encode("latin-1") for text in MESSAGES.values()]
WORDS = [
    b"\r\n",
    b"\r\n ",
    b"<",
    b">",
    b'"',
    b"\\",
    b";",
    b",",
    b"=",
    b":",
    b"\0",
    b"\xff",
    b"%",
    b"sip:",
    b"Via: ",
    b"9" * 40,
]


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A good message with some of it cut, doubled, or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        at, size = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        data = data[:at] + draw(st.sampled_from([*WORDS, data[at : at + size] * 2])) + data[at + size :]
    return data


@given(st.one_of(st.binary(max_size=2_000), damaged(SEEDS)))
def test_whatever_comes_by_udp_the_agent_goes_on(data: bytes) -> None:
    phone = Phone(agent())
    phone.say(data)
    phone.pass_s(40.0, 10.0)
    assert len(phone.agent.transactions) == 0 and len(phone.agent.book) == 0


@given(st.one_of(st.binary(max_size=2_000), damaged(SEEDS)))
def test_within_a_call_too(data: bytes) -> None:
    """The same bytes from somebody whose requests are all believed."""
    phone = Phone(agent())
    phone.agent.strangers.proved(phone.flow.host, phone.flow.port, 0.0)
    phone.agent._prove = lambda *_: "radio-1"  # type: ignore[method-assign]
    phone.say(data)
    phone.pass_s(bounds.RINGING_S_MAX + 80.0, 20.0)
    assert len(phone.agent.transactions) == 0 and len(phone.agent.book) == 0


@given(st.one_of(st.binary(max_size=1_000), damaged([OFFER.encode()])), st.booleans())
def test_an_offer_is_taken_or_refused(body: bytes, secured: bool) -> None:
    try:
        offer = read_offer(body, secured)
    except Unusable:
        return
    assert 0 <= offer.media.port < 65_536 and 0 <= offer.media.payload_type < 128


@given(st.lists(damaged(SEEDS), max_size=3), st.integers(1, 400))
def test_a_stream_in_any_pieces_gives_the_same(messages: list[bytes], size: int) -> None:
    whole, pieces, data = Framing(), Framing(), b"".join(messages)

    def fed(framing: Framing, parts: list[bytes]) -> list[bytes]:
        found: list[bytes] = []
        try:
            for part in parts:
                found += framing.feed(part)
        except BadSyntax:
            found.append(b"bad")
        return found

    assert fed(whole, [data]) == fed(pieces, [data[i : i + size] for i in range(0, len(data), size)]) or b"bad" in fed(
        Framing(), [data]
    )


@pytest.mark.parametrize("read", [uri, address, via, params, items, credentials])
@pytest.mark.parametrize(
    "text",
    ['"' * 9_000, '"\\' * 9_000, "<" * 9_000, ";a=" * 5_000, "a," * 9_000, " " * 9_000, "%41" * 5_000, "a" * 16_000,
     ";" + " " * 9_000, "sip:" + "a." * 8_000, "a=" + "\t" * 9_000, "[" + ":" * 9_000, "Digest " + "a=b," * 4_000,
     "Digest " + 'a="' * 4_000, "SIP/2.0/UDP " + "a-" * 8_000 + " x"],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_no_text_takes_long(read: object, text: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(BadSyntax):
        read(text)  # type: ignore[operator]
    assert time.process_time() - begun < 0.05  # linear: some 1 ms


def test_a_stream_without_an_end_is_given_up() -> None:
    framing = Framing()
    with pytest.raises(BadSyntax):
        for _ in range(1_000):
            framing.feed(b"X" * 100)
    with pytest.raises(BadSyntax):
        Framing().feed(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 99999999\r\n\r\n")
    with pytest.raises(BadSyntax):
        parse(b"A" * 70_000)


def test_keep_alives_are_counted_and_messages_follow_each_other() -> None:
    message = b"OPTIONS sip:a@b SIP/2.0\r\nl: 3\r\n\r\nabc"
    framing = Framing()
    assert framing.feed(b"\r\n\r\n" + message + message[:20]) == [message] and framing.pings == 1
    assert framing.feed(message[20:] + b"\r\n\r\n\r\n") == [message] and framing.pings == 2
