"""What of voice fails reaches the node's health: what is not recorded, orders that are not spoken, storms."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from fusioncmd import api, radios, subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import Path as Place
from fusioncmd.codes import parse
from fusioncmd.errors import BadMessage
from fusioncmd.radios import Here
from fusioncmd.voice import faults, speak
from fusioncmd.voice import subjects as talk_subjects
from fusioncmd.voice.faults import SHOWN_S, SOURCES_MAX, Failing
from fusioncmd.voice.speak import Speak
from gateways.radio.media import TalkgroupMedia
from gateways.radio.spoken import SpokenOrders
from tests.intruder import KeyedServer, intrude
from tests.nats_server import until
from tests.test_node import ask, province, running
from tests.test_radio_desk import Counter
from tests.worlds import judge, make_id
from tiers.talk import Talk
from tiers.voice_faults import WORDS, VoiceFaults


def test_totals_are_shown_for_an_hour_and_a_process_that_began_again_counts_anew() -> None:
    known = Failing()
    assert known.told("radio", {"unspoken": 2, "requests": 0}, 0.0) and known.now(1.0) == [("radio", "unspoken", 2)]
    known.told("radio", {"unspoken": 2}, 10.0)  # said again
    known.told("radio", {"unspoken": 1}, 20.0)  # it was started again
    assert known.now(21.0) == [("radio", "unspoken", 3)]
    assert known.now(20.0 + SHOWN_S) == []
    known.told("radio", {"unspoken": 2}, 30.0 + SHOWN_S)
    assert known.now(31.0 + SHOWN_S) == [("radio", "unspoken", 1)]
    for n in range(1, SOURCES_MAX):
        assert known.told(f"radio-{n}", {}, 0.0)
    assert not known.told("one too many", {"unspoken": 1}, 0.0)


def test_what_is_no_such_statement_is_refused_and_every_kind_has_words() -> None:
    said = faults.Faults(dict.fromkeys(faults.KINDS, (1 << 48) - 1))
    assert faults.decode(faults.encode(said)) == said and {*WORDS} == {*faults.KINDS}
    for data in (b"", b"noise", b"\x00" * 300, faults.encode(faults.Faults({"unspoken": -1}))):
        with pytest.raises(BadMessage):
            faults.decode(data)


async def test_what_a_radio_gateway_says_with_who_is_here_is_said_in_both_languages() -> None:
    counter = Counter()
    held = VoiceFaults(counter.bus, Place("44"), lambda: 0.0)
    counter.radios.faults = held.told
    await counter.radios.start()
    await counter.bus.say(subjects.RADIO_HERE, radios.encode(Here("radio", (), 0, {"unspoken": 2, "requests": 9})))
    (orders, orders_zh), (requests, requests_zh) = held.said()
    assert orders == "2 orders were not spoken by radio (see its log)" and "9 requests" in requests
    assert "2 条指令" in orders_zh and "9 条" in requests_zh


async def test_the_node_says_so_when_it_is_asked_for_its_health(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path):
        assert (await ask(bus, api.Health())).problems == ()
        await bus.say(subjects.RADIO_HERE, radios.encode(Here("radio", (), 0, {"mistakes": 1})))
        await bus.say(talk_subjects.faults(Place("44")), faults.encode(faults.Faults({"unwritten": 3})))
        health = await ask(bus, api.Health())
        assert [text.split()[:2] for text in health.problems] == [["1", "calls"], ["3", "recordings"]]
        assert "3 条录音未写入" in health.problems_zh[1]


async def test_an_order_that_is_not_spoken_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    bus = MemoryBus()
    media = TalkgroupMedia(bus, "44-radio", Place("44"), "127.0.0.1")
    orders = SpokenOrders(bus, "radio", Place("44"), judge(), media, time.time)
    await orders.start()
    await bus.say(subjects.radio_speak(Place("44")), speak.encode(Speak(make_id(9), ("44",), b"")))  # there is none
    await until(lambda: orders.unspoken == 1)
    await bus.say(subjects.radio_speak(Place("44")), b"noise")
    await until(lambda: orders.unspoken == 2)

    async def mistaken(said: Speak) -> None:
        raise IndexError("a mistake")

    monkeypatch.setattr(orders, "speak", mistaken)
    await bus.say(subjects.radio_speak(Place("44")), speak.encode(Speak(make_id(9), ("44",), b"")))
    await until(lambda: orders.unspoken == 3)


async def test_what_is_not_recorded_reaches_the_node_over_a_real_bus_and_nobody_else_may_say_so(tmp_path: Path) -> None:
    users: Any = (("node", "node", "440106"), ("floor", "floor", "440106"), ("radio-talk", "talk", "440106"))
    server = KeyedServer(tmp_path, *users)
    try:
        node, floor = [await open_bus(server.url, name, key=server.key(name)) for name in ("node", "floor")]
        held = VoiceFaults(node, parse("440106"), time.monotonic)
        await held.start()
        (tmp_path / "voice" / "2026010100").mkdir(parents=True)
        (tmp_path / "voice" / "2026010100" / "x.ogg").symlink_to("nowhere")  # cannot be looked at
        stop = asyncio.Event()
        talk = asyncio.create_task(Talk(floor, parse("440106"), tmp_path).run(stop))
        await until(held.said)
        assert held.said()[0][0].startswith("1 recordings of voice were not written")
        stop.set()
        await talk
        intruder = await intrude(server.url, server.key("radio-talk"))
        assert not await intruder.publish(talk_subjects.faults(parse("440106")))
        for each in (intruder.client, floor, node):
            await each.close()
    finally:
        server.stop()
