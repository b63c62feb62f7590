"""The swarm does what PROTOCOL.md asks of a terminal, and writes down honestly what it did and was told."""

from __future__ import annotations

import re
import socket
from base64 import b64decode
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage

from fusioncmd import terminal
from gateways.responder import websocket
from loadtest.swarm import wire
from loadtest.swarm.behaviour import BEHAVIOURS, Behaviour, Plan, Touch
from loadtest.swarm.crew import Crew
from loadtest.swarm.engine import Engine
from loadtest.swarm.links import Links
from tests.worlds import judge, make_id, make_order, sealed

MASK = b"\x01\x02\x03\x04"


def crew(behaviour: Behaviour = BEHAVIOURS["at-once"], people: int = 3) -> Crew:
    made = Crew([(100 + n, b"ticket") for n in range(people)], judge().fresh, behaviour, 1, MASK, 0.0)
    for i in range(people):
        said(made, i, terminal.Welcome(100 + i, 0, 60))
    return made


def said(to: Crew, i: int, message: msgspec.Struct, now_s: float = 0.5) -> list[terminal.FromTerminal]:
    return list(read(to.said(i, terminal.encode(message), now_s)))


def read(data: bytes) -> Iterator[terminal.FromTerminal]:
    """What a server reads: by wsproto, not by our own code."""
    server = Connection(ConnectionType.SERVER)
    server.receive_data(data)
    for event in server.events():
        assert isinstance(event, BytesMessage)
        yield terminal.decode_from_terminal(bytes(event.data))


def deliver(n: int = 1, **changes: object) -> terminal.Deliver:
    return terminal.Deliver(sealed(make_order(n, **changes)))


@given(st.binary(max_size=70_000), st.binary(min_size=4, max_size=4))
def test_a_masked_frame_is_what_the_standard_has_it_be(payload: bytes, mask: bytes) -> None:
    server = Connection(ConnectionType.SERVER)
    server.receive_data(wire.masked(payload, mask))
    assert b"".join(bytes(event.data) for event in server.events() if isinstance(event, BytesMessage)) == payload


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(0, 2000))
def test_frames_that_come_in_pieces_are_put_together(payloads: list[bytes], cut: int) -> None:
    whole = b"".join(websocket.frame(payload) for payload in payloads)
    first, rest = wire.frames(whole[:cut])
    second, left = wire.frames(rest + whole[cut:])
    assert [payload for _, payload in first + second] == payloads
    assert left == b""


@pytest.mark.parametrize("data", [b"\x82\x80abcd", b"\x02\x01a", b"\xc2\x01a"])
def test_a_frame_that_no_gateway_may_send_is_noticed(data: bytes) -> None:
    with pytest.raises(wire.NotWebSocket):
        wire.frames(data)


def test_a_terminal_receives_and_answers_and_remembers_the_confirmation() -> None:
    swarm = crew()
    assert said(swarm, 0, deliver()) == [terminal.Answer(make_id(1), 100 % 2)]  # which says received, too
    deeds = swarm.record.deeds[make_id(1)]
    assert (deeds.shown, deeds.given[0], swarm.waiting()) == (BitMap([100]), BitMap([100]), 1)
    said(swarm, 0, terminal.Counted(make_id(1), 0))
    assert (deeds.confirmed[0], swarm.waiting()) == (BitMap([100]), 0)


def test_what_was_not_confirmed_is_sent_again_on_the_next_connection() -> None:
    swarm = crew()
    said(swarm, 0, deliver())
    swarm.lost(0, "4000")
    (hello,) = read(swarm.hello(0))
    assert hello == terminal.Hello(terminal.VERSION, b"ticket", (make_id(1),))
    assert said(swarm, 0, terminal.Welcome(100, 0, 60)) == [terminal.Answer(make_id(1), 0)]
    said(swarm, 0, terminal.Counted(make_id(1), 0))
    assert said(swarm, 0, terminal.Welcome(100, 0, 60)) == []


def test_an_order_shown_again_and_a_confirmation_nobody_asked_for_are_written_down() -> None:
    swarm = crew()
    said(swarm, 0, deliver())
    said(swarm, 0, deliver())
    said(swarm, 1, terminal.Counted(make_id(1), 1))
    said(swarm, 1, terminal.Counted(make_id(7), 1))
    assert swarm.record.deeds[make_id(1)].shown_again == BitMap([100])
    assert swarm.record.unasked["counted"] == 2


