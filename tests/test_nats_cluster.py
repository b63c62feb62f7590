"""Three real NATS servers as the tier has them: each stream on all, users alike, and none of the three is needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import NatsBus, open_bus
from fusioncmd.bus.port import CALL, RECEIPT, STREAMS, Stored
from fusioncmd.cli.bus_way import lets_everyone_in, make_users
from fusioncmd.errors import BadInput, BusDown, Unavailable
from fusioncmd.limits import CLUSTER_SERVERS
from fusioncmd.tls import CA, SERVER, SERVER_KEY, make
from loadtest.cluster_servers import META, Servers, serving
from tests.nats_server import insist, until
from tests.test_tidy import ROOT
from tiers.nats_cluster import CONFIG, Spot, configurations, spot

AGAIN_S_MAX = 20.0
GATEWAY = "responder-1"


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[Servers]:
    make_users(tmp_path, "44", 1)
    async with serving(tmp_path, "44") as running:
        yield running


async def enter(servers: Servers, folder: Path, name: str = users.NODE) -> NatsBus:
    key = users.seed_file(users.folder_of(folder), name)
    bus = await insist(
        lambda: open_bus(servers.url, name, quiet=True, key=key, gateway=name != users.NODE), (Unavailable,)
    )
    if name == users.NODE:
        await insist(bus.ensure_streams, (Unavailable,))
    return bus


async def replicas(bus: NatsBus) -> list[int | None]:
    return [(await bus._jsm.stream_info(spec.name)).config.num_replicas for spec in STREAMS]


async def test_each_stream_is_on_three_servers_also_one_that_was_on_one(servers: Servers, tmp_path: Path) -> None:
    node = await enter(servers, tmp_path)
    assert await replicas(node) == [CLUSTER_SERVERS] * len(STREAMS)
    await node.store("fc.call.44", b"kept")
    found = (await node._jsm.stream_info(CALL.name)).config
    await node._jsm.update_stream(found.evolve(num_replicas=1))
    assert (await node._jsm.stream_info(CALL.name)).config.num_replicas == 1
    await insist(node.ensure_streams, (Unavailable,))
    assert await replicas(node) == [CLUSTER_SERVERS] * len(STREAMS)
    kept = await node.last("fc.call.44")
    assert kept is not None and kept.data == b"kept"
    await node.close()


async def test_whoever_leads_is_killed_and_writing_and_every_tail_go_on(servers: Servers, tmp_path: Path) -> None:
    node, gateway = await enter(servers, tmp_path), await enter(servers, tmp_path, GATEWAY)
    heard: list[Stored] = []
    told: list[Stored] = []
    tails = [await node.tail(RECEIPT, heard.append), await gateway.tail(CALL, told.append)]
    await insist(lambda: node.store("fc.call.44", b"1"), (Unavailable,))
    await insist(lambda: gateway.store(f"fc.receipt.{GATEWAY}", b"1"), (Unavailable,))
    await until(lambda: heard and told)
    await servers.until_whole()
    servers.kill(await servers.leader(RECEIPT.name))
    seq = await insist(lambda: gateway.store(f"fc.receipt.{GATEWAY}", b"2"), (Unavailable,), AGAIN_S_MAX)
    await insist(lambda: node.store("fc.call.44", b"2"), (Unavailable,), AGAIN_S_MAX)
    await until(lambda: any(each.seq == seq for each in heard) and told[-1].data == b"2", 2 * AGAIN_S_MAX)
    for got in (heard, told):
        assert [each.seq for each in got] == sorted({each.seq for each in got})
    for tail in tails:
        await tail.stop()
    await gateway.close()
    await node.close()


async def test_a_server_that_is_lost_twice_over_confirms_nothing(servers: Servers, tmp_path: Path) -> None:
    """One of three alone must not say that a message is on disk."""
    node = await enter(servers, tmp_path)
    await insist(lambda: node.store("fc.call.44", b"1"), (Unavailable,))
    await servers.until_whole()
    alone = await servers.leader(RECEIPT.name)
    for number in {1, 2, 3} - {alone}:
        servers.kill(number)
    with pytest.raises(Unavailable):
        async with asyncio.timeout(AGAIN_S_MAX):
            await node.store("fc.call.44", b"2")
    servers.start(next(iter({1, 2, 3} - {alone})))
    await insist(lambda: node.store("fc.call.44", b"3"), (Unavailable,), 2 * AGAIN_S_MAX)
    await node.close()


async def test_in_tls_the_three_join_each_other_and_are_entered_in_tls_alone(tmp_path: Path) -> None:
    make_users(tmp_path, "44", 1)
    make(tmp_path / "tls", (), datetime.now(UTC))
    certificate, key, ca = (tmp_path / "tls" / name for name in (SERVER, SERVER_KEY, CA))
    node_key = users.seed_file(users.folder_of(tmp_path), users.NODE)
    async with serving(tmp_path, "44", (certificate, key, ca)) as servers:
        bus = await insist(lambda: open_bus(servers.url, "t", quiet=True, key=node_key, ca=ca), (Unavailable,))
        await insist(bus.ensure_streams, (Unavailable,))
        await bus.store("fc.call.44", b"1")
        await servers.until_whole()
        await bus.close()
        with pytest.raises(BusDown):
            await open_bus(servers.url.replace("tls://", "nats://"), "t", quiet=True, key=node_key)
        with pytest.raises(BadInput, match="all or none"):
            await open_bus(servers.url.replace("tls://", "nats://", 1), "t", quiet=True, key=node_key)


async def test_no_server_of_it_lets_a_stranger_in(servers: Servers) -> None:
    assert not await lets_everyone_in(servers.url, None)
    await servers.leader(META)


def test_it_is_written_by_a_command_for_its_owner_alone_and_the_secret_stays(tmp_path: Path) -> None:
    spots = [f"--server=127.0.0.1:{port}:{port + 1}" for port in (5001, 5003, 5005)]
    folders = ["--data", tmp_path, "--out", tmp_path / "out", "--store", tmp_path / "store"]
    argv = [sys.executable, "-m", "tiers.nats_cluster", "--node", "44", *map(str, folders), *spots]
    texts = []
    for _ in range(2):
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        files = [tmp_path / "out" / str(number) / CONFIG for number in (1, 2, 3)]
        assert done.stdout.split() == list(map(str, files))
        assert {file.stat().st_mode & 0o077 for file in files} == {0}
        texts.append([file.read_text("utf-8") for file in files])
    assert texts[0] == texts[1]
    accounts = {text[text.index("accounts {") :] for text in texts[0]}
    assert len(accounts) == 1


def test_three_servers_apart_and_tls_beyond_loopback_or_one_sentence(tmp_path: Path) -> None:
    make_users(tmp_path, "44", 1)
    known = list(users.users(users.folder_of(tmp_path)))
    near = tuple(Spot("127.0.0.1", 5000 + i, 6000 + i) for i in range(3))
    far = tuple(Spot(f"10.0.0.{i}", 4222, 6222) for i in range(1, 4))
    for wrong in (near[:2], (*near, Spot("127.0.0.1", 1, 2)), (near[0], *near[:2])):
        with pytest.raises(BadInput, match="three servers"):
            configurations("44", wrong, tmp_path, known, "s")
    with pytest.raises(BadInput, match="--tls-ca"):
        configurations("44", far, tmp_path, known, "s")
    tls = (Path("/tls/server.pem"), Path("/tls/server.key"), Path("/tls/ca.pem"))
    for text in configurations("44", far, tmp_path, known, "s", tls):
        assert text.count("verify: true") == 1 and text.count("nats-route://route:s@10.0.0.") == 3


@pytest.mark.parametrize("text", ["", "a:1", "a:1:x", ":1:2", "a:0:2", "a:1:65536"])
def test_a_spot_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        spot(text)
    assert spot("[::1]:4222:6222") == Spot("::1", 4222, 6222)
