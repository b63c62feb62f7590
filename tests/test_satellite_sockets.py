"""The satellite pipe over real UDP sockets, through a link that loses and delays."""

from __future__ import annotations

import asyncio
import socket
import stat
import time
from pathlib import Path

import pytest

from fusioncmd.bus import users
from fusioncmd.trust.joining import link_name
from gateways.satellite import dialler, hub_end, hub_port
from gateways.satellite.__main__ import admits
from gateways.satellite.carrying import Pipe
from gateways.satellite.classes import Class
from gateways.satellite.dialler import KitDialer
from gateways.satellite.hub_port import HubPort
from gateways.satellite.identity import Believes
from gateways.satellite.ways import Way
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from loadtest.link.quantities import MS
from loadtest.offices import NOW_MS
from tests.satellite_link import HUB, HUB_IDENTITY, KIT, KIT_IDENTITY, OFFICES, exchange
from tests.test_satellite_bad_input import first_packet

BELIEVES = Believes(lambda: OFFICES.anchors, lambda chain: None, lambda: NOW_MS)
WAIT_S = 20.0


async def until(said: object) -> None:
    async with asyncio.timeout(WAIT_S):
        while not said():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_over_sockets_and_a_link_that_loses_letters_go_both_ways_and_a_restart_goes_on(tmp_path: Path) -> None:
    pipes: dict[str, Pipe] = {}
    heard: list[tuple[Class, bytes]] = []
    back: list[tuple[Class, bytes]] = []

    def on_kit(code: str, pipe: Pipe) -> None:
        pipes[code] = pipe
        pipe.heard = lambda cls, letter: heard.append((cls, letter))

    hub = HubPort("127.0.0.1", 0, HUB_IDENTITY, BELIEVES, lambda code: True, on_kit, 1_000_000)
    port = await hub.open()
    ticket = tmp_path / "ticket"
    profile = Profile(delay_ns=20 * MS, loss=0.03, rate_bps=1_000_000)
    async with Link(("127.0.0.1", port), profile, carries="udp", seed=3) as link:
        ways = (Way("sat", "127.0.0.1", 1_000_000), Way("4g", "127.0.0.2", 2_000_000))

        def dial() -> KitDialer:
            made = KitDialer(("127.0.0.1", link.port), ways, KIT_IDENTITY, BELIEVES, HUB, ticket)
            made.heard = lambda cls, letter: back.append((cls, letter))
            return made

        kit = dial()
        await kit.open()
        await until(lambda: kit.up and KIT in pipes and pipes[KIT].up)
        for n in range(40):
            for cls in Class:
                assert kit.say(cls, exchange(f"{cls.name} {n}"))
                assert pipes[KIT].say(cls, exchange(f"back {cls.name} {n}"))
        wanted = 40 * (len(Class) - 1)
        await until(lambda: sum(cls is not Class.VOICE for cls, _ in heard) == wanted)
        await until(lambda: sum(cls is not Class.VOICE for cls, _ in back) == wanted)
        assert sum(cls is Class.VOICE for cls, _ in heard) > 30
        assert kit.facts().loss >= 0 and hub.facts()[0].peer == KIT
        assert stat.S_IMODE(ticket.stat().st_mode) == 0o600

        kit.use("4g")  # from another address of this machine
        await until(lambda: kit.facts().way == "4g" and pipes[KIT].rate_bps == 2_000_000)
        assert pipes[KIT].say(Class.ORDERS, exchange("by 4g")) and kit.say(Class.ORDERS, exchange("by 4g"))
        await until(lambda: (Class.ORDERS, exchange("by 4g")) in heard and (Class.ORDERS, exchange("by 4g")) in back)
        assert kit.facts().connections == 1

        kit.close()
        kit = dial()
        assert kit.say(Class.ORDERS, exchange("after the restart"))
        began_s = time.monotonic()
        await kit.open()
        await until(lambda: (Class.ORDERS, exchange("after the restart")) in heard)
        assert time.monotonic() - began_s < 5
        await until(lambda: kit.up)
        assert kit.facts().resumed == 1
        kit.close()
    hub.close()


async def test_who_never_finishes_a_handshake_and_connections_that_were_replaced_cost_nothing_afterwards(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub_end, "HANDSHAKE_S", 0.3)
    pipes: dict[str, Pipe] = {}
    hub = HubPort("127.0.0.1", 0, HUB_IDENTITY, BELIEVES, lambda code: True, pipes.__setitem__, 1_000_000)
    port = await hub.open()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(first_packet(), ("127.0.0.1", port))
        await until(lambda: hub._timers)
        await until(lambda: not hub._timers)  # it is forgotten, and nobody looks at it again

    monkeypatch.setattr(hub_end, "HANDSHAKE_S", 15.0)
    monkeypatch.setattr(hub_end, "QUIET_HUB_S", 0.2)
    for _ in range(3):  # the same kit, each time after a loss of power: it says nothing to the hub
        kit = KitDialer(("127.0.0.1", port), (Way("sat", "", 1_000_000),), KIT_IDENTITY, BELIEVES, HUB)
        await kit.open()
        await until(lambda kit=kit: kit.up)
        kit.end.transmit = lambda now_s: []  # type: ignore[method-assign]
        kit.close()
    await until(lambda: len(hub._timers) == 1)
    hub.close()


async def test_a_hub_whose_name_is_none_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialler, "ASK_AGAIN_S", 0.02)
    said = list[str]()
    kit = KitDialer(("hub..example", 7_000), (Way("sat", "", 64_000),), KIT_IDENTITY, BELIEVES, HUB)
    monkeypatch.setattr(kit, "_unknown", said.append)
    await kit.open()
    await until(lambda: len(said) > 1 and all(said))
    kit.close()


async def test_a_kit_that_is_refused_is_told_of_for_a_while_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    admitted = list[str]()
    hub = HubPort("127.0.0.1", 0, HUB_IDENTITY, BELIEVES, admitted.__contains__, lambda code, pipe: None, 1_000_000)
    port = await hub.open()
    kit = KitDialer(("127.0.0.1", port), (Way("sat", "", 1_000_000),), KIT_IDENTITY, BELIEVES, HUB)
    await kit.open()
    await until(lambda: hub.refusal is not None)
    monkeypatch.setattr(hub_port, "REFUSED_SHOWN_S", 0.05)
    await until(lambda: hub.refusal is None)
    kit.close()
    hub.close()


def test_a_kit_is_let_in_by_its_own_file_and_by_no_other(tmp_path: Path) -> None:
    folder = users.folder_of(tmp_path)
    users.admit(folder, link_name(KIT), KIT, users.secret(folder, "any"))
    (folder / "link-4402.user").write_text("spoilt")
    assert admits(folder, KIT) and not admits(folder, "440106002")
    users.admit(folder, link_name("440106003"), "440106004", users.secret(folder, "other"))
    assert not admits(folder, "440106003")
    users.dismiss(folder, link_name(KIT))
    assert not admits(folder, KIT)
