"""Dallas, 7 April 2017: all 156 storm sirens howled through the night, for an hour and a half.

Somebody had recorded the tones that set them off, and played them back; whoever hears a command that is not bound to a
time, a number and a place can give it again. Here the bytes of a true order are recorded on the bus, whole and with
what the node said of them, and played back in every way that a broker could: nobody hears a thing.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd import ids
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import CALL, Stored
from fusioncmd.cli.issue import new_id
from tests.broker_root import root_of
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.handset import Handset
from tests.smoke.test_story_forged import refusals
from tests.tier_process import TierProcess, until

SIRENS = "All sirens."
SHORT = ("--receive-within", "1s", "--answer-within", "1s", "--open-for", "2s")
Recorded = list[tuple[str, bytes]]  # subject and message: the audience, and the order


@pytest.fixture(scope="module")
def dallas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    with filled(tmp_path_factory.mktemp("dallas"), "--gateways", 1) as tier:
        yield tier


@pytest.fixture(scope="module")
def ticket(dallas: TierProcess) -> bytes:
    return next(iter(tickets_of(dallas, "4401", 1).values()))


async def _read(nats: str, key: Path) -> list[Stored]:
    bus = await open_bus(nats, "recorder", wait_s=5.0, key=key)
    found = [stored async for stored in bus.read(CALL)]
    await bus.close()
    return found


async def _play(nats: str, key: Path, messages: Recorded, emptied: bool) -> None:
    bus = await open_bus(nats, "player", wait_s=5.0, key=key)
    if emptied:
        await bus.forget(CALL, (await bus.edge(CALL)).last + 1)
    for subject, data in messages:
        await bus.store(subject, data)
    await bus.close()


def play(tier: TierProcess, messages: Recorded, emptied: bool = False) -> None:
    """What was recorded is put on a bus; `emptied`: in place of all that is in the stream."""
    asyncio.run(_play(tier.nats, root_of(tier, tier.data), messages, emptied))


@pytest.fixture(scope="module")
def recorded(dallas: TierProcess, ticket: bytes) -> Recorded:
    """A true order, which was heard once and is over."""
    with Handset(dallas.terminals, ticket) as siren:
        name = dallas.ask("call", "--to", "4401", "--text", SIRENS, "--exercise", *SHORT)["id"]
        order = siren.order(SIRENS)
    taken = [(one.subject, one.data) for one in asyncio.run(_read(dallas.nats, dallas.bus_key("node")))][-2:]
    assert taken[0][0] == f"fc.audience.{name}" and taken[1][0] == "fc.call.44.01"
    until(lambda: time.time() * 1000 > order.expires_ms + 2_000, 10.0)  # a gateway looks once a second
    return taken


def heard(tier: TierProcess, ticket: bytes, siren: Handset) -> list[str]:
    """What sounds, where a true order of now comes last; and what is due to one who connects."""
    tier.ask("call", "--to", "4401", "--text", "A true one.", "--exercise", *SHORT)
    siren.order("A true one.")
    sounded = siren.orders_by_now()
    with Handset(tier.terminals, ticket) as other:  # in the place of the first
        return [text for text in (*sounded, *other.orders_by_now()) if text != "A true one."]


def test_played_again_after_its_end_or_on_another_subject_nobody_hears_it(
    dallas: TierProcess, ticket: bytes, recorded: Recorded
) -> None:
    audience, order = recorded
    with Handset(dallas.terminals, ticket) as siren:
        play(dallas, [audience, order, order, ("fc.call.44", order[1]), ("fc.call.44.03", order[1])])
        assert heard(dallas, ticket, siren) == []


def test_under_another_number_it_is_refused(dallas: TierProcess, ticket: bytes, recorded: Recorded) -> None:
    (_, said), (subject, order) = recorded
    old = ids.from_text(recorded[0][0].rpartition(".")[2])
    new = new_id()
    with Handset(dallas.terminals, ticket) as siren:
        name = f"fc.audience.{ids.to_text(new)}"
        play(dallas, [(name, said.replace(old, new)), (subject, order.replace(old, new))])
        for process in ("node", "responder-1"):
            until(lambda process=process: "signature" in refusals(dallas, process))
        assert heard(dallas, ticket, siren) == []


def test_in_the_stream_of_another_province_it_proves_nothing(
    tmp_path_factory: pytest.TempPathFactory, recorded: Recorded
) -> None:
    with filled(tmp_path_factory.mktemp("elsewhere"), "--gateways", 1) as other:
        ticket = next(iter(tickets_of(other, "4401", 1).values()))
        with Handset(other.terminals, ticket) as siren:
            play(other, recorded)
            for process in ("node", "responder-1"):
                until(lambda process=process: refusals(other, process) == ["root"])
            assert heard(other, ticket, siren) == []


def test_a_gateway_that_knows_nothing_else_shows_it_to_nobody_either(
    dallas: TierProcess, ticket: bytes, recorded: Recorded
) -> None:
    """The last of this file: it takes the stream away."""
    play(dallas, recorded, emptied=True)
    os.kill(dallas.child("responder-1"), signal.SIGKILL)
    until(lambda: any("started again" in line for line in dallas.said))

    def connected() -> Handset | None:
        try:
            return Handset(dallas.terminals, ticket)
        except OSError:
            return None

    with until(connected, 20.0) as siren:
        assert heard(dallas, ticket, siren) == []
