"""A gateway is taken over: somebody has its machine, its key of the bus and any program, and the province goes on.

What they do with it are things that NATS refuses, or that nobody believes. And the bus lets in nobody else: not without
a key, not with a key of before; one more gateway is let in while everything runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fusioncmd import ids
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BusRefused
from fusioncmd.messages import Selector, encode
from fusioncmd.trust import ring, seals
from tests.intruder import Intruder, intrude
from tests.tier_process import TierProcess, run, until
from tests.worlds import make_order


@contextlib.asynccontextmanager
async def taken_over(tier: TierProcess, name: str) -> AsyncIterator[Intruder]:
    intruder = await intrude(tier.nats, tier.bus_key(name))
    try:
        yield intruder
    finally:
        await intruder.client.close()


async def test_a_gateway_that_is_taken_over_gives_no_orders_and_speaks_for_no_other(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 2) as tier:
        tier.ask("roster", "sample", "--people", 3, "--out", tmp_path / "people.csv")
        tier.ask("roster", "import", tmp_path / "people.csv")
        now_ms = int(time.time() * 1000)
        order = make_order(1, id=ids.make(now_ms, os.urandom(10)), issued_ms=now_ms, issuer="广东省", text="Flee.",
                           audience=Selector(("44",)))  # fmt: skip
        signed = seals.seal(encode(order), ring.own_key(ring.folder_of(tier.data), order.status, now_ms))
        async with taken_over(tier, "responder-1") as intruder:
            for subject in ("fc.call.44", "fc.call.44.01", f"fc.audience.{ids.to_text(order.id)}",
                            "fc.receipt.responder-2", "fc.presence.responder-2", "fc.roster.44",
                            "fc.roster.44.01.06.001", "fc.account.00", "fc.audit.44", "fc.api.issue",
                            "$JS.API.STREAM.PURGE.FC_RECEIPT"):  # fmt: skip
                assert not await intruder.publish(subject, signed), subject
            for reads in ("FC_ROSTER", "FC_ACCOUNT", "FC_AUDIT", "FC_RECEIPT"):
                assert not await intruder.publish(f"fc.js.CONSUMER.CREATE.{reads}.responder-1"), reads
            for heard in ("fc.>", "fc.presence.responder-2", "_INBOX.>"):
                assert not await intruder.hear(heard), heard
            assert await intruder.publish("fc.presence.responder-1", b"no presence")  # its own name it can misuse
        assert tier.ask("orders")["orders"] == []
        assert len(tier.ask("roster", "find", "", "--limit", 9)["people"]) == 3
        until(lambda: tier.here("health", "--json").json["gateways"] == ["responder-1", "responder-2"] or None)
        issued = tier.ask("call", "--to", "44", "--text", "The true one.", "--answer", "here", "--exercise")
        assert issued["targeted"] == 3
        assert [line["order"]["text"] for line in tier.ask("orders")["orders"]] == ["The true one."]


async def test_the_bus_lets_in_whom_it_knows_and_takes_up_one_more_while_it_runs(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        listed = tier.cli("bus", "list").lines
        assert [line.split()[:3] for line in listed[1:]] == [
            ["commander", "commander", "44"], ["node", "node", "44"], ["office", "office", "44"],
            ["responder-1", "gateway", "44"],
        ]  # fmt: skip
        folder = users.folder_of(tier.data)
        assert {file.stat().st_mode & 0o777 for file in folder.glob("*.nk")} == {0o600}
        config = (tier.data / "nats" / "nats-server.conf").read_text()
        assert not any(users.read_seed(file) in config for file in folder.glob("*.nk"))
        server = tier.child("tiers.nats_server")
        granted = tier.ask("bus", "grant", "gw-town", "--kind", "gateway", "--serve", "440106001")
        assert granted["running"] and tier.child("tiers.nats_server") == server
        async with taken_over(tier, "gw-town") as gateway:
            assert await gateway.publish("fc.report.44.01.06.001")
            assert not await gateway.publish("fc.report.44.01.06.002")
        again = tier.cli("bus", "grant", "gw-town", "--kind", "commander")
        assert (again.code, again.err) == (1, "gw-town is on the bus already, as gateway at 440106001.\n")
        without = run("orders", FUSIONCMD_NATS=tier.nats, FUSIONCMD_DATA=str(tmp_path / "elsewhere"))
        assert without.err == (
            f"The bus at {tier.nats} lets nobody in without a key; FUSIONCMD_BUS_KEY names the file of yours.\n"
        )
        key = str(tier.bus_key("commander"))
        asked = run("orders", "--json", FUSIONCMD_NATS=tier.nats, FUSIONCMD_BUS_KEY=key)
        assert (asked.code, asked.json["orders"]) == (0, [])
        refused = run("roster", "import", tmp_path / "people.csv", FUSIONCMD_NATS=tier.nats, FUSIONCMD_BUS_KEY=key)
        assert refused.code == 1 and refused.err.count("\n") == 1
        for name in ("gw-town.nk", "gw-town.user"):  # taken back: who had it is out, and the others stay
            (folder / name).rename(tmp_path / name)
        os.kill(server, signal.SIGHUP)
        with pytest.raises(BusRefused, match="does not take the key of gw-town"):
            while True:
                await (await open_bus(tier.nats, "late", key=tmp_path / "gw-town.nk")).close()
                await asyncio.sleep(0.05)
        assert tier.ask("health")["gateways"] == ["responder-1"]
