"""Talkgroups across a link: real NATS servers of a province and a county, and a line between that is cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from unittest import mock

import pytest

from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.floor.messages import Kind
from fusioncmd.floor.timers import RETURN_MS
from fusioncmd.voice import subjects
from gateways.radio.media import TalkgroupMedia
from tests.intruder import intrude
from tests.lines import Line
from tests.nats_server import free_port, until, wait_for_jetstream
from tests.radios import Radio, calling, packets_of, tone
from tiers.nats_config import NatsSettings, render
from tiers.nats_links import PARENT_SEED
from tiers.nats_server import server_binary
from tiers.recordings import Recordings
from tiers.talk import Talk

PROVINCE, COUNTY = "44", "440106"
SOUND = packets_of("opus", lambda rate: tone(440, 1_000, rate))


class Node:
    """A tier's NATS server, the process that arbitrates (here: a task), and a radio gateway's media."""

    def __init__(self, folder: Path, code: str) -> None:
        self.code, self.data, self.keys = code, folder / code, users.folder_of(folder / code)
        self.port, self.links = free_port(), free_port()
        users.ensure(self.keys, "node", "node", code)
        users.ensure(self.keys, "floor", "floor", code)
        users.ensure(self.keys, "radio-1", "talk", code)

    def serve(self, stack: contextlib.ExitStack, parent: str | None = None, seed: str = "") -> None:
        settings = NatsSettings(
            self.code, self.port, self.data / "store", links=("127.0.0.1", self.links), parent=parent
        )
        (self.data / "conf").write_text(render(settings, users.users(self.keys)), "utf-8")
        env = {**os.environ, PARENT_SEED: seed}
        with (self.data / "log").open("ab") as log:
            process = subprocess.Popen([server_binary(None), "-c", self.data / "conf"], stderr=log, env=env)
        stack.callback(process.wait)
        stack.callback(process.kill)
        wait_for_jetstream(self.port)

    async def bus(self, name: str, stack: contextlib.AsyncExitStack) -> object:
        bus = await open_bus(f"nats://127.0.0.1:{self.port}", name, key=users.seed_file(self.keys, name))
        stack.push_async_callback(bus.close)
        return bus

    async def start(self, stack: contextlib.AsyncExitStack) -> None:
        stop, long_ago_ms = asyncio.Event(), time.monotonic_ns() // 1_000_000 - 60_000
        place = parse(self.code)
        self.talk = Talk(await self.bus("floor", stack), place, self.data, long_ago_ms)  # type: ignore[arg-type]
        running = asyncio.create_task(self.talk.run(stop))
        self.media = TalkgroupMedia(
            await self.bus("radio-1", stack),
            f"{self.code}-radio-1",
            place,
            "127.0.0.1",  # type: ignore[arg-type]
        )
        await self.media.start()
        stack.push_async_callback(asyncio.wait, [running])
        stack.callback(stop.set)
        stack.push_async_callback(self.media.stop)

    def arbitrates(self, group: str) -> bool:
        path, _, name = group.partition(".")
        return self.talk.floors.arbitrates(subjects.floor(parse(path), name))


@pytest.fixture
async def tree(tmp_path: Path) -> AsyncIterator[tuple[Node, Node, Line]]:
    province, county = Node(tmp_path, PROVINCE), Node(tmp_path, COUNTY)
    users.admit(province.keys, "link", COUNTY, users.secret(county.keys, "parent"))
    async with contextlib.AsyncExitStack() as stack:
        servers = stack.enter_context(contextlib.ExitStack())
        line = Line(province.links)
        await line.start()
        stack.push_async_callback(line.stop)
        province.serve(servers)
        seed = users.read_seed(users.seed_file(county.keys, "parent"))
        county.serve(servers, f"nats-leaf://127.0.0.1:{line.port}", seed)
        await province.start(stack)
        await county.start(stack)
        await until(lambda: line.carried > 2_000)
        yield province, county, line


async def granted(radio: Radio) -> None:
    radio.floor.clear()
    radio.say(Kind.REQUEST)
    await until(lambda: radio.told(Kind.GRANTED) or radio.told(Kind.DENY))
    assert radio.told(Kind.GRANTED), radio.floor


async def test_a_county_that_is_cut_off_in_mid_burst_goes_on_talking_and_comes_back(
    tree: tuple[Node, Node, Line],
) -> None:
    province, county, line = tree
    above, near = Radio(province.media, "above"), Radio(county.media, "near")
    talker = Radio(county.media, "talker", node=COUNTY)
    async with calling(above, near, talker):
        await asyncio.sleep(0.8)
        await granted(talker)
        speaking = asyncio.create_task(talker.speak(SOUND * 4))
        await until(lambda: len(above.heard) >= 20 and len(near.heard) >= 20)
        assert province.arbitrates("44.main") and not county.arbitrates("44.main")
        line.cut()
        heard = len(above.heard)
        await speaking
        await until(lambda: len(near.heard) == 200)  # the burst went on here, and is over there
        assert len(above.heard) <= heard + 10
        assert county.arbitrates("44.main") and not talker.told(Kind.REVOKE)
        talker.say(Kind.RELEASE)
        await until(lambda: near.told(Kind.IDLE))
        await granted(near)  # by the county, while the province speaks by itself
        await granted(above)
        near.say(Kind.RELEASE)
        above.say(Kind.RELEASE)
        line.mend()
        mended = line.carried
        await until(lambda: line.carried > mended + 1_000)
        began = time.monotonic()
        await until(lambda: not county.arbitrates("44.main") and province.arbitrates("44.main"))
        assert time.monotonic() - began < RETURN_MS / 1_000
        above.heard.clear()
        await granted(talker)
        await talker.speak(SOUND[:10])
        talker.say(Kind.RELEASE)
        await until(lambda: len(above.heard) >= 10)
    await asyncio.sleep(1.2)
    rows = Recordings(county.data).found(0, 1 << 47, lambda _: True, 10)
    assert [(row.name, row.place, row.granted) for row in rows] == [("talker", "44", "44")] * 2
    assert rows[1].lasts_ms == 4_000 and rows[1].lost == 0  # the county kept all of what its people could hear


async def test_a_link_carries_a_frame_once_and_only_where_somebody_beyond_listens(
    tree: tuple[Node, Node, Line],
) -> None:
    province, county, line = tree
    talker, near = Radio(county.media, "talker", node=COUNTY), Radio(county.media, "near")
    async with calling(talker, near, where=COUNTY):
        await asyncio.sleep(0.8)
        await granted(talker)
        before = line.carried
        await talker.speak(SOUND[:25])
        alone = line.carried - before
        above = Radio(province.media, "above"), Radio(province.media, "second")
        async with calling(*above, where=COUNTY):
            await asyncio.sleep(0.5)
            before = line.carried
            await talker.speak(SOUND[:25])
            await until(lambda: all(len(radio.heard) == 25 for radio in above))
            listened = line.carried - before
        talker.say(Kind.RELEASE)
    frames = sum(map(len, SOUND[:25]))
    assert alone < 25 * 120 < frames + 25 * 60 < listened < frames + 25 * 200 + alone, (alone, listened)


async def test_a_county_speaks_for_no_other_and_hears_none(tree: tuple[Node, Node, Line]) -> None:
    province, county, _ = tree
    above = await intrude(f"nats://127.0.0.1:{province.port}", users.seed_file(province.keys, "floor"))
    below = await intrude(f"nats://127.0.0.1:{county.port}", users.seed_file(county.keys, "floor"))
    talker = await intrude(f"nats://127.0.0.1:{county.port}", users.seed_file(county.keys, "radio-1"))
    for subject in (
        "fc.beacon.44.01.06", "fc.joined.440106-radio-2", "fc.voice.44.02.main", "fc.floor.44.02.01.main",
        "fc.receipt.radio-1", "fc.api.health", "fc.link.440106.up", "$JS.API.INFO", "fc.trust.lost.00",
    ):  # fmt: skip
        assert not await talker.publish(subject), subject
    assert await talker.publish("fc.joined.440106-radio-1") and await talker.publish("fc.floor.44.main")
    await talker.client.close()
    heard: list[str] = []

    async def took(message: mock.Mock) -> None:
        heard.append(message.subject)

    try:
        await above.client.subscribe("fc.voice.44.>", cb=took)
        await above.client.flush()
        await asyncio.sleep(0.3)
        assert not await below.publish("fc.voice.44.01.03.main")
        assert await below.publish("fc.voice.44.01.06.main") and await below.publish("fc.voice.44.main")
        for subject in ("fc.voice.44.01.03.main", "fc.beacon.44.02", "fc.receipt.x", "fc.api.issue"):
            assert not await below.hear(subject)
        await until(lambda: len(heard) == 2)
        assert set(heard) == {"fc.voice.44.01.06.main", "fc.voice.44.main"}
    finally:
        await above.client.close()
        await below.client.close()
