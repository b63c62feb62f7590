"""Hawaii, 13 January 2018: "BALLISTIC MISSILE THREAT INBOUND TO HAWAII. THIS IS NOT A DRILL."

It was a drill. One person chose the wrong line of a menu in which exercise and actual alerts stood side by side, and
1.4 million people took cover. That it was false was known within minutes, but nothing was prepared to say so to the
phones: the correction took 38 minutes. Here the key of a drill makes no actual order, one person alone sends none to
so many, and whoever signed it corrects it with one command, which reaches exactly those who were told.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fusioncmd import api, ids
from fusioncmd.bus.nats import open_bus
from fusioncmd.cli.issue import PROPOSED, new_id
from fusioncmd.client import Commander, key_login
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.trust import ring, seals
from fusioncmd.trust.refusals import Untrusted
from loadtest.deputies import make_deputy
from loadtest.forgeries import resealed
from tests.smoke.conftest import filled, tickets_of
from tests.smoke.handset import Handset
from tests.smoke.test_story_forged import Intruder, order_of, refusals
from tests.tier_process import PROGRAM, Ran, TierProcess, environment, until

THREAT = "Missile inbound. Take cover."
ABOVE = 50  # what this operator set: Guangzhou has more
Make = Callable[..., Handset]


@pytest.fixture(scope="module")
def island(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    with filled(tmp_path_factory.mktemp("island"), "--gateways", 1, "--second-person-above", ABOVE) as tier:
        yield tier


@pytest.fixture(scope="module")
def people(island: TierProcess) -> dict[int, bytes]:
    return tickets_of(island, "4401", 8) | tickets_of(island, "4403", 2)


@pytest.fixture(scope="module")
def deputy(island: TierProcess) -> Path:
    """The folder of a second person's keys."""
    return make_deputy(island.data / "keys", island.data.parent / "deputy")


@pytest.fixture
def device(island: TierProcess, people: dict[int, bytes]) -> Iterator[Make]:
    made: list[Handset] = []

    def make(which: int, held: tuple[bytes, ...] = ()) -> Handset:
        number = list(people)[which]
        made.append(Handset(island.terminals, people[number], held))
        return made[-1]

    yield make
    for one in made:
        one.__exit__(None, None, None)


def sent(tier: TierProcess) -> list[str]:
    """What is open."""
    lines = tier.ask("orders", "--open")["orders"]
    return [line["order"]["id"] for line in lines if line["order"]["msg_type"] != "cancel"]


@pytest.fixture(autouse=True)
def all_clear(island: TierProcess) -> Iterator[None]:
    """Nothing of a test is open after it."""
    yield
    for name in sent(island):
        island.ask("cancel", name)
    for waiting in island.ask("proposals")["proposals"]:
        island.ask("withdraw", waiting["order"]["id"])


def threat(tier: TierProcess, *more: object) -> Ran:
    return tier.here("call", "--to", "4401", "--text", THREAT, "--answer", "safe", *more)


def proposed(tier: TierProcess, *more: object) -> str:
    said = threat(tier, "--json", *more)
    assert (said.code, said.json["issued"]) == (PROPOSED, False), said
    name: str = said.json["id"]
    return name


def alarmed(tier: TierProcess, deputy: Path) -> str:
    """The false alarm, by two persons."""
    name = proposed(tier)
    assert tier.ask("approve", name, "--yes", "--keys", deputy)["issued"] is True
    return name


def test_the_key_of_a_drill_makes_no_actual_order_at_the_client(island: TierProcess, tmp_path: Path) -> None:
    for path in (island.data / "keys").glob("office.exercise.*"):
        os.link(path, tmp_path / path.name)
    said = threat(island, "--keys", tmp_path)
    assert said.code == 1 and "no key for actual orders" in said.err
    for suffix in ("key", "grants"):  # nor under the name of the other
        (tmp_path / f"office.exercise.{suffix}").rename(tmp_path / f"office.actual.{suffix}")
    said = threat(island, "--keys", tmp_path)
    assert said.code == 1 and "exercise and actual have different keys" in said.err


def test_nor_at_the_node(island: TierProcess) -> None:
    folder = ring.folder_of(island.data)

    async def by_key(commander: Commander) -> bytes:
        return (await key_login(commander, ring.login_keys(folder, int(time.time() * 1000)))).session

    async def ask() -> None:
        bus = await open_bus(island.nats, "cli", wait_s=5.0, key=island.bus_key("office"))
        draft = api.Draft(id=new_id(), text=THREAT, audience=Selector(("4401",)), issuer="广东省", node="44")
        commander = Commander(bus, log_in=by_key)
        body = (await commander.ask(api.Compose(draft))).body
        drill = ring.own_key(folder, "exercise", int(time.time() * 1000))
        for question in (api.Issue(resealed(body, drill)), api.Propose(resealed(body, drill))):
            with pytest.raises(Untrusted, match="exercise and actual have different keys"):
                await commander.ask(question)
        await bus.close()

    asyncio.run(ask())


