"""Who comes in where nodes below do: nobody without the key of a link, and with it nothing but its four subjects."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from fusioncmd import subjects
from fusioncmd.bus import users
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from loadtest.link.quantities import MS
from tests.intruder import intrude
from tests.nats_server import free_port, until, wait_for_jetstream
from tiers.nats_config import NatsSettings, render
from tiers.nats_links import PARENT_SEED
from tiers.nats_server import server_binary

OWN_UP = (subjects.link_up("4401"), subjects.link_beat_up("4401"))
OWN_DOWN = (subjects.link_down("4401"), subjects.link_beat_down("4401"))
HEARD_BY_NODE = ("fc.api.>", subjects.PRESENCE_ALL, subjects.link_up("*"), subjects.link_beat_up("*"))
TRACKS = ("fc.track.44.01.06.mav-1", "fc.track.44.03.mav-1", "fc.track.44.mav-1")
SETTLE_S = 0.5


class Server:
    def __init__(self, folder: Path, name: str, config: str, port: int | None) -> None:
        self.url, self.log = f"nats://127.0.0.1:{port}", folder / f"{name}.log"
        (folder / f"{name}.conf").write_text(config, "utf-8")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen([server_binary(None), "-c", folder / f"{name}.conf"], stderr=log)
        if port is not None:  # it greets in plain text
            wait_for_jetstream(port)

    def said(self, words: str) -> bool:
        return words in self.log.read_text("utf-8")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


class Province(Server):
    def __init__(self, folder: Path) -> None:
        self.folder, self.keys = folder, users.folder_of(folder)
        port, self.links = free_port(), free_port()
        users.ensure(self.keys, "node", "node", "44")
        users.ensure(self.keys, "node-tracks", "track", "44")
        for name, serves in (("link-4401", "4401"), ("link-4403", "4403")):
            users.admit(self.keys, name, serves, users.secret(self.keys, name))
        users.secret(self.keys, "stranger")
        settings = NatsSettings("44", port, folder / "store", links=("127.0.0.1", self.links))
        super().__init__(folder, "above", render(settings, users.users(self.keys)), port)

    def leaf(self, name: str, key: str | None) -> Server:
        """A whole NATS server of whoever wants in, as they please."""
        nkey = "" if key is None else f', nkey: "{users.read_seed(users.seed_file(self.keys, key))}"'
        port = free_port()
        config = f"""\
listen: "127.0.0.1:{port}"
server_name: "{name}"
jetstream {{ store_dir: "{(self.folder / name).as_posix()}", domain: "{name}" }}
leafnodes {{ reconnect: "1s", remotes: [ {{ url: "nats-leaf://127.0.0.1:{self.links}"{nkey} }} ] }}
"""
        return Server(self.folder, name, config, port)


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    running = Province(tmp_path)
    yield running
    running.stop()


async def heard(client: Client, subscribed: tuple[str, ...]) -> set[str]:
    found: set[str] = set()

    async def took(message: Msg) -> None:
        found.add(message.subject)

    for subject in subscribed:
        await client.subscribe(subject, cb=took)
    await client.flush()
    return found


@pytest.mark.parametrize("key", [None, "stranger"])
async def test_a_leaf_without_the_key_of_a_link_is_not_let_in(province: Province, key: str | None) -> None:
    leaf = province.leaf("stranger", key)
    node = await intrude(province.url, users.seed_file(province.keys, "node"))
    client = await nats.connect(leaf.url)
    try:
        found = await heard(node.client, HEARD_BY_NODE)
        await until(lambda: leaf.said("Authorization Violation") and province.said("Authentication Failure"))
        for subject in (*OWN_UP, "fc.api.issue"):
            await client.publish(subject, b"forged")
        await client.flush()
        await asyncio.sleep(SETTLE_S)
        assert found == set()
    finally:
        await client.close()
        await node.client.close()
        leaf.stop()


async def test_a_link_says_and_hears_its_four_subjects_and_nothing_else(province: Province) -> None:
    leaf = province.leaf("city", "link-4401")
    node = await intrude(province.url, users.seed_file(province.keys, "node"))
    positions = await intrude(province.url, users.seed_file(province.keys, "node-tracks"))
    client = await nats.connect(leaf.url)
    others_up = (subjects.link_up("4403"), subjects.link_beat_up("4403"))
    others_down = (subjects.link_down("4403"), subjects.link_beat_down("4403"))
    try:
        above = await heard(node.client, HEARD_BY_NODE)
        tracks = await heard(positions.client, ("fc.track.44.>",))
        below = await heard(
            client, ("fc.track.>", *OWN_DOWN, *others_down, "fc.call.>", "fc.trust.>", "_INBOX.>", "$JS.>")
        )
        await until(lambda: leaf.said("Leafnode connection created"))
        await asyncio.sleep(SETTLE_S)
        for subject in (*others_up, *OWN_DOWN, "fc.api.issue", "fc.presence.gw-1", "fc.call.44", *TRACKS, *OWN_UP):
            await client.publish(subject, b"x")
        await client.flush()
        await until(lambda: set(OWN_UP) <= above)
        await asyncio.sleep(SETTLE_S)
        assert above == set(OWN_UP) and tracks == {TRACKS[0]}, "positions of its own place, and no other"
        below.clear()  # what it said itself, on its own server
        for subject in (*others_down, "fc.call.44", "fc.trust.revocation.00", *OWN_DOWN):
            await node.client.publish(subject, b"x")
        await positions.client.publish("fc.track.44.01.u", b"what is above stays there")
        await positions.client.flush()
        await node.client.flush()
        await until(lambda: set(OWN_DOWN) <= below)
        await asyncio.sleep(SETTLE_S)
        assert below == set(OWN_DOWN)
    finally:
        await client.close()
        await positions.client.close()
        await node.client.close()
        leaf.stop()


async def test_a_link_comes_up_though_the_round_trip_is_a_satellites(
    province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NATS needs two round trips of 600 ms, and left to itself hangs up after one second."""
    folder = tmp_path / "city"
    keys, port = users.folder_of(folder), free_port()
    users.ensure(keys, "node", "node", "4401")
    monkeypatch.setenv(PARENT_SEED, users.read_seed(users.seed_file(province.keys, "link-4401")))
    async with Link(("127.0.0.1", province.links), Profile(delay_ns=300 * MS)) as link:
        settings = NatsSettings("4401", port, folder / "store", parent=f"nats-leaf://127.0.0.1:{link.port}")
        below = Server(folder, "below", render(settings, users.users(keys)), port)
        node = await intrude(province.url, users.seed_file(province.keys, "node"))
        city = await intrude(below.url, users.seed_file(keys, "node"))
        try:
            above = await heard(node.client, HEARD_BY_NODE)
            async with asyncio.timeout(6.0):
                while subjects.link_up("4401") not in above:
                    await city.client.publish(subjects.link_up("4401"), b"x")
                    await asyncio.sleep(0.1)
        finally:
            await city.client.close()
            await node.client.close()
            below.stop()
