"""A town's kit hangs under the province over a satellite: 64 kbit/s, 300 ms each way, one packet in a hundred lost.

Orders, answers, a report and voice cross; in a cut both ends order, and agree after it; a kit that is revoked is let in
no more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import NamedTuple

import pytest

from fusioncmd import ids
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.codes import parse
from fusioncmd.floor.messages import Kind
from fusioncmd.terminal import SendReport
from gateways.radio.media import TalkgroupMedia
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from tests.loops import InThread
from tests.nats_server import free_port
from tests.nats_server import until as soon
from tests.radios import Radio, calling, packets_of, share_of, tone
from tests.smoke.handset import Handset
from tests.smoke.test_story_tiers import answered, import_people, people_of, tickets
from tests.smoke.tree import FAST, approve
from tests.tak import Drone
from tests.tier_process import TierProcess, until

HUB, KIT = "44", "440106001"
RATE_BPS, ONE_WAY_NS, LOSS = 64_000, 300_000_000, 0.01
RADIO = "radio-9"
SOUND = packets_of("opus", lambda rate: tone(440, 1_800, rate))
OFTEN = FAST | {"FUSIONCMD_CANARY_EVERY_S": "0.5"}


class World(NamedTuple):
    hub: TierProcess
    kit: TierProcess
    link: Link
    in_thread: InThread[Link]
    tickets: list[bytes]
    drone: Drone

    def turn(self, cut: bool) -> None:
        async def turn() -> None:
            (self.link.cut if cut else self.link.heal)()

        self.in_thread.call(turn())


def state(tier: TierProcess, peer: str) -> str | None:
    said = tier.here("health", "--json")
    return next((link["state"] for link in said.json["links"] if link["peer"] == peer), None) if said.lines else None


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder, port = tmp_path_factory.mktemp("satellite"), free_port()
    profile = Profile(delay_ns=ONE_WAY_NS, loss=LOSS, rate_bps=RATE_BPS)
    options: tuple[object, ...] = (
        "--node",
        HUB,
        "--satellite-port",
        port,
        "--satellite-host",
        "127.0.0.1",
        "--gateways",
        1,
        "--voice",
    )
    for code in (HUB, KIT):
        users.ensure(users.folder_of(folder / code / "data"), RADIO, "talk", code)
    with TierProcess(folder / HUB, *options, more=OFTEN) as hub:
        approve(folder, hub, HUB, KIT)
        in_thread = InThread(Link(("127.0.0.1", port), profile, carries="udp", seed=1))
        with in_thread as link:
            mavlink = free_port()
            options = ("--node", KIT, "--satellite", f"127.0.0.1:{link.port}", "--gateways", 1, "--voice")
            options = (*options, "--tracks", f"mavlink={mavlink}")
            with TierProcess(folder / KIT, *options, more=OFTEN) as kit:
                until(lambda: state(kit, HUB) == "up" == state(hub, KIT), 15.0)
                import_people(hub, folder)
                until(lambda: people_of(kit) == 3, 15.0)
                with closing(Drone(mavlink)) as drone:
                    yield World(hub, kit, link, in_thread, tickets(kit, folder), drone)


def call(tier: TierProcess, to: str, text: str) -> str:
    return str(tier.ask("call", "--to", to, "--text", text, "--answer", "yes", "--exercise")["id"])


def test_an_order_goes_down_and_its_answer_and_a_report_come_back(world: World) -> None:
    hub, kit = world.hub, world.kit
    with Handset(kit.terminals, world.tickets[0]) as device:
        until(lambda: hub.ask("health")["reachable"] == 1, 10.0)
        began_s = time.monotonic()
        issued = call(hub, HUB, "Is the dyke holding?")
        order = device.order("Is the dyke holding?")
        assert time.monotonic() - began_s < 5.0
        device.answer(order, "yes")
        until(lambda: answered(hub, issued) == [1], 10.0)
        device.say(SendReport(order.id, ids.make(order.issued_ms, b"0123456789"), "The road is cut.", None, None))
        until(lambda: "The road is cut." in hub.here("reports", issued).out, 10.0)


@contextlib.asynccontextmanager
async def radios(tier: TierProcess, code: str) -> AsyncIterator[TalkgroupMedia]:
    """A radio gateway of that tier, in this process."""
    key = users.seed_file(users.folder_of(tier.data), RADIO)
    bus = await open_bus(tier.nats, RADIO, key=key)
    media = TalkgroupMedia(bus, f"{code}-{RADIO}", parse(code), "127.0.0.1")
    await media.start()
    try:
        yield media
    finally:
        await media.stop()
        await bus.close()


def over(speaker: Radio, listener: Radio) -> bool:
    """That one spoke, and does so no more, as the other was told."""
    parties = [message.granted_party for message in listener.floor if message.kind in (Kind.TAKEN, Kind.IDLE)]
    return speaker.name in parties and parties[-1] is None


async def test_who_speaks_at_the_kit_is_heard_above_and_answered(world: World) -> None:
    async with radios(world.hub, HUB) as above, radios(world.kit, KIT) as below:
        near, far = Radio(below, "near", node=KIT), Radio(above, "far")
        await asyncio.sleep(0.6)  # until both have heard which nodes there are
        async with calling(near, far):
            await asyncio.sleep(1.0)  # until the kit's end has said that somebody there listens
            await speaks(near, far, 0.6, 2.0)
            await speaks(far, near, 0.0, 0.6)


async def speaks(speaker: Radio, listener: Radio, least_s: float, most_s: float) -> None:
    """The floor is granted after so long, and what is said is heard."""
    speaker.floor.clear()
    listener.floor.clear()
    pressed_s = time.monotonic()
    speaker.say(Kind.REQUEST)
    await soon(lambda: speaker.told(Kind.GRANTED))
    assert least_s < time.monotonic() - pressed_s < most_s
    spoken_s = time.perf_counter()
    await speaker.speak(SOUND)
    speaker.say(Kind.RELEASE)
    await soon(lambda: over(speaker, listener))
    packets = len(SOUND) * 20 // 60
    assert packets * 0.8 <= len(listener.heard) <= packets + 1  # three letters of fifteen may be lost
    assert 0.3 < listener.heard[0][0] - spoken_s < 1.5
    assert share_of(listener.samples()[9_600:48_000:6], 440, 8_000) > 0.8


def seen(tier: TierProcess) -> list[tuple[float, int]]:
    """Where the kit's drone is, and its charge."""
    return [(one["lat"], one["battery"]) for one in tier.ask("tracks", "list", "--node", KIT)["tracks"]]


