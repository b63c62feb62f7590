"""The application beside a broker counts every answer once, however the stream of them is cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.responder import websocket
from loadtest.compare import dialect_mqtt as mqtt
from loadtest.compare.dialects import MASK, NONCE, Broken
from loadtest.compare.payloads import ORDER, Count, answer
from loadtest.compare.publishing import Application, MqttApplication, NatsApplication, NchanApplication
from loadtest.swarm import wire

AGREED = b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + wire.proof(NONCE) + b"\r\n\r\n"
ANSWERS = [answer(number) for number in range(7)]
PING, PONG = bytes([0x89, 2]) + b"hi", wire.masked(b"hi", MASK, wire.PONG)
NATS = [b"MSG answers 1 40\r\n" + payload + b"\r\n" for payload in ANSWERS]
MQTT = [mqtt.publish("answers", payload) for payload in ANSWERS]
NCHAN = [websocket.frame(payload) for payload in ANSWERS]
# By name: the application's side, what its broker says, and what goes back for it.
CASES: dict[str, tuple[Callable[[], Application], bytes, bytes]] = {
    "nats": (
        NatsApplication,
        b"INFO {}\r\nPONG\r\n" + b"".join(NATS[:3]) + b"PING\r\n" + b"".join(NATS[3:]),
        b"PONG\r\n",
    ),
    "mqtt": (MqttApplication, b"\x20\x02\x00\x00\x90\x03\x00\x01\x00" + b"".join(MQTT), b""),
    "nchan": (lambda: NchanApplication("host"), AGREED + b"".join(NCHAN[:3]) + PING + b"".join(NCHAN[3:]), PONG),
}


@pytest.mark.parametrize("name", CASES)
@given(cuts=st.lists(st.integers(0, 700), max_size=6))
def test_every_answer_is_read_however_the_stream_is_cut(name: str, cuts: list[int]) -> None:
    make, said, wanted = CASES[name]
    side = make()
    places = sorted({0, *(cut % len(said) for cut in cuts), len(said)})
    found: list[bytes] = []
    sent, rest, subscribed = b"", b"", 0
    for a, b in pairwise(places):
        came = side.hears(rest + said[a:b])
        found, sent, rest = found + came.answers, sent + came.reply, came.rest
        subscribed += came.subscribed
    assert (found, rest, subscribed, sent) == (ANSWERS, b"", 1, wanted)


def test_the_order_is_published_as_the_broker_takes_it() -> None:
    assert NatsApplication.publish == b"PUB order 608\r\n" + ORDER + b"\r\n"
    assert MqttApplication.publish == mqtt.publish("order", ORDER)
    head, _, body = NchanApplication("host").publish.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /publish HTTP/1.1\r\n") and b"Content-Length: 608" in head and body == ORDER


@pytest.mark.parametrize(
    ("side", "said"),
    [
        (NatsApplication(), b"-ERR 'Slow Consumer'\r\n"),
        (NatsApplication(), b"MSG answers 1 3\r\nabc\r\n"),
        (MqttApplication(), b"\x20\x02\x00\x05"),
        (NchanApplication("host"), b"HTTP/1.1 404 Not Found\r\n\r\n"),
    ],
)
def test_a_refusal_is_noticed(side: Application, said: bytes) -> None:
    with pytest.raises(Broken):
        side.hears(said)


def test_who_answers_twice_counts_once_and_who_does_not_exist_not_at_all() -> None:
    count = Count(3)
    for now_s, payload in enumerate((answer(0), answer(2), answer(2), answer(3), b"nonsense")):
        count.take(payload, float(now_s))
    assert count.figures() == {"answered": 2, "again": 1, "strange": 2, "last_s": 1.0}
    count.begin()
    assert count.figures() == {"answered": 0, "again": 0, "strange": 0, "last_s": 0.0}
