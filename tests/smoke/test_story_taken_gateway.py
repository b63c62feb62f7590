"""A gateway is taken over: somebody has its machine, its key of the bus and any program, and the province goes on.

What they do with it are things that NATS refuses, or that nobody believes. And the bus lets in nobody else: not without
a key, not with a key of before; one more gateway is let in while everything runs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

from fusioncmd import ids
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.errors import BusRefused
from fusioncmd.messages import Selector, encode
from fusioncmd.trust import ring, seals
from tests.intruder import intrude
from tests.tier_process import TierProcess, run
from tests.worlds import make_order

NOT_ITS_OWN = (
    "fc.call.44", "fc.call.44.01", "fc.audience.01J", "fc.receipt.responder-2", "fc.presence.responder-2",
    "fc.roster.44", "fc.roster.44.01.06.001", "fc.account.00", "fc.audit.44", "fc.api.issue",
    "$JS.API.STREAM.PURGE.FC_RECEIPT",
    "fc.js.CONSUMER.CREATE.FC_ROSTER.responder-1", "fc.js.CONSUMER.CREATE.FC_ACCOUNT.responder-1",
    "fc.js.CONSUMER.CREATE.FC_AUDIT.responder-1", "fc.js.CONSUMER.CREATE.FC_CALL.responder-2",
)  # fmt: skip
NOT_FOR_ITS_EARS = ("fc.>", "fc.presence.responder-2", "_INBOX.>", "_INBOX.responder-2.>")


async def let_through(tier: TierProcess, name: str, data: bytes, *subjects: str) -> list[str]:
    """Those of `subjects` on which NATS takes `data` from whoever has the key of `name`."""
    intruder = await intrude(tier.nats, tier.bus_key(name))
    found = [subject for subject in subjects if await intruder.publish(subject, data)]
    await intruder.client.close()
    return found


async def heard(tier: TierProcess, name: str, *subjects: str) -> list[str]:
    intruder = await intrude(tier.nats, tier.bus_key(name))
    found = [subject for subject in subjects if await intruder.hear(subject)]
    await intruder.client.close()
    return found


async def until_refused(url: str, key: Path) -> str:
    """What is said to whoever has `key`, once it is taken no more."""
    async with asyncio.timeout(10.0):
        while True:
            try:
                await (await open_bus(url, "late", key=key)).close()
            except BusRefused as problem:
                return problem.en
            await asyncio.sleep(0.05)


def test_a_gateway_that_is_taken_over_gives_no_orders_and_speaks_for_no_other(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 2) as tier:
        tier.ask("roster", "sample", "--people", 3, "--out", tmp_path / "people.csv")
        tier.ask("roster", "import", tmp_path / "people.csv")
        now_ms = int(time.time() * 1000)
        ident = ids.make(now_ms, os.urandom(10))
        order = make_order(1, id=ident, issued_ms=now_ms, issuer="广东省", text="Flee.", audience=Selector(("44",)))
        signed = seals.seal(encode(order), ring.own_key(ring.folder_of(tier.data), order.status, now_ms))
        assert asyncio.run(let_through(tier, "responder-1", signed, *NOT_ITS_OWN)) == []
        assert asyncio.run(heard(tier, "responder-1", *NOT_FOR_ITS_EARS)) == []
        assert tier.ask("orders")["orders"] == []
        assert len(tier.ask("roster", "find", "", "--limit", 9)["people"]) == 3
        assert tier.ask("health")["gateways"] == ["responder-1", "responder-2"]
        issued = tier.ask("call", "--to", "44", "--text", "The true one.", "--answer", "here", "--exercise")
        assert issued["targeted"] == 3
        assert [line["order"]["text"] for line in tier.ask("orders")["orders"]] == ["The true one."]


def test_the_bus_lets_in_whom_it_knows_and_takes_up_one_more_while_it_runs(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        listed = tier.cli("bus", "list").lines
        assert [line.split()[:3] for line in listed[1:]] == [
            ["commander", "commander", "44"], ["console", "commander", "44"], ["node-tracks", "positions", "44"],
            ["node", "node", "44"],
            ["office", "office", "44"],
            ["responder-1", "gateway", "44"],
        ]  # fmt: skip
        folder = users.folder_of(tier.data)
        assert {file.stat().st_mode & 0o777 for file in folder.glob("*.nk")} == {0o600}
        config = (tier.data / "nats" / "nats-server.conf").read_text()
        assert not any(users.read_seed(file) in config for file in folder.glob("*.nk"))
        server = tier.child("tiers.nats_server")
        assert tier.ask("bus", "grant", "gw-town", "--kind", "gateway", "--serve", "440106001")["running"]
        ours, other = "fc.report.44.01.06.001", "fc.report.44.01.06.002"
        assert asyncio.run(let_through(tier, "gw-town", b"x", ours, other)) == [ours]
        again = tier.cli("bus", "grant", "gw-town", "--kind", "commander")
        assert (again.code, again.err) == (1, "gw-town is on the bus already, as gateway at 440106001.\n")
        for name in ("gw-town.nk", "gw-town.user"):  # taken back: who had it is out, and the others stay
            (folder / name).rename(tmp_path / name)
        os.kill(server, signal.SIGHUP)
        said = asyncio.run(until_refused(tier.nats, tmp_path / "gw-town.nk"))
        assert said == f"The bus at {tier.nats} does not take the key of gw-town."
        assert tier.here("health", "--json").json["gateways"] == ["responder-1"]
        assert tier.child("tiers.nats_server") == server


def test_a_command_elsewhere_needs_a_key_and_may_what_its_key_may(tier: TierProcess, tmp_path: Path) -> None:
    strange = {"FUSIONCMD_NATS": tier.nats, "FUSIONCMD_DATA": str(tmp_path)}
    for lang, sentence in (
        (
            "en",
            f"The bus at {tier.nats} lets nobody in without a key; FUSIONCMD_BUS_KEY names the file of yours, or "
            "FUSIONCMD_DATA the folder of its tier.",
        ),
        (
            "zh",
            f"{tier.nats} 的总线须凭密钥接入；请用 FUSIONCMD_BUS_KEY 指定您的密钥文件，"
            "或用 FUSIONCMD_DATA 指定节点的数据目录。",
        ),
    ):
        without = run("orders", lang=lang, **strange)
        assert (without.code, without.err) == (1, f"{sentence}\n")
    commander = {**strange, "FUSIONCMD_BUS_KEY": str(tier.bus_key("commander"))}
    assert "Nobody is logged in" in run("orders", **commander).err
    commander["FUSIONCMD_KEYS"] = str(tier.data / "keys")
    assert run("orders", "--json", **commander).code == 0
    tier.ask("roster", "sample", "--people", 1, "--out", tmp_path / "people.csv")
    refused = run("roster", "import", tmp_path / "people.csv", **commander)
    assert refused.code == 1 and "does not let this key use" in refused.err and refused.err.count("\n") == 1