def test_what_does_not_verify_is_shown_to_nobody_told_to_the_gateway_and_written_down() -> None:
    swarm, forged = crew(), terminal.Deliver(sealed(make_order()).replace(b"Report", b"Remain"))
    broken = terminal.Deliver(b"noise")
    for i in (0, 1, 0):
        assert said(swarm, i, forged) == [terminal.Distrust(make_id(1), "signature")]
    assert said(swarm, 2, broken) == [terminal.Distrust(None, "bytes")]
    assert dict(swarm.record.untrusted) == {f"{make_id(1).hex()}: signature": 3, "no order: bytes": 1}
    assert swarm.record.deeds == {} and swarm.waiting() == 0
    assert said(swarm, 0, deliver()) == [terminal.Answer(make_id(1), 0)]  # the true one comes


def test_the_same_order_in_other_bytes_is_written_down() -> None:
    swarm = crew()
    said(swarm, 0, deliver())
    said(swarm, 1, deliver(text="Something else."))
    assert sum(swarm.record.differing.values()) == 1
    assert said(swarm, 0, deliver(text="Something else.")) == [terminal.Received(make_id(1))]  # shown it, and answered


def test_people_touch_when_their_time_comes_connected_or_not() -> None:
    swarm = crew(Behaviour(median_s=5.0, reporting=1.0))
    for i in (0, 1):
        assert said(swarm, i, deliver()) == [terminal.Received(make_id(1))]
    swarm.lost(1, "end of stream")
    assert swarm.waiting() == 4 and list(swarm.due(0.1)) == []
    sent = {i: list(read(frame)) for i, frame in swarm.due(1000.0)}
    assert 0 in sent and 1 not in sent
    assert swarm.waiting() == 4 and len(swarm.record.reports) == 2
    again = said(swarm, 1, terminal.Welcome(101, 0, 60))
    assert {type(m) for m in again} == {terminal.SendReport, terminal.Answer}
    for ident, written in swarm.record.reports.items():
        said(swarm, written.number - 100, terminal.Stored(make_id(1), ident))
    assert swarm.waiting() == 2 and all(written.stored for written in swarm.record.reports.values())


def test_the_silent_receive_and_touch_nothing() -> None:
    swarm = crew(BEHAVIOURS["silent"], people=1000)
    for i in range(1000):
        assert said(swarm, i, deliver()) == [terminal.Received(make_id(1))]
    answered = [m for _, frame in swarm.due(0.5) for m in read(frame)]
    assert 600 < len(answered) < 800 and {type(m) for m in answered} == {terminal.Answer}
    assert len(swarm.record.deeds[make_id(1)].shown) == 1000
    assert list(swarm.due(100_000.0)) == []


def test_whoever_is_deaf_says_nothing_and_goes_on_where_they_were() -> None:
    swarm = crew(Behaviour(median_s=5.0))
    said(swarm, 0, deliver())
    swarm.deaf(0)
    assert list(swarm.due(1000.0)) == [] and swarm.waiting() == 1
    assert [type(m) for m in read(swarm.hears(0))] == [terminal.Answer]
    said(swarm, 0, terminal.Counted(make_id(1), len(swarm.record.deeds[make_id(1)].given[1])))
    assert swarm.waiting() == 0


def test_deliveries_and_confirmations_are_timed_one_by_one() -> None:
    swarm = crew()
    for i, now_s in ((0, 5.0), (2, 7.0)):
        said(swarm, i, deliver(), now_s)
        said(swarm, i, terminal.Counted(make_id(1), 0), now_s + 1)
    assert [list(times) for times in swarm.times(make_id(1), without=())] == [[5.0, 7.0], [6.0, 8.0]]
    assert [list(times) for times in swarm.times(make_id(1), without={2})] == [[5.0], [6.0]]
    assert [list(times) for times in swarm.times(make_id(9), without=())] == [[], []]


