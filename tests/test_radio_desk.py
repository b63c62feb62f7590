"""The node's counter for radios over the memory bus: accounts that are made, change, end, and who may have it so."""

from __future__ import annotations

import pytest
from msgspec import structs

from fusioncmd import access, radios, subjects
from fusioncmd.access import Actor
from fusioncmd.api import radios as asked
from fusioncmd.bus.port import TRUST, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, BusDown, Conflict, Forbidden, NotFound
from fusioncmd.radios import Failures, Here, Ring
from fusioncmd.trust.notices import Notices
from gateways.radio.accounts import Accounts
from tests.test_desk import PEOPLE, Office
from tests.worlds import CHIEF, Notebook
from tiers.radios import RadioDesk

KEY = bytes(range(32))
TOWN = "440106001"
CITY = Actor("city", frozenset({"commander", "administrator"}), Path("4419"))
STRONG, OLD = radios.hashes("duty-1", "44", "secret")


class Counter(Office):
    """`gateway` reads what the node keeps; `ended` are the accounts whose calls it ends."""

    def __init__(self) -> None:
        super().__init__()
        self.book, self.ended = Notebook(), list[str]()
        self.radios = self.again()
        self.gateway = Accounts(KEY, self.ended.append)

    def again(self) -> RadioDesk:
        return RadioDesk(self.bus, self.roster, KEY, self.book, lambda: self.now_ms / 1000, Notices())

    async def add(self, account: str = "duty-1", who: Actor = CHIEF, **more: object) -> asked.RadioLine:
        question = asked.AddRadio(account, STRONG, OLD, **{"path": TOWN, **more})  # type: ignore[arg-type]
        return (await self.radios.add(question, who)).lines[0]

    async def read(self) -> Counter:
        for stored in [s async for s in self.bus.read(TRUST)]:
            self.gateway.fold(stored)
        return self

    @property
    def said(self) -> list[str]:
        return [entry.details["what"] for entry in self.book.entries]


async def test_a_radio_is_added_read_by_the_gateway_and_removed() -> None:
    counter = Counter()
    assert (await counter.add()).path == TOWN
    await counter.read()
    assert counter.gateway.held["duty-1"].path == TOWN
    known = counter.gateway.secrets("duty-1")
    assert known is not None and (known.sha256, known.md5) == (STRONG, OLD)
    await counter.radios.remove(asked.RemoveRadio("duty-1"), CHIEF)
    await counter.read()
    assert counter.gateway.secrets("duty-1") is None and counter.ended == ["duty-1"]
    assert counter.said == ["added", "removed"]
    stored = [s async for s in counter.bus.read(TRUST)][-1]
    assert STRONG.encode() not in stored.data  # what was kept of the secret has gone


async def test_one_of_that_name_is_not_replaced_unless_it_is_meant() -> None:
    counter = Counter()
    await counter.add()
    with pytest.raises(Conflict):
        await counter.add()
    await counter.read()
    question = asked.AddRadio("duty-1", "0" * 64, "", TOWN, again=True)
    await counter.radios.add(question, CHIEF)
    await counter.read()
    assert counter.ended == ["duty-1"] and counter.gateway.held["duty-1"].sha256 == "0" * 64


async def test_a_persons_radio_belongs_where_they_do_and_bears_their_name() -> None:
    counter = Counter()
    line = await counter.add(number=PEOPLE[1], path="")
    assert (line.path, line.name) == (counter.roster.person(PEOPLE[1]).place, counter.roster.person(PEOPLE[1]).name)
    with pytest.raises(NotFound):
        await counter.add("duty-2", number=1 << 31)
    with pytest.raises(NotFound):
        await counter.add("duty-3", path="440199")


async def test_an_administrator_has_the_radios_of_their_place_alone() -> None:
    counter = Counter()
    await counter.add()
    for question in (asked.RemoveRadio("duty-1"), asked.RingRadios(TOWN), asked.RingRadios("4419", ("duty-1",))):
        with pytest.raises((Forbidden, NotFound)):
            await counter.radios.answers()[type(question)](question, CITY)
    with pytest.raises(Forbidden):
        await counter.add(who=CITY, again=True)
    assert (await counter.radios.list(asked.Radios(), CITY)).lines == ()
    watching = Actor("w", frozenset({"auditor"}), Path("44"))
    with pytest.raises(Forbidden):
        access.check(watching, asked.AddRadio("x", STRONG, OLD))
    with pytest.raises(Forbidden):
        access.check(watching, asked.RingRadios("44"))


