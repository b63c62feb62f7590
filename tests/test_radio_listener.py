"""Real sockets of SIP: a call's messages pass strangers, connections are bounded, and what is no SIP is hung up on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import uvloop

from gateways.radio import bounds
from gateways.radio.listener import Listener
from gateways.radio.sip_reply import Flow
from tests.nats_server import free_port
from tests.sip_phone import REG, Phone, agent, status


class Running(Listener):
    def __init__(self) -> None:
        super().__init__(agent(), lambda event: None)
        self.port, self.answered = free_port(), list[int]()  # ports of who was answered, in order

    def _send(self, flow: Flow, data: bytes) -> None:
        self.answered.append(flow.port)
        super()._send(flow, data)


@contextlib.asynccontextmanager
async def running_listener() -> AsyncIterator[Running]:
    running = Running()
    await running.open("127.0.0.1", running.port, None, None)
    task = asyncio.create_task(running.run())
    try:
        yield running
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await running.close()


def played(story: Callable[[Running], Awaitable[None]]) -> None:
    """In the loop that the gateway has, which takes at once what a socket holds."""

    async def play() -> None:
        async with running_listener() as listener:
            await story(listener)

    uvloop.run(play())


def udp(listener: Running, host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.connect(("127.0.0.1", listener.port))
    made.settimeout(5.0)
    return made


def test_who_is_proven_is_answered_before_strangers_who_came_earlier() -> None:
    async def story(listener: Running) -> None:
        known = udp(listener, "127.0.0.1")
        listener.agent.strangers.proved(*known.getsockname(), time.monotonic())
        strangers = [udp(listener, f"127.0.1.{n}") for n in range(1, 11)]
        said = Phone(agent(), "nobody").request("OPTIONS").encode()
        for sock in strangers * 40:
            sock.send(said)
        known.send(said)
        answer = await asyncio.to_thread(known.recv, 4_096)
        assert status(answer.decode()) == 200 and listener.answered.index(known.getsockname()[1]) < 100
        for sock in (known, *strangers):
            sock.close()

    played(story)


def test_a_radio_registers_over_tcp_in_pieces_and_its_pings_are_answered() -> None:
    async def story(listener: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        phone = Phone(agent(), transport="tcp")
        asked = phone.request("REGISTER", **REG).encode()
        for piece in (b"\r\n\r\n", asked[:100], asked[100:]):
            writer.write(piece)
            await asyncio.sleep(0.01)
        assert await reader.readexactly(2) == b"\r\n"
        challenge = (await reader.readuntil(b"\r\n\r\n")).decode()
        claim = phone.claim(challenge, "REGISTER", REG["uri"])
        writer.write(phone.request("REGISTER", fields=(claim,), **REG).encode())
        assert status((await reader.readuntil(b"\r\n\r\n")).decode()) == 200 and len(listener.agent.registrar) == 1
        writer.close()
        await asyncio.sleep(0.05)
        assert len(listener.agent.registrar) == 0  # nobody can be reached by a connection that is gone

    played(story)


def test_what_is_no_sip_is_hung_up_on_and_an_address_has_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(listener: Running) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.read() == b""
        monkeypatch.setattr(bounds, "CONNECTIONS_PER_ADDRESS_MAX", 2)
        kept = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(2)]
        third, last = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await third.read() == b"" and listener.counts["no room"] == 1
        for one in (writer, last, *(other for _, other in kept)):
            one.close()

    played(story)


def test_who_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(listener: Running) -> None:
        monkeypatch.setattr(bounds, "CONNECTION_STRANGE_S_MAX", 0.1)
        reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
        assert await asyncio.wait_for(reader.read(), 2.0) == b"" and listener.counts["silent"] == 1
        writer.close()

    played(story)
