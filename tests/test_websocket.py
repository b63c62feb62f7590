"""Frames and handshakes: ours against wsproto's, byte by byte and in pieces."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.connection import Connection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Message, Ping, Request, TextMessage

from fusioncmd import limits
from gateways.responder import websocket
from gateways.responder.odd import Outcome
from gateways.responder.reader import FrameReader

FD = 7


class Taken:
    """A reader whose messages are kept; `open_for` closes after so many."""

    def __init__(self, open_for: int = 1_000_000) -> None:
        self.messages: list[bytes] = []
        self.reader = FrameReader()
        self.reader.take = self._take
        self._open_for = open_for

    def _take(self, fd: int, message: bytes) -> bool:
        self.messages.append(message)
        return len(self.messages) < self._open_for

    def feed(self, data: bytes, rng: random.Random | None = None) -> Outcome:
        total = Outcome()
        for piece in _pieces(data, rng):
            outcome = self.reader.feed(FD, piece)
            if outcome is not None:
                total.reply += outcome.reply
                total.over = total.over or outcome.over
            if total.over:
                break
        return total


def _pieces(data: bytes, rng: random.Random | None) -> list[bytes]:
    if rng is None:
        return [data]
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


def client_bytes(*events: Message | Ping | CloseConnection) -> bytes:
    connection = Connection(ConnectionType.CLIENT)
    return b"".join(connection.send(event) for event in events)


@given(st.lists(st.binary(max_size=400), max_size=6), st.randoms())
def test_messages_come_through_whole_however_tcp_cuts_them(sent: list[bytes], rng: random.Random) -> None:
    taken = Taken()
    taken.feed(client_bytes(*(BytesMessage(data=m) for m in sent)), rng)
    assert taken.messages == sent


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=2, max_size=5), st.randoms())
def test_fragments_with_a_ping_between_them_are_one_message(parts: list[bytes], rng: random.Random) -> None:
    events: list[Message | Ping] = [BytesMessage(data=p, message_finished=False) for p in parts[:-1]]
    events += [Ping(payload=b"there?"), BytesMessage(data=parts[-1], message_finished=True), BytesMessage(data=b"next")]
    taken = Taken()
    outcome = taken.feed(client_bytes(*events), rng)
    assert taken.messages == [b"".join(parts), b"next"]
    assert outcome.reply == b"\x8a\x06there?"


@settings(max_examples=300)
@given(st.binary(max_size=300), st.randoms())
def test_noise_never_raises_and_is_answered_with_a_close(noise: bytes, rng: random.Random) -> None:
    outcome = Taken().feed(noise, rng)
    if outcome.over:
        assert b"\x88" in outcome.reply


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\xfe\x40\x01" + bytes(4), 1009),
        (b"\x82\xff" + (1 << 40).to_bytes(8, "big"), 1009),
        (client_bytes(TextMessage(data="hello")), 1003),
        (b"\x82\x01a", 1002),  # not masked
        (b"\xc2\x80" + bytes(4), 1002),  # an extension bit
        (b"\x83\x80" + bytes(4), 1002),  # a reserved opcode
    ],
    ids=["too long", "far too long", "text", "not masked", "an extension bit", "a reserved opcode"],
)
def test_what_a_terminal_may_not_send_closes_with_the_right_code(data: bytes, code: int) -> None:
    outcome = Taken().feed(data)
    assert outcome.over
    assert outcome.reply[:1] == b"\x88"
    assert int.from_bytes(outcome.reply[2:4], "big") == code


def test_fragments_beyond_the_bound_are_refused() -> None:
    part = BytesMessage(data=bytes(limits.FRAME_BYTES_MAX // 2 + 1), message_finished=False)
    outcome = Taken().feed(client_bytes(part, part))
    assert int.from_bytes(outcome.reply[2:4], "big") == 1009


def test_a_close_is_echoed_and_what_follows_is_not_read() -> None:
    taken = Taken()
    outcome = taken.feed(client_bytes(CloseConnection(code=1000, reason="bye")))
    assert (outcome.over, outcome.reply[2:4]) == (True, (1000).to_bytes(2, "big"))


def test_nothing_is_read_after_the_session_closed() -> None:
    taken = Taken(open_for=1)
    taken.feed(client_bytes(BytesMessage(data=b"a"), BytesMessage(data=b"b")))
    assert taken.messages == [b"a"]


@given(st.binary(max_size=70_000))
def test_our_frames_are_read_by_wsproto(payload: bytes) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(websocket.frame(payload))
    events = list(client.events())
    assert b"".join(e.data for e in events if isinstance(e, BytesMessage)) == payload


@given(st.text(max_size=200))
def test_our_close_frames_are_read_by_wsproto(reason: str) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(websocket.close_frame(4100, reason))
    (event,) = client.events()
    assert isinstance(event, CloseConnection)
    assert event.code == 4100
    assert reason.startswith(event.reason or "")


def test_a_standard_client_is_accepted() -> None:
    client = WSConnection(ConnectionType.CLIENT)
    request = client.send(Request(host="gateway", target="/terminal?lang=zh"))
    client.receive_data(websocket.accept(request, "/terminal"))
    assert isinstance(next(client.events()), AcceptConnection)


GOOD = (
    "GET /terminal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def test_the_example_of_the_rfc_is_answered_as_there() -> None:
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in websocket.accept(GOOD.encode(), "/terminal")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        ("GET", "POST", b"405"), ("/terminal", "/other", b"404"), ("/terminal", "/healthz", b"200"),
        ("Version: 13", "Version: 8", b"426"), ("Upgrade: websocket", "Upgrade: h2c", b"426"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short", b"400"), ("HTTP/1.1", "HTTP/1.0", b"405"),
        ("GET /terminal ", "GET", b"400"), ("Host: x\r\n", "", b"426"),
    ],
)  # fmt: skip
def test_another_request_gets_the_http_answer_it_deserves(old: str, new: str, status: bytes) -> None:
    with pytest.raises(websocket.Refusal) as caught:
        websocket.accept(GOOD.replace(old, new, 1).encode(), "/terminal")
    assert caught.value.response.split(b" ")[1] == status


KEY_LINE = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
LATER_REQUESTS = st.sampled_from(
    [
        GOOD, GOOD.replace("dGhl", "aGhl"), GOOD.replace("dGhl", "d!hl"), GOOD.replace("dGhl", "dGh"),
        GOOD.replace("Key: ", "Key:  "), GOOD.replace("Sec-WebSocket-Key", "sec-websocket-key"),
        GOOD.replace("Sec-WebSocket-V", KEY_LINE + "Sec-WebSocket-V"),
        GOOD.replace("Upgrade: w", KEY_LINE + "Upgrade: w"),
        GOOD.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), GOOD.replace("13", "8"),
        GOOD.replace("bXBsZSBub25jZQ==", "\r\nHost: another"), GOOD.replace("GET", "PUT"),
        GOOD.replace("/terminal", "/"),
    ]
)  # fmt: skip


def answered(accept: Callable[[bytes], bytes], request: bytes) -> bytes:
    try:
        return accept(request)
    except websocket.Refusal as refusal:
        return refusal.response


@given(st.lists(LATER_REQUESTS, max_size=12))
def test_what_was_judged_before_gets_the_same_answer_as_what_was_not(requests: list[str]) -> None:
    handshakes = websocket.Handshakes("/terminal")
    for request in map(str.encode, requests):
        assert answered(handshakes.accept, request) == answered(lambda r: websocket.accept(r, "/terminal"), request)


@given(st.binary(max_size=200))
def test_a_request_of_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(websocket.Refusal):
        websocket.accept(noise + b"\r\n\r\n", "/terminal")
