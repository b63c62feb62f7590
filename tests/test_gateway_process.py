"""Gateway processes as they are started: on one port, on a port that is taken, without a bus, and told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import codes, ids, keys, messages, subjects, tickets
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import RECEIPT, Bus
from fusioncmd.messages import Audience, Order, Presence, Receipts
from fusioncmd.supervisor import die_with_parent
from fusioncmd.trust import ring, seals, witnesses
from tests.terminals import ANSWER, COUNTED, HELLO, VILLAGE, WELCOME, Terminal, delivery
from tests.worlds import make_id, make_order
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary

READY_S_MAX = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Tier:
    """A NATS server of its own, a ticket key, and the gateway processes that were started on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nats_port, self.port = folder, free_port(), free_port()
        self.key = keys.ensure_ticket_key(folder)
        self.keys = ring.folder_of(folder)
        ring.make(self.keys, "44", "duty", int(time.time() * 1000))
        self.bus: Bus
        self._processes: list[asyncio.subprocess.Process] = []
        self._terminals: list[Terminal] = []

    async def start_nats(self, streams: bool = True) -> asyncio.subprocess.Process:
        config = self.folder / "nats.conf"
        config.write_text(render(NatsSettings("44", self.nats_port, self.folder / "store")))
        server = await self._spawn(server_binary(None), "--config", str(config))
        if not hasattr(self, "bus"):
            self.bus = await open_bus(self.nats_url, "cli", wait_s=READY_S_MAX)
            if streams:
                await self.bus.ensure_streams()
        return server

    @property
    def nats_url(self) -> str:
        return f"nats://127.0.0.1:{self.nats_port}"

    async def spawn_gateway(self, name: str, but: str = "", **changes: str) -> asyncio.subprocess.Process:
        options = {"serve": "44", "nats": self.nats_url, "port": str(self.port), "name": name, "data": str(self.folder)}
        argv = [word for option, value in (options | changes).items() for word in (f"--{option}", value)]
        program = f"from gateways.responder import __main__ as m; from fusioncmd import limits; {but}\n"
        return await self._spawn(sys.executable, "-c", program + "m.BUS_WAIT_S = 0.5; m.main()", *argv)

    async def start_gateway(self, name: str, but: str = "") -> asyncio.subprocess.Process:
        """`but` is a statement that changes a bound of that process."""
        process = await self.spawn_gateway(name, but)
        assert process.stderr is not None
        async with asyncio.timeout(READY_S_MAX):
            while json.loads(await process.stderr.readline())["event"] != "gateway.ready":
                pass
        return process

    async def answered(self, order: Order) -> list[BitMap]:
        """Who gave which answer, as it stands on disk."""
        found = [BitMap() for _ in order.answers]
        async for stored in self.bus.read(RECEIPT):
            for mark in messages.decode(Receipts, stored.data).marks:
                if mark.order == order.id and mark.answer is not None:
                    found[mark.answer] |= BitMap.deserialize(mark.numbers)
        return found

    async def end(self) -> None:
        for terminal in self._terminals:
            terminal.leave()
        if hasattr(self, "bus"):
            await self.bus.close()
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _spawn(self, *argv: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL if argv[0].endswith("nats-server") else asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent,
            env={**os.environ, "FUSIONCMD_LANG": "en"},
        )
        self._processes.append(process)
        return process

    async def plain(self) -> Terminal:
        self._terminals.append(Terminal(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self._terminals[-1]

    async def enter(self, number: int) -> Terminal:
        terminal = await (await self.plain()).shake()
        ticket = tickets.Ticket(number, VILLAGE, (), int(time.time()) + 600)
        terminal.say(HELLO, 1, tickets.mint(ticket, self.key))
        assert (await terminal.hear())[:2] == [WELCOME, number]
        return terminal

    async def issue(self, n: int, *numbers: int) -> Order:
        now_ms = int(time.time() * 1000)
        order = make_order(n, id=make_id(n, now_ms), issued_ms=now_ms)
        body, packed = messages.encode(order), BitMap(numbers).serialize()
        accepted = witnesses.accept(body, packed, ring.node_key(self.keys), now_ms)
        audience = messages.encode(Audience(order.id, packed, accepted))
        await self.bus.store(subjects.audience(ids.to_text(order.id)), audience)
        sealed = seals.seal(body, ring.own_key(self.keys, order.status, now_ms))
        await self.bus.store(subjects.call(codes.Path("44")), sealed)
        return order


async def last_words(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(READY_S_MAX):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode()


@pytest.fixture
async def tier(tmp_path: Path) -> AsyncIterator[Tier]:
    tier = Tier(tmp_path)
    try:
        yield tier
    finally:
        await tier.end()


async def test_two_gateways_share_a_port_and_one_takes_over_when_the_other_is_killed(tier: Tier) -> None:
    await tier.start_nats()
    first, _ = [await tier.start_gateway(f"gw-{n}") for n in (1, 2)]
    connected: dict[str, BitMap] = {}

    def hear(_: str, data: bytes) -> None:
        presence = messages.decode(Presence, data)
        connected[presence.gateway] = BitMap.deserialize(presence.numbers)

    await tier.bus.hear(subjects.PRESENCE_ALL, hear)
    people = range(24)
    terminals = [await tier.enter(number) for number in people]
    order = await tier.issue(1, *people)
    for terminal in terminals:
        assert await terminal.hear() == delivery(order)
    async with asyncio.timeout(READY_S_MAX):
        while sum(map(len, connected.values())) < len(people):
            await asyncio.sleep(0.05)
    ours = connected["gw-1"]
    assert 0 < len(ours) < len(people)

    first.kill()
    await first.wait()
    again = {number: await tier.enter(number) for number in ours}
    for terminal in again.values():
        assert await terminal.hear() == delivery(order)
    for number, terminal in (dict(enumerate(terminals)) | again).items():
        terminal.say(ANSWER, order.id, number % 2)
        assert await terminal.hear() == [COUNTED, order.id, number % 2]
    assert await tier.answered(order) == [BitMap(people[::2]), BitMap(people[1::2])]


async def test_a_gateway_that_is_told_to_stop_stores_and_confirms_what_it_gathered_first(tier: Tier) -> None:
    await tier.start_nats()
    gateway = await tier.start_gateway("gw-1", "limits.GATHER_MS_MAX = 60_000")
    order = await tier.issue(1, 7)
    terminal, silent = await tier.enter(7), await tier.plain()
    assert await terminal.hear() == delivery(order)
    terminal.say(ANSWER, order.id, 1)
    assert await terminal.hears_nothing_more()
    gateway.send_signal(signal.SIGTERM)
    assert await terminal.hear() == [COUNTED, order.id, 1]
    assert await tier.answered(order) == [BitMap(), BitMap([7])]
    assert await terminal.closing() == (4000, "the gateway restarts")
    assert await silent.rest() == b""
    assert (await last_words(gateway))[0] == 0


async def test_who_answers_while_the_bus_is_away_is_counted_when_it_is_back(tier: Tier) -> None:
    nats = await tier.start_nats()
    await tier.start_gateway("gw-1")
    order = await tier.issue(1, 7)
    terminal = await tier.enter(7)
    assert await terminal.hear() == delivery(order)
    nats.kill()
    await nats.wait()
    terminal.say(ANSWER, order.id, 1)
    for _ in range(10):
        assert await terminal.hears_nothing_more()
        await asyncio.sleep(0.02)
    await tier.start_nats()
    async with asyncio.timeout(READY_S_MAX):
        assert await terminal.hear() == [COUNTED, order.id, 1]
    assert await tier.answered(order) == [BitMap(), BitMap([7])]


async def test_a_gateway_that_still_waits_for_its_orders_can_be_stopped(tier: Tier) -> None:
    await tier.start_nats(streams=False)
    gateway = await tier.spawn_gateway("gw-1")
    assert gateway.stderr is not None
    assert b"tail.retry" in await gateway.stderr.readline()
    with pytest.raises(ConnectionRefusedError):
        await tier.plain()
    gateway.send_signal(signal.SIGTERM)
    assert (await last_words(gateway))[0] == -signal.SIGTERM


async def test_a_port_that_is_taken_ends_it_with_a_sentence(tier: Tier) -> None:
    with socket.create_server(("127.0.0.1", tier.port)):
        status, said = await last_words(await tier.spawn_gateway("gw-1"))
    assert (status, said) == (1, f"Port {tier.port} on 127.0.0.1 cannot be used: Address already in use.\n")


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("nats", "nats://127.0.0.1:9", "No NATS server answers at nats://127.0.0.1:9. Is `fusioncmd up` running?"),
        ("name", "gw 1", "'gw 1' is no name for a gateway: 1 to 64 letters, digits, - and _."),
        ("serve", "guangdong", "'guangdong' is not an administrative code"),
        ("port", "70000", "There is no port 70000."),
        ("host", "192.0.2.1", "on 192.0.2.1 cannot be used: Cannot assign requested address."),
        ("data", "nowhere", "The ticket key nowhere/keys/ticket.key cannot be read"),
    ],
)
async def test_what_keeps_it_from_starting_is_one_sentence(tier: Tier, option: str, value: str, sentence: str) -> None:
    status, said = await last_words(await tier.spawn_gateway(**{"name": "gw-1", option: value}))
    assert status == 1
    *before, last = said.splitlines()
    assert sentence in last
    assert all(json.loads(line)["level"] == "warning" for line in before)
