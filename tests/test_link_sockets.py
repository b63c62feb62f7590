"""A link between real sockets: what comes through is what was said, and a cut is silence, not an end."""

from __future__ import annotations

import asyncio
import errno
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import nats
import pytest

from loadtest.link.link import Link
from loadtest.link.packets import Profile
from loadtest.link.probes import Arrivals, counted, echo
from loadtest.link.quantities import MS
from loadtest.link.schedule import cut_from
from tests.nats_server import RealServer, free_port, until

ROOT = Path(__file__).parent.parent
SOON_S = 20.0
QUIET_S = 0.3  # nothing comes: so long is waited to see it


async def said_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    writer.write(data)
    async with asyncio.timeout(SOON_S):
        return await reader.readexactly(len(data))


async def test_a_stream_through_loss_jitter_and_cuts_comes_whole_with_its_end() -> None:
    data = Random(5).randbytes(400_000)
    bad = Profile(5 * MS, 5 * MS, loss=0.01, rate_bps=8_000_000)
    cuts = [cut_from("50ms+200ms"), cut_from("up@400ms+100ms*3")]
    async with echo() as address, Link(address, bad, cuts=cuts, seed=1, retry_ns_max=300 * MS) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(data)
        writer.write_eof()
        async with asyncio.timeout(2 * SOON_S):
            assert await reader.read(-1) == data
        writer.close()
        assert link.counters("up").repeated and link.counters("down").repeated
        assert link.tcp is not None
        await until(lambda: link.tcp is not None and link.tcp.open == 0)


async def test_nothing_comes_before_the_delay() -> None:
    async with echo() as address, Link(address, Profile(delay_ns=100 * MS)) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        for _ in range(3):
            began_s = time.monotonic()
            assert await said_back(reader, writer, b"?") == b"?"
            assert time.monotonic() - began_s > 0.199
        writer.close()


async def test_a_cut_connection_hears_nothing_and_goes_on_when_it_is_healed() -> None:
    async with echo() as address, Link(address) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await said_back(reader, writer, b"before") == b"before"
        link.cut()
        writer.write(b"during")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), QUIET_S)
        link.heal()
        async with asyncio.timeout(SOON_S):
            assert await reader.readexactly(6) == b"during"
        writer.close()


async def test_a_cut_one_way_lets_the_other_through() -> None:
    async with counted() as (address, came), Link(address) as link:
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.cut("down")
        assert (link.is_cut("up"), link.is_cut("down")) == (False, True)
        writer.write(b"heard")
        await until(lambda: sum(size for _, size in came) == 5)
        link.heal()
        link.cut("up")
        writer.write(b"not heard")
        await asyncio.sleep(QUIET_S)
        assert sum(size for _, size in came) == 5
        link.heal()
        await until(lambda: sum(size for _, size in came) == 14)
        writer.close()


async def test_who_connects_during_a_cut_hears_nothing_until_it_is_healed() -> None:
    async with echo() as address, Link(address) as link:
        link.cut()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), QUIET_S)
        link.heal()
        async with asyncio.timeout(SOON_S):
            assert await reader.readexactly(1) == b"?"
        writer.close()


async def test_a_cut_resets_and_refuses_if_it_is_to() -> None:
    async with echo() as address, Link(address, cut_resets=True, cut_refuses=True) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await said_back(reader, writer, b"?") == b"?"
        link.cut()
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON_S)
        writer.close()
        with pytest.raises(ConnectionResetError):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            await asyncio.wait_for(reader.read(1), SOON_S)
        writer.close()
        assert link.tcp is not None and link.tcp.refusals == 1
        link.heal()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        assert await said_back(reader, writer, b"!") == b"!"
        writer.close()


async def test_a_reset_and_a_closed_port_behind_the_link_are_told() -> None:
    async with Link(("127.0.0.1", free_port())) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), SOON_S)
        writer.close()
    async with counted() as (address, came), Link(address) as link:
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"?")
        await until(lambda: came)
        writer.transport.abort()
        await until(lambda: link.tcp is not None and link.tcp.open == 0)


