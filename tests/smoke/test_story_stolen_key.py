"""A commander's laptop is stolen: the key is revoked, and its orders are refused everywhere within seconds.

And who was shown one of them keeps it until somebody cancels it with a key that is good.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.issue import new_id
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.trust import ring, seals
from tests.smoke.handset import Handset
from tests.smoke.test_story_forged import refusals
from tests.tier_process import Ran, TierProcess, run, until
from tests.worlds import make_order


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TierProcess]:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 1, "--out", tmp_path / "people.csv")
        assert tier.ask("roster", "import", tmp_path / "people.csv")["added"] == 1
        yield tier


class Commander:
    """Chen Wei, with keys in a folder of their own: asked for, granted by the office, taken."""

    def __init__(self, tier: TierProcess, folder: Path) -> None:
        self.tier, self.folder = tier, folder / "laptop"
        request, granted = folder / "request.json", folder / "granted.json"
        assert self.run("keys", "request", "--holder", "Chen Wei", "--out", request).code == 0
        tier.ask("keys", "grant", request, "--path", "44", "--by", "root", "--out", granted)
        taken = self.run("keys", "take", granted)
        assert taken.code == 0 and "is it the one that you were told?" in taken.out
        assert self.run("keys", "beat").lines == ["  own.actual: heard, Chen Wei", "  own.exercise: heard, Chen Wei"]

    def run(self, *arguments: object) -> Ran:
        return run(*arguments, **self.tier.far, FUSIONCMD_KEYS=str(self.folder))

    def call(self, text: str) -> Ran:
        return self.run("call", "--to", "44", "--text", text, "--answer", "here", "--exercise", "--json")

    def put(self, text: str) -> None:
        """Straight on the bus, as who has more than the key."""
        own = ring.own_key(self.folder, "exercise", int(time.time() * 1000))
        order = make_order(1, id=new_id(), issued_ms=int(time.time() * 1000), issuer="Chen Wei", text=text,
                           audience=Selector(("44",)))  # fmt: skip
        asyncio.run(self._store(order, seals.seal(encode(order), own)))

    async def _store(self, order: Order, data: bytes) -> None:
        bus = await open_bus(self.tier.nats, "thief", wait_s=5.0, key=self.tier.bus_key("node"))
        await bus.store("fc.call.44", data)
        await bus.close()


def test_a_stolen_key_is_revoked_and_its_orders_are_refused_everywhere(own: TierProcess, tmp_path: Path) -> None:
    person = own.ask("roster", "find", "4400000001")["people"][0]
    ticket = base64.urlsafe_b64decode(own.ask("ticket", "--id", person["id"])["ticket"] + "==")
    thief = Commander(own, tmp_path)
    with Handset(own.terminals, ticket) as device:
        issued = thief.call("Everybody go home.")
        assert issued.code == 0, issued
        shown = device.order("Everybody go home.")

    revoked = own.ask("keys", "revoke", "Chen Wei", "--since", "1m", "--by", "root")["revoked"]
    assert {one["holder"] for one in revoked} == {"Chen Wei"} and len(revoked) == 2
    assert [ident for one in revoked for ident in one["fallen"]] == [issued.json["id"]]
    refused = thief.call("Stay at home.")
    assert refused.code == 1 and "was revoked" in refused.out
    thief.put("Open the gates.")
    for name in ("node", "responder-1"):
        until(lambda name=name: "revoked" in refusals(own, name) or None)  # type: ignore[misc]
    with Handset(own.terminals, ticket) as new:
        assert new.orders_by_now() == []
    health = own.here("health")
    assert health.code == 1 and "is revoked, and somebody still signs with it" in health.err
    assert f"cancel them: {issued.json['id']}" in health.err
    listed = own.cli("keys", "list")
    assert sum("REVOKED" in line for line in listed.lines) == 2
    assert own.ask("orders")["orders"][0]["state"] == "revoked"

    os.kill(own.child("gateways.responder"), signal.SIGKILL)  # and started again: it has to know all of this anew
    until(lambda: "was ended by" in "".join(own.said) or "ended (" in "".join(own.said) or None, 10.0)
    again = until(lambda: connected(own, ticket, shown.id), 20.0)
    with again as device:
        assert device.orders_by_now() == []
        own.ask("cancel", issued.json["id"], "--text", "That was not us.")
        assert device.order("That was not us.").refs == shown.id


def connected(tier: TierProcess, ticket: bytes, *held: bytes) -> Handset | None:
    try:
        return Handset(tier.terminals, ticket, held)
    except OSError:
        return None


def test_the_list_of_keys_tells_what_the_node_knows_of_them_or_why_it_does_not(
    own: TierProcess, tmp_path: Path
) -> None:
    office = own.ask("keys", "list", "--data", own.data)
    assert office["node_answers"]
    assert next(row for row in office["keys"] if row["name"] == "node")["heard_ms"]
    chen = Commander(own, tmp_path)
    assert [row["heard_ms"] > 0 for row in chen.run("keys", "list", "--json").json["keys"]] == [True, True]
    away = run("keys", "list", "--data", own.data, FUSIONCMD_NATS="nats://127.0.0.1:9")
    assert "last heard, and what was revoked elsewhere, is not known: No NATS server answers" in away.err