def test_a_report_that_could_not_be_stored_is_sent_again() -> None:
    swarm = crew(Behaviour(median_s=1.0, reporting=1.0))
    said(swarm, 0, deliver())
    assert dict(swarm.due(100.0))
    (ident,) = swarm.record.reports
    said(swarm, 0, terminal.Refused("not_stored", make_id(1), "", ident), now_s=100.0)
    again = [m for _, frame in swarm.due(111.0) for m in read(frame) if isinstance(m, terminal.SendReport)]
    assert [m.report for m in again] == [ident]
    said(swarm, 0, terminal.Stored(make_id(1), ident))
    said(swarm, 0, terminal.Refused("not_stored", make_id(1), "", ident), now_s=111.0)
    assert not [m for _, frame in swarm.due(122.0) for m in read(frame) if isinstance(m, terminal.SendReport)]


def test_a_cancel_is_received_and_not_answered() -> None:
    swarm = crew()
    said(swarm, 0, deliver())
    cancel = deliver(2, msg_type="cancel", refs=make_id(1), answers=())
    assert said(swarm, 0, cancel) == [terminal.Received(make_id(2))]
    (hello,) = read(swarm.hello(0))
    assert isinstance(hello, terminal.Hello) and hello.held == (make_id(1), make_id(2))


def test_the_echo_of_a_heartbeat_is_known_from_the_first_on() -> None:
    swarm = crew()
    assert list(read(swarm.alive)) == [terminal.Alive()]
    echo = terminal.encode(terminal.Alive())
    assert swarm.known(echo) is None and swarm.said(0, echo, 1.0) == b""
    assert (known := swarm.known(echo)) is not None and known.told(1, 1.0) == b""


@given(st.integers(0, 1 << 32), st.integers(0, 9))
def test_a_person_does_the_same_for_the_same_seed(number: int, seed: int) -> None:
    behaviour = BEHAVIOURS["hasty"]
    assert behaviour.plan(seed, number, make_id(1), 3) == behaviour.plan(seed, number, make_id(1), 3)
    for touch in behaviour.plan(seed, number, make_id(1), 3).touches:
        assert 0 <= touch.answer < 3 and 0 < touch.after_s <= 2 * behaviour.slowest_s


def test_shares_of_people_are_what_the_behaviour_says() -> None:
    behaviour = Behaviour(median_s=7.0, silent=0.2, second_thoughts=0.5)
    plans = [behaviour.plan(1, number, make_id(1), 3) for number in range(4000)]
    assert 0.17 < sum(not p.touches for p in plans) / 4000 < 0.23
    assert 0.36 < sum(len(p.touches) == 2 for p in plans) / 4000 < 0.44
    delays = sorted(p.touches[0].after_s for p in plans if p.touches)
    assert 6.0 < delays[len(delays) // 2] < 8.0
    assert BEHAVIOURS["at-once"].plan(1, 7, make_id(1), 3) == Plan((Touch(0.0, 1),))
    assert BEHAVIOURS["at-once"].plan(1, 7, make_id(1), 0) == Plan()


@pytest.mark.parametrize("pieces", [1, 2])
def test_the_end_of_a_connection_is_noticed_also_when_it_comes_with_the_last_bytes(pieces: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        swarm = Crew([(100, b"ticket")], judge().fresh, BEHAVIOURS["at-once"], 1, MASK, 0.0)
        links = Links("steady", 0.0, 1, "seed")
        engine = Engine(swarm, links, server.getsockname(), "127.0.0.1", 64 + server.fileno(), 1)
        engine.step(1.0)
        gateway, _ = server.accept()
        with gateway:
            turn(engine)
            key = re.findall(rb"Sec-WebSocket-Key: (\S+)", gateway.recv(4096))[0]
            proof = wire.proof(b64decode(key))
            gateway.sendall(b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: " + proof + b"\r\n\r\n")
            turn(engine)
            assert gateway.recv(4096)  # the hello
            last = b"".join(websocket.frame(terminal.encode(m)) for m in (terminal.Welcome(100, 0, 60), deliver()))
            gateway.sendall(last[:60])
            if pieces == 2:
                turn(engine)
            gateway.sendall(last[60:])
            gateway.shutdown(socket.SHUT_WR)
            turn(engine)
    assert swarm.record.deeds[make_id(1)].shown == BitMap([100])
    assert swarm.record.closes["end of stream"] == 1


def turn(engine: Engine) -> None:
    """All that is there now."""
    assert engine.handle(engine.epoll.poll(1.0)) == []