async def test_nothing_holds_that_is_not_in_the_audit() -> None:
    counter = Counter()
    counter.book.problem = BusDown("The disk is full.", "磁盘已满。")
    with pytest.raises(BusDown):
        await counter.add()
    assert (await counter.read()).gateway.held == {}


async def test_what_no_node_wrote_is_no_account() -> None:
    counter = Counter()
    await counter.add()
    stored = [s async for s in counter.bus.read(TRUST)][-1]
    forged = radios.pack(radios.Radio("thief", "44", None, "x", STRONG, OLD, 1), b"k" * 32)
    moved = Stored(subjects.radio("thief"), stored.data, 9)
    for bad in (Stored(subjects.radio("thief"), forged, 8), moved, Stored(subjects.radio("thief"), b"", 7)):
        counter.gateway.fold(bad)
        with pytest.raises(BadInput):
            counter.again().fold(bad)
    assert counter.gateway.held == {}


async def test_a_node_that_starts_again_knows_its_radios() -> None:
    counter = Counter()
    await counter.add()
    anew = counter.again()
    for stored in [s async for s in counter.bus.read(TRUST)]:
        anew.fold(stored)
    assert [one.account for one in (await anew.list(asked.Radios(), CHIEF)).lines] == ["duty-1"]


async def test_radios_are_listed_by_the_page_and_who_is_here_is_said() -> None:
    counter = Counter()
    await counter.radios.start()
    for n in range(5):
        await counter.add(f"duty-{n}")
    await counter.bus.say(subjects.RADIO_HERE, radios.encode(Here("radio", ("duty-2",), 0)))
    page = await counter.radios.list(asked.Radios(limit=3), CHIEF)
    rest = await counter.radios.list(asked.Radios(after=page.next or "", limit=3), CHIEF)
    assert [one.account for one in (*page.lines, *rest.lines)] == [f"duty-{n}" for n in range(5)] and rest.next is None
    assert [one.account for one in page.lines if one.here] == ["duty-2"] and counter.radios.gateways == 1
    counter.now_ms += 200_000  # its gateway has not been heard since
    assert not any(one.here for one in (await counter.radios.list(asked.Radios(), CHIEF)).lines)
    assert counter.radios.gateways == 0  # who has an order spoken now is told so


async def test_to_ring_is_told_to_gateways_and_in_the_audit() -> None:
    counter, heard = Counter(), list[Ring]()
    await counter.radios.start()
    await counter.bus.hear(subjects.RADIO_RING_ALL, lambda _, data: heard.append(radios.decode(Ring, data)))
    await counter.add()
    await counter.bus.say(subjects.RADIO_HERE, radios.encode(Here("radio", ("duty-1",), 0)))
    rung = await counter.radios.ring(asked.RingRadios("440106", group="flood"), CHIEF)
    assert rung == asked.Rung(1, "440106.flood") and counter.said[-1] == "rung"
    assert heard == [Ring("440106", (), "440106.flood", "chief")]
    with pytest.raises(NotFound):
        await counter.radios.ring(asked.RingRadios("440106", ("nobody",)), CHIEF)


async def test_wrong_secrets_are_in_the_audit_by_count() -> None:
    counter = Counter()
    await counter.radios.start()
    told = Failures({"198.51.100.1": 40, "198.51.100.2": 2}, 42)
    await counter.bus.say(subjects.RADIO_FAILED, radios.encode(told))
    await counter.bus.say(subjects.RADIO_FAILED, b"nonsense")
    [entry] = counter.book.entries
    assert entry.deed == "radio" and entry.refused == "wrong secret"
    assert entry.details == {"what": "wrong secrets", "count": "42", "198.51.100.1": "40", "198.51.100.2": "2"}


def test_a_secret_is_made_of_what_people_can_type() -> None:
    one, other = radios.new_secret(lambda size: bytes(size)), radios.new_secret(lambda size: bytes([1]) * size)
    assert one != other and len(one) == 24 and one.isalnum() and one.islower() is not one.isdigit()
    assert structs.asdict(radios.Radio("a", "44", None, "a", *radios.hashes("a", "44", one), 1))["removed"] is False
