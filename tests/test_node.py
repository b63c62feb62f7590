"""A tier node over the memory bus: what it knows survives its own death, and what it cannot read stops nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fusioncmd import api, devices, envelope, subjects
from fusioncmd import keys as secret_keys
from fusioncmd.api import calling, keys, proposals
from fusioncmd.api import devices as asked
from fusioncmd.api import health as well
from fusioncmd.api.keys import Beat, Keys, Revoke
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import Stored
from fusioncmd.client import Commander
from fusioncmd.codes import Path as Place
from fusioncmd.errors import BadMessage, BusDown, NotFound, NotReady
from fusioncmd.messages import ANSWERED, SENT, PicturePart, Presence, Report, Selector, encode
from fusioncmd.trust import heartbeats, keyfile, ring, seals
from fusioncmd.trust.revocations import revoke
from tests.nats_server import until
from tests.phones import Phone
from tests.test_desk import PEOPLE, PLACES, TABLE, first_slice
from tests.test_ledger import ALERT, OTHER, audience, call, mark, receipts, report
from tests.worlds import (
    DUTY,
    EVERYONE,
    NODE_KEY,
    NOW_MS,
    OFFICES,
    by_key,
    make_draft,
    make_id,
    make_order,
    sealed,
)  # fmt: skip
from tiers.node import Node

TALLY = api.Tally(ALERT.id)
SPENT = OFFICES.people["exercise", "Li Na"]


async def put(bus: MemoryBus, *messages: Stored) -> None:
    for message in messages:
        await bus.store(message.subject, message.data)


async def province(bus: MemoryBus | None = None) -> MemoryBus:
    """A bus with a roster and two orders."""
    bus = MemoryBus() if bus is None else bus
    await bus.store(subjects.roster(PLACES.root), encode(TABLE))
    for code in TABLE.towns:
        await bus.store(subjects.roster(Place(code)), encode(first_slice(code)))
    await put(bus, audience(ALERT, PEOPLE), call(ALERT), audience(OTHER, PEOPLE[:4]), call(OTHER))
    return bus


def node_of(bus: MemoryBus, data: Path) -> Node:
    """With keys of its own, which believes those that `OFFICES` granted too, at a time that stands still."""
    folder = ring.folder_of(data)
    if ring.make(folder, "44", "duty", NOW_MS):
        keyfile.write_grants(folder / "anchors" / "offices.grants", (OFFICES.root_grant,))
    return Node(bus, PLACES.root, PLACES, data, clock=lambda: NOW_MS / 1000)


@contextlib.asynccontextmanager
async def running(bus: MemoryBus, data: Path, *, crash: bool = False) -> AsyncIterator[Node]:
    """A node, from ready to its end: stopped, or killed where it stands."""
    node = node_of(bus, data)
    life = asyncio.create_task(node.run())
    await until(lambda: node.ready or life.done())
    try:
        yield node
    finally:
        if crash:
            life.cancel()
        node.stop()
        await asyncio.wait({life})
        bus.tails.clear()
        if not life.cancelled():
            life.result()


async def ask(bus: MemoryBus, request: Any) -> Any:
    commander = Commander(bus, log_in=by_key)
    if isinstance(request, api.Health):
        await commander.log_in()
    return await commander.ask(request, timeout_s=0.2)


async def counts(bus: MemoryBus) -> list[api.Row]:
    """What commanders see of both orders."""
    return [(await ask(bus, api.Tally(order.id))).total for order in (ALERT, OTHER)]


def of_devices(key: bytes) -> tuple[api.Question[Any], ...]:
    """A phone is enrolled, renews its ticket, and is lost."""
    number, phone = PEOPLE[0], Phone()
    code = devices.make_code(number, NOW_MS // 1000 + 600, False, b"code", key)
    device = devices.read_code(code, key, NOW_MS / 1000).device
    return (
        asked.MakeCodes(600, number=number),
        asked.Enrol(code, "ed25519", phone.public, phone.enrol_proof(code)),
        asked.Renew(number, device, NOW_MS, phone.renew_proof(number, device, NOW_MS)),
        asked.Devices(number=number),
        asked.RevokeDevices(device),
    )


async def test_every_question_of_the_vocabulary_is_answered(tmp_path: Path) -> None:
    bus = await province()
    waits = seals.seal(encode(make_order(9, status="actual")), DUTY["actual"])
    town = Place(TABLE.towns[PEOPLE[0] >> 16])
    await bus.store(subjects.report(town), encode(Report(make_id(7), ALERT.id, PEOPLE[0], NOW_MS, "", None, None, 1)))
    part = PicturePart(make_id(7), ALERT.id, PEOPLE[0], 0, b"\xff\xd8\xff")
    await bus.store(subjects.picture_part(town, PEOPLE[0], make_id(7), 0), encode(part))
    async with running(bus, tmp_path) as node:
        assert node._answers().keys() == api.VERBS.keys()
        requests = (
            api.Health(), api.Compose(make_draft(8)), api.Issue(sealed(make_order(8))),
            api.Preview(Selector(("44",))), TALLY, api.Who(ALERT.id, "targeted"),
            api.Orders(), api.Reports(ALERT.id), api.Picture(ALERT.id, make_id(7)), api.Find("陈"),
            api.Propose(waits), api.Proposals(), api.Withdraw(make_id(9)),
            Keys(), Beat(heartbeats.beat(NODE_KEY, NOW_MS)), Revoke(revoke(SPENT, SPENT.chain, NOW_MS)),
            *of_devices(secret_keys.read_ticket_key(tmp_path)),
        )  # fmt: skip
        assert {type(request) for request in requests} == set(
            calling.VERBS | well.VERBS | proposals.VERBS | keys.VERBS | asked.VERBS
        )
        for request in requests:
            assert isinstance(await ask(bus, request), api.VERBS[type(request)][1])
        assert (await ask(bus, api.Picture(ALERT.id, make_id(7)))).data == b"\xff\xd8\xff"
        with pytest.raises(NotFound):
            await ask(bus, api.Picture(OTHER.id, make_id(7)))  # the report is of another order
        health = await ask(bus, api.Health())
        assert (health.node, health.people, health.towns, health.orders) == ("44", len(PEOPLE), len(TABLE.towns), 3)
        assert health.caught_up and health.problems == ()


async def test_a_problem_crosses_the_bus_and_noise_is_answered_with_one(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path):
        with pytest.raises(NotFound):
            await ask(bus, api.Tally(make_id(99)))
        for verb, reply in api.VERBS.values():
            with pytest.raises(BadMessage):
                envelope.decode_reply(reply, await bus.ask(subjects.api(verb), b"\xc1noise", 1))


async def test_until_all_is_read_questions_are_answered_and_orders_are_not_taken(tmp_path: Path) -> None:
    whole = asyncio.Event()

    class Slow(MemoryBus):
        async def tail(self, *given: Any, **named: Any) -> Any:
            tail = await super().tail(*given, **named)
            tail.caught_up = whole.wait  # type: ignore[method-assign]
            return tail

    bus = await province(Slow())
    node = node_of(bus, tmp_path)
    life = asyncio.create_task(node.run())
    await until(lambda: len(bus.tails) == 2)  # the roster and the orders; then, and not before, what is said of them
    assert not (await Commander(bus).ask(api.Health())).caught_up
    for question in (api.Issue(sealed(make_order())), api.Orders(), api.Preview(EVERYONE)):
        with pytest.raises(NotReady, match="still reading"):
            await Commander(bus, b"any").ask(question, timeout_s=0.2)
    whole.set()
    await until(lambda: node.ready)
    node.stop()
    await life


async def test_a_node_that_starts_before_its_bus_waits_for_it(tmp_path: Path) -> None:
    class Late(MemoryBus):
        failures = 1

        async def ensure_streams(self) -> None:
            self.failures -= 1
            if self.failures >= 0:
                raise BusDown("not yet", "尚未")

    async with running(await province(Late()), tmp_path) as node:
        assert node.ready


async def test_presence_makes_reachable(tmp_path: Path) -> None:
    bus = await province()
    async with running(bus, tmp_path):
        await bus.say(
            subjects.presence("gw-1"), encode(Presence("gw-1", "responder", mark(ALERT, SENT, PEOPLE[:2]).numbers))
        )
        health = await ask(bus, api.Health())
        assert (health.reachable, health.gateways) == (2, ("gw-1",))
        assert (await ask(bus, TALLY)).total.silent == 2


async def test_messages_that_cannot_be_read_are_counted_and_skipped(tmp_path: Path) -> None:
    bus = await province()
    noise = [
        Stored(s, b"noise", 0)
        for s in ("fc.call.44", "fc.audience.X", "fc.receipt.gw", "fc.report.44", "fc.roster.44.01")
    ]
    await put(bus, *noise[:3], receipts(mark(ALERT, ANSWERED, PEOPLE[:1], 0)))
    async with running(bus, tmp_path):
        await put(bus, *noise[3:], receipts(mark(ALERT, ANSWERED, PEOPLE[1:2], 0)), report(ALERT, 1 << 40))
        await bus.say(subjects.presence("gw"), b"noise")
        assert (await counts(bus))[0].answered == 2
        said = await ask(bus, api.Health())
        problems = said.problems
        assert "6 messages could not be read" in problems[0] and "6 条消息无法读取" in said.problems_zh[0]
        assert "1 orders or accounts on the bus were refused by the node" in problems[1]


async def test_a_gateway_that_cannot_store_is_told_to_whoever_reads_figures(tmp_path: Path) -> None:
    bus = await province()
    here = mark(ALERT, SENT, PEOPLE[:2]).numbers
    async with running(bus, tmp_path):
        for failing in (True, False):
            await bus.say(subjects.presence("gw-1"), encode(Presence("gw-1", "responder", here, failing)))
            problems = (await ask(bus, api.Health())).problems
            assert [p for p in problems if "gw-1 cannot store receipts" in p] == list(problems[:1] if failing else ())
            tally = await ask(bus, api.Tally(ALERT.id))
            assert (bool(tally.problems), len(tally.problems_zh)) == (failing, len(tally.problems))
