"""The sockets of the engine: who is let in, who is let go, and that nobody waits for a slow one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import struct
from collections.abc import AsyncIterator

import msgpack
import pytest
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, Request

from fusioncmd import limits, many
from gateways.responder import listener
from gateways.responder.engine import LINGER_S
from tests.terminals import HELLO, WELCOME, Closed, World, a_world, delivery, tcp_socket
from tests.worlds import make_order

pytestmark = pytest.mark.usefixtures("either_way")

HEAD = "{} HTTP/1.1\r\nHost: x\r\n{}\r\n"


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


def after_free_descriptors(count: int) -> int:
    """So many descriptors are free below it."""
    free = [os.dup(0) for _ in range(count)]
    for fd in free:
        os.close(fd)
    return free[-1] + 1


def lowest_free_descriptor() -> int:
    return after_free_descriptors(1) - 1


async def answered(world: World, request: bytes) -> bytes:
    terminal = await world.plain()
    terminal.raw(request)
    return await terminal.rest()


@pytest.mark.parametrize(
    ("request_", "status", "says"),
    [
        (HEAD.format("GET /healthz", ""), 200, "ok"),
        (HEAD.format("GET /", ""), 404, "/terminal"),
        (HEAD.format("GET /terminal", ""), 426, "Upgrade: websocket"),
        (HEAD.format("GET /terminal", "Upgrade: websocket\r\nConnection: Upgrade\r\n"), 426, "Version: 13"),
        (HEAD.format("POST /terminal", "Content-Length: 99999\r\n"), 405, "Allow: GET"),
        ("GET /terminal HTTP/1.1\r\nX: " + "x" * 9000, 431, "8192"),
        ("GET /terminal HTTP/1.1\r\nX: " + "x" * 8200 + "\r\n\r\n", 431, "8192"),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS hello\r\n\r\n", 400, "Not an HTTP request."),
        ("\r\n\r\n", 400, "Not an HTTP request."),
    ],
    ids=["healthz", "path", "plain", "version", "method", "long", "long and whole", "TLS", "empty"],
)
async def test_whoever_speaks_something_else_gets_an_http_answer_and_the_end(
    world: World, request_: str, status: int, says: str
) -> None:
    response = (await answered(world, request_.encode("latin-1"))).decode()
    assert response.startswith(f"HTTP/1.1 {status} ")
    assert says in response
    assert world.engine.descriptors() == [] or await is_let_go(world)


async def is_let_go(world: World) -> bool:
    """Everyone whom the engine closed is gone after the time that it lingers, whatever they do."""
    world.monotonic_s += LINGER_S + 1
    world.gateway.tick()
    return world.engine.descriptors() == []


async def test_a_head_that_comes_byte_by_byte_and_with_the_hello_behind_it_is_welcomed(world: World) -> None:
    terminal = await world.plain()
    head = (
        b"GET /terminal HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    for i in range(len(head) - 1):
        terminal.raw(head[i : i + 1])
        await asyncio.sleep(0)
    ticket = world.ticket(1)
    hello = b"\x93\x01\x02\xc4" + bytes([len(ticket)]) + ticket
    terminal.raw(head[-1:] + bytes([0x82, 0x80 | len(hello)]) + bytes(4) + hello)
    terminal.finish()
    assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x82" in await terminal.rest()


async def test_who_stops_reading_is_closed_and_the_others_get_everything_at_once(world: World) -> None:
    slow, swift = await world.enter(1, narrow=True), await world.enter(2)
    short = await world.issue(make_order(1), 1, 2)
    orders = [short, *[await world.issue(make_order(n, text="字" * 2000), 1, 2) for n in range(2, 31)]]
    assert list(world.gateway.connected) == [2]
    for order in orders:
        assert await swift.hear() == delivery(order)
    await world.settled()
    assert list((await world.marks(short)).sent) == [1, 2]
    assert list((await world.marks(orders[-1])).sent) == [2]
    assert len(await slow.rest()) < limits.OUTBOX_BYTES_MAX
    again = await world.enter(1, *orders[:5])
    for order in orders[5:]:
        assert await again.hear() == delivery(order)


async def test_a_slow_one_that_is_closed_costs_no_time_while_it_lingers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.enter(1, ticket=world.ticket(1, open_s=60), narrow=True)
    for n in range(1, 8):
        await world.issue(make_order(n, text="字" * 2000), 1)
    assert list(world.gateway.connected) == [1]
    world.now_s += 61
    world.gateway.tick()
    turns: list[int] = []
    monkeypatch.setattr(world.gateway, "turn", lambda: turns.append(1))
    await asyncio.sleep(0.05)
    assert len(turns) < 5
    assert len(world.engine.descriptors()) == 1
    assert await is_let_go(world)


async def test_when_there_is_no_room_one_is_told_to_come_back_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DESCRIPTORS_SPARE", 8)
    rings = 9 if many.at_once() else 0
    async with a_world(descriptors_max=after_free_descriptors(16 + rings)) as world:
        inside, answer = 0, (WELCOME, "")
        while answer[0] == WELCOME:
            late = await world.open()
            late.say(HELLO, 2, world.ticket(inside))
            try:
                answer = ((await late.hear())[0], "")
                inside += 1
            except Closed as closed:
                answer = closed.args
        assert answer == (4200, "30")
        assert 1 <= inside <= 4  # of 16 descriptors 8 are spare, and here each connection takes two
        came = [await world.plain() for _ in range(8)]
        for one in came:
            one.raw(b"GET /terminal HTTP/1.1\r\n")
        said = await came[-1].rest()
        assert said.startswith(b"HTTP/1.1 503 ") and b"Retry-After: 30" in said
        assert list(world.gateway.connected) == list(range(inside))


async def test_when_the_process_has_no_descriptor_left_those_who_come_wait_for_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "ACCEPT_PAUSE_S", 0.05)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    inside = await world.enter(1)
    connection = tcp_socket()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free_descriptor(), before[1]))
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", world.port))
        connection.send(b"GET")
        assert await inside.hears_nothing_more()
        assert len(world.engine.descriptors()) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    terminal = await (await world.plain(connection)).shake(b"GET")
    terminal.say(HELLO, 2, world.ticket(2))
    assert (await terminal.hear())[:2] == [WELCOME, 2]


async def test_a_descriptor_that_changes_hands_within_one_round_serves_the_new_one(world: World) -> None:
    """One round brings: a hello that replaces a terminal, a newcomer who gets its descriptor, and its own end."""
    loop = asyncio.get_running_loop()
    first, newcomer = tcp_socket(), tcp_socket()
    await loop.sock_connect(first, ("127.0.0.1", world.port))
    handshake = WSConnection(ConnectionType.CLIENT)
    await loop.sock_sendall(first, handshake.send(Request(host="gateway", target="/terminal")))
    handshake.receive_data(await loop.sock_recv(first, 1024))
    assert isinstance(next(handshake.events()), AcceptConnection)
    hello = msgpack.packb([HELLO, 2, world.ticket(1)])
    await loop.sock_sendall(first, handshake.send(BytesMessage(data=hello)))
    await loop.sock_recv(first, 1024)
    (descriptor,) = world.engine.descriptors()
    rival = await world.open()
    # From here on the loop does not run until all three have happened.
    rival.say(HELLO, 2, world.ticket(1))
    with contextlib.suppress(BlockingIOError):
        newcomer.connect(("127.0.0.1", world.port))
    newcomer.send(b"GET")
    first.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closed with a reset
    first.close()
    fillers: list[int] = []
    while lowest_free_descriptor() < descriptor:
        fillers.append(os.dup(0))
    terminal = await world.plain(newcomer)
    await asyncio.sleep(0.01)
    assert descriptor in world.engine.descriptors()
    await terminal.shake(b"GET")
    terminal.say(HELLO, 2, world.ticket(2))
    assert (await terminal.hear())[:2] == [WELCOME, 2]
    assert (await rival.hear())[:2] == [WELCOME, 1]
    assert await rival.hears_nothing_more()
    assert list(world.gateway.connected) == [1, 2]
    for filler in fillers:
        os.close(filler)