async def test_who_writes_more_than_the_link_takes_waits() -> None:
    narrow = Profile(rate_bps=64_000, queue_bytes=16_000)
    async with counted() as (address, _), Link(address, narrow) as link:
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(bytes(8_000_000))
        await until(lambda: link.counters("up").waiting_bytes_max > narrow.queue_bytes)
        await asyncio.sleep(QUIET_S)
        assert link.counters("up").waiting_bytes_max < narrow.queue_bytes + 32 * 1024
        assert writer.transport.get_write_buffer_size() > 0
        writer.transport.abort()


async def test_datagrams_that_are_lost_are_the_seeds() -> None:
    async def came(seed: int) -> list[int]:
        async with (
            Arrivals() as there,
            Link(there.address, Profile(loss=0.2), carries="udp", seed=seed) as link,
        ):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                for number in range(300):
                    sender.sendto(number.to_bytes(2, "big"), ("127.0.0.1", link.port))
                counters = link.counters("up")
                await until(lambda: counters.lost + len(there.came) == 300)
            return [int.from_bytes(payload, "big") for _, payload in there.came]

    first = await came(1)
    assert first == await came(1) != await came(2)
    assert 200 < len(first) < 280


async def test_datagrams_find_their_way_back_to_each_who_sent() -> None:
    async with Arrivals() as far, Link(far.address, carries="udp") as link:
        peers = [Arrivals(), Arrivals()]
        async with peers[0], peers[1]:
            for number, peer in enumerate(peers):
                peer.send(bytes([number]), ("127.0.0.1", link.port))
            await until(lambda: len(far.came) == 2)
            for (_, payload), back in zip(far.came, far.froms, strict=True):
                far.send(b"to " + payload, back)
            await until(lambda: all(peer.came for peer in peers))
            assert [peer.came[0][1] for peer in peers] == [b"to \0", b"to \1"]
            link.cut("down")
            far.send(b"lost", far.froms[0])
            await until(lambda: link.counters("down").cut_off == 1)
            assert len(peers[0].came) == 1


async def test_a_nats_client_behind_a_cut_stays_connected_and_gets_what_was_said_meanwhile(tmp_path: Path) -> None:
    server = RealServer(tmp_path)
    server.start()
    try:
        async with Link(("127.0.0.1", server.port), Profile(delay_ns=20 * MS)) as link:
            far = await nats.connect(f"nats://127.0.0.1:{link.port}", allow_reconnect=False)
            near = await nats.connect(server.url)
            heard = await far.subscribe("fc.test")
            await far.flush()
            link.cut()
            await near.publish("fc.test", b"while it was cut")
            await near.flush()
            with pytest.raises(TimeoutError):
                await heard.next_msg(QUIET_S)
            link.heal()
            assert (await heard.next_msg(SOON_S)).data == b"while it was cut"
            await near.close()
            await far.close()
    finally:
        server.kill()


async def test_a_port_that_is_taken_is_said() -> None:
    async with echo() as address:
        with pytest.raises(OSError) as refused:
            await Link(address, listen=address).open()
        assert refused.value.errno == errno.EADDRINUSE


async def test_the_command_carries_until_it_is_interrupted_and_tells_its_counters() -> None:
    port = free_port()
    async with echo() as (host, far):
        command = ("-m", "loadtest", "link", "--listen", f"127.0.0.1:{port}", "--to", f"{host}:{far}", "--json")
        process = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stdout=subprocess.PIPE)
        async with asyncio.timeout(SOON_S):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
        assert await said_back(reader, writer, b"through a process") == b"through a process"
        writer.close()
        process.send_signal(signal.SIGINT)
        out, _ = await asyncio.wait_for(process.communicate(), SOON_S)
    assert process.returncode == 0
    told = json.loads(out)
    assert (told["good"], told["figures"]["up: carried [B]"], told["figures"]["connections"]) == (True, 17, 1)
