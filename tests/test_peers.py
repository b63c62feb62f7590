"""Who is let in behind a proxy, whom the gateway takes them for, and that operators learn of whoever is turned away."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.networks import LOOPBACK, is_in, is_loopback, read_networks
from gateways.responder.listener import UNSPOKEN_S_MAX
from gateways.responder.peers import Peers
from gateways.responder.proxy_protocol import SIGNATURE
from tests.terminals import HELLO, WELCOME, Terminal, World, a_world, tcp_socket

FROM_9 = b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 443\r\n"
FROM_V6 = (
    SIGNATURE + b"\x21\x21\0\x24" + bytes.fromhex("20010db8000000000000000000000009") + bytes(16) + b"\xc8\x22\1\xbb"
)
LOCAL = SIGNATURE + b"\x20\x00\0\0"
HEALTH = b"GET /healthz HTTP/1.1\r\n\r\n"
Lines = list[MutableMapping[str, Any]]


@pytest.fixture
def lines() -> Any:
    with capture_logs() as lines:
        yield lines


@contextlib.asynccontextmanager
async def behind(*networks: str) -> AsyncIterator[World]:
    async with a_world(peers=Peers(read_networks(networks or LOOPBACK))) as world:
        yield world


async def enter(world: World, header: bytes, number: int) -> Terminal:
    terminal = await world.plain()
    terminal.raw(header)
    await terminal.shake()
    terminal.say(HELLO, 2, world.ticket(number))
    assert (await terminal.hear())[:2] == [WELCOME, number]
    return terminal


def refused(lines: Lines) -> list[tuple[str, str]]:
    return [(line["peer"], line["fault"]) for line in lines if line["event"] == "gateway.refused"]


@pytest.mark.parametrize(
    ("header", "peer"), [(FROM_9, "203.0.113.9:51234"), (FROM_V6, "[2001:db8::9]:51234"), (LOCAL, "127.0.0.1:")]
)
async def test_a_terminal_behind_a_proxy_is_welcomed_and_known_by_its_own_address(
    header: bytes, peer: str, lines: Lines
) -> None:
    async with behind() as world:
        terminal = await enter(world, header, 1)
        assert refused(lines) == []
        terminal.say(99)
        assert (await terminal.closing())[0] == 4101
    ((said, fault),) = refused(lines)
    assert said.startswith(peer) and fault.startswith("4101 ")


async def test_a_header_may_come_in_pieces_and_with_all_that_follows(lines: Lines) -> None:
    async with behind() as world:
        slow, quick = await world.plain(), await world.plain()
        for at in range(len(FROM_9)):
            slow.raw(FROM_9[at : at + 1])
            await asyncio.sleep(0)
        slow.raw(HEALTH)
        quick.raw(FROM_V6 + HEALTH)
        for terminal in (slow, quick):
            assert (await terminal.rest()).startswith(b"HTTP/1.1 200 OK")
    assert lines == []  # a health check is nothing to tell of


@pytest.mark.parametrize("said", [HEALTH, b"PROXY TCP4 x\r\n", SIGNATURE + b"\x11\x11\0\0", b"\x16\x03\x01"])
async def test_whoever_says_something_else_first_is_cut_off_without_a_word(said: bytes, lines: Lines) -> None:
    async with behind() as world:
        terminal = await world.plain()
        terminal.raw(said)
        assert await terminal.rest() == b""
        assert world.engine.descriptors() == []
    ((peer, fault),) = refused(lines)
    assert peer.startswith("127.0.0.1:") and "PROXY header" in fault


async def test_whoever_had_a_descriptor_before_is_not_taken_for_whoever_has_it_now(lines: Lines) -> None:
    async with behind() as world:
        first = await world.plain()
        first.raw(FROM_9 + b"nonsense\r\n\r\n")
        assert b"400" in await first.rest()
        world.monotonic_s += 3
        world.gateway.tick()
        second = await world.plain()
        second.raw(b"nonsense")
        assert await second.rest() == b""
    peers = [peer for peer, _ in refused(lines)]
    assert peers[0] == "203.0.113.9:51234" and peers[1].startswith("127.0.0.1:")


async def test_a_proxy_that_never_says_for_whom_it_comes_is_dropped_in_time() -> None:
    async with behind() as world:
        silent, half = await world.plain(), await world.plain()
        half.raw(FROM_9[:20])
        await enter(world, FROM_9, 1)
        await asyncio.sleep(UNSPOKEN_S_MAX + 0.3)  # until then the kernel does not tell of it
        world.monotonic_s += limits.HANDSHAKE_S_MAX + 1
        world.gateway.tick()
        assert [await silent.rest(), await half.rest()] == [b"", b""]
        assert list(world.gateway.connected) == [1]


async def test_only_trusted_proxies_are_let_in(lines: Lines) -> None:
    async with behind("127.0.0.5", "10.0.0.0/8") as world:
        for source, answer in (("127.0.0.5", b"HTTP/1.1 200"), ("127.0.0.6", b"")):
            connection = tcp_socket()
            connection.bind((source, 0))
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", world.port))
            terminal = await world.plain(connection)
            terminal.raw(FROM_9 + HEALTH)
            assert (await terminal.rest())[: len(b"HTTP/1.1 200")] == answer
    ((peer, fault),) = refused(lines)
    assert peer.startswith("127.0.0.6:") and fault == "not a trusted proxy"


@pytest.mark.parametrize("header", [FROM_9, FROM_V6, LOCAL])
async def test_without_the_option_a_header_is_a_bad_request(header: bytes, lines: Lines) -> None:
    async with a_world() as world:
        terminal = await world.plain()
        terminal.raw(header + HEALTH)
        assert (await terminal.rest()).startswith(b"HTTP/1.1 400 ")
    ((peer, fault),) = refused(lines)
    assert peer.startswith("127.0.0.1:") and fault == "400 Bad Request: Not an HTTP request."


async def test_who_breaks_the_protocol_or_is_denied_is_told_of_and_who_leaves_is_not(lines: Lines) -> None:
    async with a_world() as world:
        fine, forged, text, long = [await world.open() for _ in range(4)]
        forged.say(HELLO, 2, world.ticket(1, key=bytes(32)))
        assert (await forged.closing())[0] == 4102
        text.raw(b"\x81\x80\x00\x00\x00\x00")
        assert (await text.closing())[0] == 1003
        long.raw(b"\x82\xff" + (1 << 20).to_bytes(8, "big"))
        assert (await long.closing())[0] == 1009
        fine.raw(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
        assert (await fine.closing())[0] == 1000
    assert [fault.split()[0] for _, fault in refused(lines)] == ["4102", "1003", "1009"]
    assert [line["refused"] for line in lines] == [1, 2, 3]


def test_a_flood_is_counted_and_does_not_fill_the_log(lines: Lines) -> None:
    peers = Peers(())
    assert peers.admits is not None
    peers.sweep(1_000)
    for port in range(10_000):
        assert not peers.admits("203.0.113.9", port)
    peers.sweep(1_000 + limits.REFUSALS_LOGGED_S - 1)
    assert len(lines) == limits.REFUSALS_LOGGED_MAX and peers.refused == 10_000
    peers.sweep(1_000 + limits.REFUSALS_LOGGED_S)
    assert not peers.admits("203.0.113.9", 1)
    more, again = lines[-2:]
    assert (more["event"], more["count"]) == ("gateway.refused_more", 10_000 - limits.REFUSALS_LOGGED_MAX)
    assert (again["event"], again["refused"]) == ("gateway.refused", 10_001)
    peers.sweep(1_000 + 2 * limits.REFUSALS_LOGGED_S)
    assert lines[-1] is again  # nothing was left out


def test_a_peer_that_is_gone_has_no_address_and_does_no_harm() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        there = socket.create_connection(door.getsockname())
        here, (_, port) = door.accept()
    fd = here.fileno()
    assert Peers().name(fd) == f"127.0.0.1:{port}"
    there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    there.close()  # a reset
    with here:
        with pytest.raises(ConnectionResetError):
            here.recv(1)
        assert Peers().name(fd) == "gone"
    assert Peers().name(fd) == "gone"


def test_networks_are_read_and_an_ipv4_proxy_on_an_ipv6_socket_is_known() -> None:
    networks = read_networks(["10.1.0.0/16", "203.0.113.9", "2001:db8::/32", "fe80::/10"])
    for host in ("10.1.2.3", "::ffff:10.1.2.3", "203.0.113.9", "2001:db8:1::1", "fe80::1%eth0"):
        assert is_in(host, networks), host
    for host in ("10.2.0.1", "::ffff:10.2.0.1", "203.0.113.8", "2001:db9::1", "::1"):
        assert not is_in(host, networks), host
    assert all(is_in(host, read_networks(LOOPBACK)) for host in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))


@pytest.mark.parametrize(
    "text", ["", "proxy.example", "10.0.0.5/24", "10.0.0.0/33", "10.0.0", "::1/129", "127.0.0.1:80"]
)
def test_what_is_no_network_is_one_sentence(text: str) -> None:
    with pytest.raises(BadInput, match="is neither an address nor a network"):
        read_networks(["10.0.0.5", text])


def test_there_is_a_bound_on_whom_to_trust() -> None:
    with pytest.raises(BadInput, match=f"At most {limits.PROXY_NETWORKS_MAX} "):
        read_networks(f"10.0.0.{n}" for n in range(limits.PROXY_NETWORKS_MAX + 1))


@pytest.mark.parametrize(
    ("host", "alone"),
    [("127.0.0.1", True), ("127.0.0.5", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("", False), ("10.0.0.5", False), ("gateway.example", False)],
)  # fmt: skip
def test_what_only_this_machine_reaches_is_known(host: str, alone: bool) -> None:
    assert is_loopback(host) == alone
