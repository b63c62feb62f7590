"""Gateway processes as they are started: on one port, on a port that is taken, without a bus, and told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import messages, subjects
from fusioncmd.messages import Presence
from gateways.responder.neighbours import Neighbours
from tests.gateway_tier import READY_S_MAX, Tier
from tests.terminals import ANSWER, COUNTED


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


async def test_a_gateway_that_delivers_is_known_to_its_neighbours_until_it_is_killed(tier: Tier) -> None:
    await tier.start_nats()
    stalling = "limits.FANOUT_UNANSWERED_MAX = 1; limits.FANOUT_ESCAPE_MS = 60_000"
    gateway = await tier.start_gateway("gw-1", stalling)
    terminals = [await tier.enter(number) for number in range(3)]
    order = await tier.issue(1, *range(3))
    assert await terminals[0].hear() == tier.delivery(order)
    neighbour = Neighbours(tier.folder / "delivering.lock")
    async with asyncio.timeout(READY_S_MAX):
        while not neighbour.deliver():
            await asyncio.sleep(0.01)
    gateway.kill()
    await gateway.wait()
    assert not neighbour.deliver()


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
        assert await terminal.hear() == tier.delivery(order)
    async with asyncio.timeout(READY_S_MAX):
        while sum(map(len, connected.values())) < len(people):
            await asyncio.sleep(0.05)
    ours = connected["gw-1"]
    assert 0 < len(ours) < len(people)

    first.kill()
    await first.wait()
    again = {number: await tier.enter(number) for number in ours}
    for terminal in again.values():
        assert await terminal.hear() == tier.delivery(order)
    for number, terminal in (dict(enumerate(terminals)) | again).items():
        terminal.say(ANSWER, order.id, number % 2)
        assert await terminal.hear() == [COUNTED, order.id, number % 2]
    assert await tier.answered(order) == [BitMap(people[::2]), BitMap(people[1::2])]


async def test_a_gateway_that_is_told_to_stop_stores_and_confirms_what_it_gathered_first(tier: Tier) -> None:
    await tier.start_nats()
    gateway = await tier.start_gateway("gw-1", "limits.GATHER_MS_MAX = 60_000")
    order = await tier.issue(1, 7)
    terminal, silent = await tier.enter(7), await tier.plain()
    silent.raw(b"GET")
    assert await terminal.hear() == tier.delivery(order)
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
    assert await terminal.hear() == tier.delivery(order)
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