def test_nor_at_the_gateway_and_one_person_alone_reaches_no_province_even_with_the_node_on_their_side(
    island: TierProcess, people: dict[int, bytes], device: Make
) -> None:
    number = next(iter(people))
    intruder, one = Intruder(island, number), device(0)
    own = ring.own_key(intruder.keys, "actual", int(time.time() * 1000))

    def put(order: Order, sealed: bytes) -> None:
        intruder.put(intruder.said(order), ("fc.call.44", sealed))

    drill, alone = (order_of(text, status="actual", audience=Selector(("44",))) for text in ("Drill.", "Alone."))
    put(drill, resealed(encode(drill), intruder.exercise))
    put(alone, seals.seal(encode(alone), own))
    for name in ("node", "responder-1"):
        until(lambda name=name: refusals(island, name) == ["mode", "second_person"])
    island.ask("call", "--to", "4401", "--text", "A drill.", "--exercise")
    assert one.order("A drill.").status == "exercise" and one.orders_by_now() == []


def test_one_person_sends_nothing_and_is_told_what_to_do(island: TierProcess, device: Make) -> None:
    one = device(0)
    said = threat(island, "--dry-run")
    assert said.code == 0 and "needs a second person" in said.out and island.ask("proposals")["proposals"] == []
    assert threat(island, "--dry-run", "--json").json["needs_second"] is True
    said = island.cli("call", "--to", "4401", "--text", THREAT)
    assert said.code == PROPOSED and said.lines[0].startswith(" ACTUAL ") and "NOT SENT YET" in said.lines[0]
    assert "fusioncmd approve" in said.out and "keys request" in said.out
    assert one.orders_by_now() == [] and sent(island) == []
    listed = island.cli("proposals", lang="zh")
    assert listed.lines[1].startswith(" 实战 ") and THREAT in listed.lines[1] and "广东省" in listed.lines[1]


def test_the_second_person_is_somebody_else_sees_all_of_it_and_then_it_goes_out(
    island: TierProcess, deputy: Path, device: Make
) -> None:
    one, name = device(0), proposed(island)
    own = island.here("approve", name, "--yes")
    assert own.code == 1 and "another person with another key" in own.err
    blind = island.here("approve", name, "--keys", deputy)
    assert blind.code == 1 and "look at the order" in blind.err and " ACTUAL " in blind.err and THREAT in blind.err
    assert one.orders_by_now() == []
    said = island.cli("approve", name[-6:], "--yes", "--keys", deputy)
    assert said.code == 0 and f" ACTUAL   {name}" in said.err and "by: 广东省 (44)" in said.err
    order = one.order(THREAT)
    assert (order.status, order.issuer, ids.to_text(order.id)) == ("actual", "广东省", name)
    again = island.here("approve", name, "--yes", "--keys", deputy)
    assert again.code == 1 and "waits for a second person" in again.err


def test_what_was_withdrawn_goes_to_nobody(island: TierProcess, deputy: Path) -> None:
    name = proposed(island)
    assert " ACTUAL " in island.here("withdraw", name).out
    assert island.here("approve", name, "--yes", "--keys", deputy).code == 1


def test_who_watches_waits_for_the_second_person_and_then_sees_the_answers(island: TierProcess, deputy: Path) -> None:
    env = environment(FUSIONCMD_NATS=island.nats, FUSIONCMD_DATA=str(island.data))
    typed = [PROGRAM, "call", "--to", "4401", "--text", THREAT, "--watch", "--json"]
    with subprocess.Popen(typed, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        name = json.loads(watching.stdout.readline())["id"]
        island.ask("approve", name, "--yes", "--keys", deputy)
        assert json.loads(watching.stdout.readline())["line"]["order"]["id"] == name
        watching.terminate()


def test_the_correction_is_one_command_of_one_person_and_reaches_exactly_those_who_were_told(
    island: TierProcess, deputy: Path, device: Make
) -> None:
    told, cut_off, elsewhere = device(0), device(1), device(8)
    name = alarmed(island, deputy)
    order = told.order(THREAT)
    assert cut_off.order(THREAT) == order
    cut_off.__exit__(None, None, None)
    said = island.here("update", "last", "--text", "There is no threat.")
    assert said.code == 0 and said.out.startswith(" ACTUAL ")
    assert told.order("There is no threat.").root == order.id
    assert device(1, held=(order.id,)).order("There is no threat.").root == order.id
    until(lambda: island.ask("report", "last")["tally"]["total"]["sent"] == 2)  # the node has heard of both
    ended = island.ask("cancel", "last", "--text", "It was a false alarm.")
    assert told.order("It was a false alarm.").msg_type == "cancel"
    back = device(1, held=(order.id,))
    assert back.order("It was a false alarm.").msg_type == "cancel" and back.orders_by_now() == []
    assert elsewhere.orders_by_now() == [] and device(2).orders_by_now() == []
    assert (ended["order"]["root"], ended["targeted"]) == (name, 2)


def test_who_had_no_part_in_an_order_does_not_rewrite_it_alone(
    island: TierProcess, deputy: Path, device: Make, tmp_path: Path
) -> None:
    one, name = device(0), alarmed(island, deputy)
    thief = make_deputy(island.data / "keys", tmp_path, "somebody")
    assert one.order(THREAT)
    said = island.here("update", name, "--text", "Come out.", "--keys", thief, "--json")
    assert (said.code, said.json["issued"]) == (PROPOSED, False) and one.orders_by_now() == []
    assert island.ask("update", name, "--text", "All is well.", "--keys", deputy)["issued"] is True
    assert one.order("All is well.").issuer == "deputy"
