"""Somebody with root access to the broker edits the audit: `fusioncmd audit verify` names the place, each time."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamManager

from fusioncmd import subjects
from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Entry
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import AUDIT, Stored
from fusioncmd.codes import Path as Place
from fusioncmd.trust import ring
from loadtest.offices import Offices
from tests.broker_root import root_of
from tests.tier_process import Ran, TierProcess, speak, until

SUBJECT, HEAD = subjects.audit(Place("44")), subjects.audit_head(Place("44"))


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TierProcess]:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 3, "--out", tmp_path / "people.csv")
        assert tier.ask("roster", "import", tmp_path / "people.csv")["added"] == 3
        yield tier


def call_down(tier: TierProcess, text: str) -> str:
    return str(tier.ask("call", "--to", "44", "--text", text, "--answer", "here", "--exercise")["id"])


class Intruder:
    """Has the broker, and no key that signs."""

    def __init__(self, tier: TierProcess) -> None:
        self.url, self.key = tier.nats, root_of(tier, tier.data.parent)

    def stored(self) -> list[Stored]:
        async def read() -> list[Stored]:
            bus = await open_bus(self.url, "intruder", wait_s=5.0, key=self.key)
            found = [message async for message in bus.read(AUDIT)]
            await bus.close()
            return found

        return asyncio.run(read())

    def delete(self, seq: int) -> None:
        self._with(lambda streams: streams.delete_msg(AUDIT.name, seq))

    def write_anew(self, messages: list[bytes], *heads: bytes) -> None:
        """Purge the stream, and publish what should have been there."""
        self._with(lambda streams: streams.purge_stream(AUDIT.name))

        async def put() -> None:
            bus = await open_bus(self.url, "intruder", wait_s=5.0, key=self.key)
            for data in messages:
                await bus.store(SUBJECT, data)
            for data in heads:
                await bus.store(HEAD, data)
            await bus.close()

        asyncio.run(put())

    def _with(self, act: Callable[[JetStreamManager], Awaitable[object]]) -> None:
        async def go() -> None:
            client = await nats.connect(self.url, nkeys_seed=str(self.key))
            await act(client.jsm())
            await client.close()

        asyncio.run(go())


def verify(tier: TierProcess, *options: object) -> tuple[int, dict[str, object]]:
    """Status, and what is said of the province."""
    ran = tier.here("audit", "verify", "--json", *options)
    assert ran.err == "", ran
    audit: dict[str, object] = json.loads(ran.out)["audits"][0]
    return ran.code, audit


def broken(tier: TierProcess, *options: object) -> tuple[object, object]:
    code, audit = verify(tier, *options)
    assert code == 1 and audit["holds"] is False
    found = audit["broken"]
    assert isinstance(found, dict)
    return found["page"], found["why"]


def test_who_edits_the_audit_is_found_and_the_place_is_named(own: TierProcess, tmp_path: Path) -> None:
    orders = [call_down(own, f"Order {n}.") for n in range(3)]
    listed = own.ask("audit", "list", "--deed", "order")["entries"]
    assert [entry["about"] for entry in listed] == orders
    assert {(entry["actor"], entry["details"]["people"]) for entry in listed} == {("广东省", "3")}
    assert [e["details"]["change"] for e in own.ask("audit", "list", "--deed", "node")["entries"]] == ["start"]
    assert own.ask("audit", "list", "--since", "1h", "--refused")["entries"] == []
    assert verify(own)[0] == 0
    head = tmp_path / "head"
    assert own.ask("audit", "head", "--out", head)["node"] == "44"
    assert "The audit of 44 holds" in own.cli("audit", "verify", "--head", head).out
    assert "44 的审计完好" in own.cli("audit", "verify", lang="zh").out
    intruder, keys = Intruder(own), ring.folder_of(own.data)
    true = [message.data for message in intruder.stored()]
    own.stop()

    with TierProcess(tmp_path, "--gateways", 1) as again:  # the same folder: stopped and started, it goes on
        intruder = Intruder(again)
        call_down(again, "Order 3.")
        until(lambda: again.ask("audit", "list", "--deed", "node")["entries"][-1]["details"]["change"] == "start")
        code, audit = verify(again, "--head", head)
        assert code == 0 and audit["pages"] == len(intruder.stored()) > len(true)
        lived = [e["details"].get("change") for e in again.ask("audit", "list", "--deed", "node")["entries"]]
        assert lived == ["start", "stop", "start"]

        middle = intruder.stored()[2]
        intruder.delete(middle.seq)
        assert broken(again) == (3, "missing")
        said = again.cli("audit", "verify")
        assert said.code == 1 and "BROKEN at page 3" in said.out and "Pages 3 to 3 are missing." in said.out

        # All anew, without the third order, by somebody who has made keys of their own.
        strange = Offices(9)
        forger = strange.grant(strange.root, "广东省 node", purposes=("node",), statuses=("actual", "exercise"))
        tip, forged = Tip("44"), []
        for data in true:
            page = chain.claimed(data)
            kept = [entry for entry in page.entries if entry.about != orders[2]] or [Entry(1, "x", "node", "44")]
            made, tip = chain.write(tip, kept, forger, page.at_ms)
            forged.append(made)
        intruder.write_anew(forged, heads.sign(tip, forger, page.at_ms))
        assert broken(again, "--head", head) == (1, "page")
        call_down(again, "Order 4.")  # the node goes on, and says what it found
        assert any("was put there by somebody else" in line for line in again.here("health").err.splitlines())

        intruder.write_anew(true[:2])
        assert broken(again, "--keys", keys, "--head", head) == (3, "cut")
        intruder.write_anew([])
        assert broken(again) == (1, "cut")


def test_with_the_nodes_key_the_head_that_was_carried_elsewhere_still_tells(own: TierProcess, tmp_path: Path) -> None:
    """Who has the machine can write an audit that holds; not one that fits what others have kept."""
    call_down(own, "Order 1.")
    until(lambda: own.here("audit", "head", "--json").code == 0 or None)
    head = tmp_path / "kept"
    told = own.ask("audit", "head", "--out", head)
    call_down(own, "Order 2.")
    own.stop()
    key = ring.node_key(ring.folder_of(own.data))
    shutil.rmtree(own.data / "audit")
    with TierProcess(tmp_path, "--gateways", 1) as again:
        intruder = Intruder(again)
        true = [message.data for message in intruder.stored()]
        tip, forged = Tip("44"), []
        for data in true:
            page = chain.claimed(data)
            made, tip = chain.write(tip, [Entry(page.at_ms, "nobody", "node", "44")], key, page.at_ms)
            forged.append(made)
        intruder.write_anew(forged, heads.sign(tip, key, page.at_ms))
        shutil.rmtree(again.data / "audit", ignore_errors=True)
        assert verify(again)[0] == 0
        assert broken(again, "--head", head) == (told["pages"], "head")


def test_what_is_asked_wrongly_is_one_sentence(
    tier: TierProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(*options: object, lang: str = "en") -> Ran:
        speak(monkeypatch, lang)
        ran = tier.here("audit", *options)
        assert ran.code == 1 and len(ran.err.splitlines()) == 1, ran
        return ran

    assert "is no deed" in said("list", "--deed", "dance").err
    assert "没有" in said("list", "--deed", "dance", lang="zh").err
    assert "cannot be read, or is empty" in said("verify", "--head", tmp_path / "none").err
    noise = tmp_path / "noise"
    noise.write_bytes(b"noise")
    assert "not written as it must be" in said("verify", "--head", noise).err
    assert "No root key is trusted" in said("verify", "--keys", tmp_path).err
    assert "is not a length of time" in said("list", "--since", "long ago").err
