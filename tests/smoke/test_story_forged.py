"""Somebody has the bus, and not the keys: what they put there is shown to nobody, counted, and logged; orders go on.

And the keys themselves: `up` makes them in an empty folder, says where the root key is, and keeps them from then on.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyroaring import BitMap

from fusioncmd import ids, keys, subjects
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.issue import new_id
from fusioncmd.messages import Audience, Order, Selector, encode
from fusioncmd.trust import ring, seals, witnesses
from loadtest.forgeries import resealed
from tests.smoke.handset import Handset
from tests.tier_process import TierProcess, until
from tests.worlds import DUTY, make_order

PROVINCE = "fc.call.44"
NAMES = ["node", "office.actual", "office.admin", "office.exercise", "root"]
Put = tuple[str, bytes]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TierProcess]:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 1, "--out", tmp_path / "people.csv")
        assert tier.ask("roster", "import", tmp_path / "people.csv")["added"] == 1
        yield tier


def order_of(text: str, **changes: object) -> Order:
    now_ms = int(time.time() * 1000)
    return make_order(1, id=new_id(), issued_ms=now_ms, issuer="广东省", text=text, **changes)


class Intruder:
    """Writes what it likes to the bus. Where a test gives it a key of the tier, that one alone must not be enough."""

    def __init__(self, tier: TierProcess, number: int) -> None:
        self.tier, self.number, self.keys = tier, number, ring.folder_of(tier.data)
        self.exercise = ring.own_key(self.keys, "exercise", int(time.time() * 1000))

    def said(self, order: Order, ident: bytes | None = None) -> Put:
        """What the node would say of it: with the node's own key, so that only the order can be wrong."""
        body, numbers = encode(order), BitMap([self.number]).serialize()
        accepted = witnesses.accept(body, numbers, ring.node_key(self.keys), order.issued_ms)
        name = ident or order.id
        return subjects.audience(ids.to_text(name)), encode(Audience(name, numbers, accepted))

    def put(self, *messages: Put) -> None:
        asyncio.run(self._put(messages))

    async def _put(self, messages: tuple[Put, ...]) -> None:
        bus = await open_bus(self.tier.nats, "intruder", wait_s=5.0, key=self.tier.bus_key("node"))
        for subject, data in messages:
            await bus.store(subject, data)
        await bus.close()


def forgeries(intruder: Intruder) -> dict[str, list[Put]]:
    """By the reason for which each is refused."""
    unsigned, strange = (order_of(f"Forged {n}.") for n in range(2))
    crossed = order_of("Forged actual.", status="actual", audience=Selector(("44",)))
    moved = order_of("Moved.", audience=Selector(("4401",)))
    replayed, again = order_of("Replayed."), new_id()
    sealed = seals.seal(encode(replayed), intruder.exercise)
    unseen = order_of("Nobody said whom it means.")
    return {
        "bytes": [intruder.said(unsigned), (PROVINCE, encode(unsigned))],
        "root": [intruder.said(strange), (PROVINCE, resealed(encode(strange), DUTY["exercise"]))],
        "subject": [intruder.said(moved), (PROVINCE, seals.seal(encode(moved), intruder.exercise))],
        "signature": [intruder.said(replayed, again), (PROVINCE, sealed.replace(replayed.id, again))],
        "mode": [intruder.said(crossed), (PROVINCE, resealed(encode(crossed), intruder.exercise))],
        "unwitnessed": [(PROVINCE, seals.seal(encode(unseen), intruder.exercise))],
    }


def refusals(tier: TierProcess, name: str) -> list[str]:
    """The reasons in a process's log."""
    lines = (tier.data / "logs" / f"{name}.log").read_text().splitlines()
    logged = [json.loads(line) for line in lines if "order_refused" in line]
    return sorted(line["reason"] for line in logged)


def test_what_is_put_on_the_bus_without_the_keys_is_shown_to_nobody_and_the_true_order_to_everyone(
    own: TierProcess,
) -> None:
    person = own.ask("roster", "find", "4400000001")["people"][0]
    ticket = base64.urlsafe_b64decode(own.ask("ticket", "--id", person["id"])["ticket"] + "==")
    intruder = Intruder(own, person["number"])
    forged = forgeries(intruder)
    with Handset(own.terminals, ticket) as device:
        for messages in forged.values():
            intruder.put(*messages)
            intruder.put(*messages)  # again: counted once
        issued = own.ask("call", "--to", "44", "--text", "The true one.", "--answer", "here", "--exercise")
        until(lambda: device.orders_by_now() == ["The true one."] or None)
        true = device.order("The true one.")
        assert (true.issuer, ids.to_text(true.id)) == ("广东省", issued["id"])
        device.answer(true, "here")
        assert device.orders_by_now() == []
        with Handset(own.terminals, ticket) as late:  # nor is it due to whoever comes later
            assert late.orders_by_now() == ["The true one."]
    for name in ("node", "responder-1"):
        until(lambda name=name: refusals(own, name) == sorted(forged) or None)  # type: ignore[misc]
    counted = f"{len(forged)} orders or accounts on the bus"  # a gateway says its count once a second
    until(lambda: own.here("health").err.count(counted) == 2 or None)
    health = own.here("health")
    assert health.code == 1
    for who in ("the node", "responder-1"):
        assert f"{len(forged)} orders or accounts on the bus were refused by {who} and count for nothing" in health.err
    assert [line["order"]["text"] for line in own.ask("orders")["orders"]] == ["The true one."]
    assert own.ask("watch", issued["id"], "--once")["total"]["by_answer"] == [1]


def test_up_makes_the_keys_in_a_folder_of_before_says_where_the_root_is_and_keeps_them(tmp_path: Path) -> None:
    data = tmp_path / "data"
    keys.claim(data, "44")
    keys.ensure_ticket_key(data)  # as a version without signatures left it
    folder = ring.folder_of(data)
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        assert tier.data == data
        said = "".join(tier.said)
        assert f"Move {folder / 'root.key'} to a safe off this machine" in said
        assert {path.stat().st_mode & 0o777 for path in folder.glob("*.key")} == {0o600}
        assert len(list(folder.glob("*.key"))) == 7
        kept = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        listed = tier.cli("keys", "list").lines
        assert [line.split()[0] for line in listed[1:]] == NAMES
        again = tier.cli("keys", "init", lang="zh")
        assert (again.code, again.err) == (1, f"{folder} 中已有密钥。\n")
    del kept[folder / "root.key"]
    (folder / "root.key").unlink()
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        assert "root.key" not in "".join(tier.said)
        assert tier.ask("health")["problems"] == []
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == kept