def test_both_ends_order_in_a_cut_and_agree_after_it(world: World) -> None:
    hub, kit = world.hub, world.kit
    world.drone.fly(23.1291, 113.3644, battery=77)
    until(lambda: seen(hub) == [(23.1291, 77)], 10.0)
    with Handset(kit.terminals, world.tickets[1]) as device:
        world.turn(cut=True)
        until(lambda: state(hub, KIT) == "cut" == state(kit, HUB), 50.0)
        world.drone.fly(23.1299, 113.3644, battery=60)
        inside, above = call(kit, KIT, "Inside."), call(hub, HUB, "Above.")
        device.answer(device.order("Inside."), "yes")
        assert answered(hub, inside) == [] and seen(hub) == [(23.1291, 77)]
        world.turn(cut=False)
        healed_s = time.monotonic()
        order = device.order("Above.")
        assert time.monotonic() - healed_s < 5.0
        device.answer(order, "yes")
        for each in (inside, above):
            until(lambda each=each: answered(hub, each) == [1] == answered(kit, each), 20.0)  # type: ignore[misc]
        until(lambda: [(round(lat, 4), left) for lat, left in seen(hub)] == [(23.1299, 60)], 10.0)
        until(lambda: state(hub, KIT) == "up" == state(kit, HUB), 10.0)


def test_gateways_that_are_killed_come_back_and_orders_go_on(world: World) -> None:
    hub, kit = world.hub, world.kit
    for tier in (hub, kit):
        os.kill(tier.child("gateways.satellite"), signal.SIGKILL)
    issued = call(hub, HUB, "After all.")
    with Handset(kit.terminals, world.tickets[0]) as device:
        device.answer(device.order("After all."), "yes")
    until(lambda: answered(hub, issued) == [1] and state(hub, KIT) == "up" == state(kit, HUB), 10.0)
    shown = kit.here("satellite", "status")
    assert "up for" in shown.out and "kbit/s" in shown.out, shown


def test_a_kit_that_is_revoked_is_let_in_no_more_and_says_so(world: World) -> None:
    hub, kit = world.hub, world.kit
    assert hub.cli("nodes", "revoke", KIT, "--node", HUB).code == 0
    until(lambda: state(kit, HUB) == "cut" == state(hub, KIT), 50.0)
    until(lambda: any("revoked" in said for said in kit.here("health", "--json").json["problems"]), 20.0)
