"""The lean swarm speaks each protocol of a comparison, however its bytes are cut, and notices what is none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, Pong

from fusioncmd import terminal
from gateways.responder import websocket
from loadtest.compare import dialect_mqtt as mqtt
from loadtest.compare.dialect_terminal import Terminal
from loadtest.compare.dialects import (
    LIVE,
    NONCE,
    Broken,
    Dialect,
    Floor,
    Nats,
    NatsWebSocket,
    WebSocket,
)
from loadtest.compare.payloads import ANSWER_BYTES, ORDER, ORDER_BYTES, answer
from loadtest.swarm import wire
from tests.worlds import make_id, make_order, sealed

FIRST, TERMINAL, HOST = 100, 2, "127.0.0.1:8701"
AGREED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
    + wire.proof(NONCE)
    + b"\r\n\r\n"
)
INFO, MSG = b'INFO {"server_id":"x"}\r\n', b"MSG order 1 608\r\n" + ORDER + b"\r\n"
MQTT_ORDER = bytes([0x30, 0xE7, 0x04, 0, 5]) + b"order" + ORDER  # 615 bytes are 0x67 | 0x80, 0x04
DELIVER = terminal.encode(terminal.Deliver(sealed(make_order())))
WELCOME = terminal.encode(terminal.Welcome(7, 0, 240))
COUNTED = terminal.encode(terminal.Counted(make_id(1), 0))


def frames(*payloads: bytes) -> bytes:
    return b"".join(websocket.frame(payload) for payload in payloads)


def read(data: bytes) -> Iterator[bytes]:
    """What a server reads: by wsproto, not by our own code."""
    server = Connection(ConnectionType.SERVER)
    server.receive_data(data)
    for event in server.events():
        assert isinstance(event, BytesMessage | Pong)
        yield bytes(event.data if isinstance(event, BytesMessage) else event.payload)


def plain(sent: bytes) -> bytes:
    return sent


def unwrapped(sent: bytes) -> bytes:
    """Without an HTTP request in front."""
    return b"".join(read(sent[sent.index(b"\r\n\r\n") + 4 :]))


def make_terminal() -> Terminal:
    return Terminal([b"ticket"] * 5, HOST)


DEED = answer(FIRST + TERMINAL)
PUB = b"PUB answers 40\r\n" + DEED + b"\r\n"
TOLD = terminal.encode(terminal.Received(make_id(1))) + terminal.encode(terminal.Answer(make_id(1), 0))
HELLO = terminal.encode(terminal.Hello(terminal.VERSION, b"ticket", ()))
SUBSCRIBED = b"SUB order 1\r\nPING\r\n"
# By name: the dialect, what a server says to it, how what it sends is read, and how that ends.
CASES: dict[str, tuple[Callable[[], Dialect], bytes, Callable[[bytes], bytes], bytes]] = {
    "floor": (lambda: Floor(FIRST, 5), ORDER * 2, plain, DEED * 2),
    "ws": (lambda: WebSocket(FIRST, 5, HOST, "/"), AGREED + frames(ORDER, ORDER), unwrapped, DEED * 2),
    "nats-tcp": (lambda: Nats(FIRST, 5), INFO + b"PONG\r\n" + MSG + b"PING\r\n" + MSG, plain,
                 SUBSCRIBED + PUB + b"PONG\r\n" + PUB),
    "nats-ws": (lambda: NatsWebSocket(FIRST, 5, HOST, "/"),
                AGREED + frames(INFO, b"PO", b"NG\r\n" + MSG[:100], MSG[100:] + b"PING\r\n", MSG), unwrapped,
                SUBSCRIBED + PUB + b"PONG\r\n" + PUB),
    "mqtt": (lambda: mqtt.Mqtt(FIRST, 5), b"\x20\x02\x00\x00\x90\x03\x00\x01\x00" + MQTT_ORDER * 2, plain,
             (b"\x30\x31\x00\x07answers" + DEED) * 2),
    "terminal": (make_terminal, AGREED + frames(WELCOME, DELIVER, COUNTED), unwrapped, HELLO + TOLD),
}  # fmt: skip


def heard(dialect: Dialect, pieces: list[bytes]) -> tuple[bytes, int, int, int]:
    """All that one terminal sends while it hears these pieces; its last phase, its orders, what was confirmed."""
    sent, rest, phase, orders, confirmed = dialect.opening(TERMINAL), b"", dialect.first_phase, 0, 0
    for piece in pieces:
        phase, reply, rest, came, counted = dialect.hears(TERMINAL, phase, rest + piece)
        sent, orders, confirmed = sent + reply, orders + came, confirmed + counted
    assert rest == b""
    return sent, phase, orders, confirmed


@pytest.mark.parametrize("name", CASES)
@given(cuts=st.lists(st.integers(0, 900), max_size=6))
def test_a_terminal_answers_the_same_however_what_it_hears_is_cut(name: str, cuts: list[int]) -> None:
    make, said, reading, wanted = CASES[name]
    places = sorted({0, *(cut % len(said) for cut in cuts), len(said)})
    pieces = [said[a:b] for a, b in pairwise(places)]
    sent, phase, orders, confirmed = heard(make(), pieces)
    assert reading(sent).endswith(wanted)
    assert (phase, orders, confirmed) == (LIVE, 1 if name == "terminal" else 2, int(name == "terminal"))


@pytest.mark.parametrize("name", CASES)
def test_a_message_known_from_before_is_answered_as_the_first_time(name: str) -> None:
    make, said, reading, wanted = CASES[name]
    dialect = make()
    again = {"floor": ORDER, "ws": frames(ORDER), "nats-tcp": MSG, "nats-ws": frames(MSG), "mqtt": MQTT_ORDER,
             "terminal": frames(DELIVER)}[name]  # fmt: skip
    heard(dialect, [said])
    replies = [dialect.hears(TERMINAL, LIVE, again) for _ in range(3)]
    assert len(set(replies)) == 1 and replies[0].orders == 1 and replies[0].rest == b""
    deed = replies[0].reply if reading is plain else b"".join(read(replies[0].reply))
    assert deed == (TOLD if name == "terminal" else wanted[-len(deed) :]) and (name == "terminal" or DEED in deed)


def test_an_answer_has_its_terminals_number_and_the_size_of_all_others() -> None:
    assert len(ORDER) == ORDER_BYTES
    assert {len(answer(number)) for number in (0, 1, 15_000, 839_999)} == {ANSWER_BYTES}
    answers = {Floor(FIRST, 5).hears(i, LIVE, ORDER).reply for i in range(5)}
    assert answers == {answer(FIRST + i) for i in range(5)}


def test_pings_are_answered() -> None:
    ping = bytes([0x89, 2]) + b"hi"
    ws = CASES["ws"][0]()
    assert list(read(ws.hears(0, LIVE, ping).reply)) == [b"hi"]
    nats = NatsWebSocket(FIRST, 5, HOST, "/")
    assert list(read(nats.hears(0, LIVE, ping + frames(b"PING\r\n")).reply)) == [b"hi", b"PONG\r\n"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ws", b"HTTP/1.1 503 Service Unavailable\r\n\r\n"),
        ("ws", AGREED.replace(wire.proof(NONCE), b"something else")),
        ("ws", AGREED + frames(b"another order")),
        ("ws", AGREED + b"\x88\x02\x03\xe9"),
        ("ws", AGREED + b"\x02\x01a"),
        ("nats-tcp", b"-ERR 'maximum connections exceeded'\r\n"),
        ("nats-tcp", b"MSG order 1 5\r\nhello\r\n"),
        ("nats-ws", AGREED + frames(b"-ERR 'Authorization Violation'\r\n")),
        ("mqtt", b"\x20\x02\x00\x05"),
        ("mqtt", b"\x20\x02\x00\x00\x90\x03\x00\x01\x80"),
        ("mqtt", b"\x30\x09\x00\x05orderhi"),
        ("terminal", AGREED + frames(terminal.encode(terminal.Refused("busy", make_id(1), "")))),
        ("terminal", AGREED + frames(b"\xc1")),
        ("terminal", AGREED + b"\x88\x02\x10\x06"),
    ],
)
def test_what_is_not_the_protocol_or_a_refusal_is_noticed(name: str, said: bytes) -> None:
    with pytest.raises(Broken):
        heard(CASES[name][0](), [said])


def test_a_terminal_gives_its_own_ticket() -> None:
    dialect = Terminal([b"one", b"two"], HOST)
    said = dialect.hears(1, dialect.first_phase, AGREED).reply
    (hello,) = read(said)
    assert msgspec.msgpack.decode(hello)[2] == b"two"


# The lengths of MQTT 3.1.1, table 2.4, at the edges of each row.
@pytest.mark.parametrize(
    ("size", "length"),
    [(0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001"), (2_097_151, "ffff7f")],
)
def test_a_packet_has_the_length_of_the_standard(size: int, length: str) -> None:
    made = mqtt.packet(mqtt.PUBLISH, bytes(size))
    assert made.startswith(b"\x30" + bytes.fromhex(length)) and mqtt.packets(made) == ([(0x30, bytes(size))], b"")
    assert mqtt.packets(made[:-1]) == ([], made[:-1])


def test_a_client_connects_and_subscribes_in_the_bytes_of_the_standard() -> None:
    connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a"  # 3.1: level 4, clean session, keep alive off
    subscribe = b"\x82\x0a\x00\x01\x00\x05order\x00"  # 3.8: packet 1, quality of service 0
    assert mqtt.opening("a", "order") == connect + subscribe
