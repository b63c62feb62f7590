"""Who is told of the silent: the nearest who is not silent too, each way once, whatever fails or starts again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from fusioncmd import subjects, tickets
from fusioncmd.api import escalation as asked
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path
from fusioncmd.errors import BadTicket, Forbidden, StorageFull
from fusioncmd.ladder import bounds
from fusioncmd.ladder.superiors import NAMES, ROLES, assign, words_for
from fusioncmd.ladder.wire import Notice, Taken, decode
from fusioncmd.ladder.wire import encode as encode_wire
from fusioncmd.messages import encode
from fusioncmd.roster.numbers import number_of, town_of
from fusioncmd.roster.slices import Entry, merge
from fusioncmd.tickets import Ticket
from gateways.responder import replies
from tests.test_desk import PEOPLE, TABLE, Office
from tests.worlds import make_id, make_order
from tiers.ladders import Ladders
from tiers.superiors import NOTED_S_MAX, Superiors

ORDER = make_order(1, ladder="sms 5 answered; superior 10 answered; exercise")
KEY = bytes(32)


def give_role(office: Office, number: int, role: str) -> None:
    code, slot = TABLE.towns[number >> 16], number & 0xFFFF
    part = office.slices[code]
    entry = Entry(part.ids[slot], part.names[slot], part.phones[slot], part.villages[slot], (role,))
    changed = merge(part, code, [entry]).slice
    assert changed is not None
    office.slices[code] = changed
    office.roster.put(subjects.roster(Path(code)), encode(changed))


def at(town: str, slot: int) -> int:
    return number_of(TABLE.towns.index(town), slot)


BOSS, COUNTY, PROVINCE = at("440103001", 1), at("440103002", 1), at("441900001", 1)


def office_with(*roles: tuple[int, str], bus: MemoryBus | None = None) -> Office:
    office = Office(bus)
    for number, role in roles:
        give_role(office, number, role)
    return office


OFFICE = office_with((BOSS, "superior-town"), (COUNTY, "县上级"), (PROVINCE, "superior-province"))


def test_the_silent_are_named_to_the_nearest_who_is_not_silent_too() -> None:
    first, second = ([n for n in PEOPLE if town_of(n) == town] for town in (0, 1))
    far = at("440106001", 0)
    silent = BitMap([n for n in (*first, *second) if n not in (BOSS, COUNTY)] + [far])
    found = assign(silent, OFFICE.roster)
    assert found == {
        BOSS: BitMap(first) - BitMap([BOSS]),
        COUNTY: BitMap(second) - BitMap([COUNTY]),
        PROVINCE: BitMap([far]),
    }
    silent.add(BOSS)  # then whoever is above has their people, and them
    assert assign(silent, OFFICE.roster)[COUNTY] == silent - BitMap([far])


@given(st.frozensets(st.sampled_from(PEOPLE)))
def test_each_of_the_silent_is_in_one_list_and_nobody_else_is_and_no_superior_is_silent(who: frozenset[int]) -> None:
    silent = BitMap(who)
    found = assign(silent, OFFICE.roster)
    assert not silent & BitMap(found)
    assert BitMap().union(*found.values(), BitMap()) == (silent if PROVINCE not in silent else _below(silent))
    assert sum(map(len, found.values())) == len(BitMap().union(*found.values(), BitMap()))


def _below(silent: BitMap) -> BitMap:
    """Where the province's superior is silent, those whom one below has."""
    first = BitMap([n for n in silent if town_of(n) == 0]) if BOSS not in silent else BitMap()
    county = BitMap([n for n in silent if OFFICE.roster.towns[town_of(n)].startswith("440103")])
    return first | (county if COUNTY not in silent else BitMap())


def test_every_tier_has_its_roles_and_a_message_names_some_and_counts_the_rest() -> None:
    assert len(NAMES) == 2 * len(ROLES) == 10
    people = [OFFICE.roster.person(n) for n in PEOPLE[:2]]
    text = words_for(make_order(text="台" * 50), people, 9)
    assert "9 人" in text and people[0].name in text and "另有 7 人" in text and "台" * 41 not in text


class House:
    def __init__(self, *roles: tuple[int, str], taken_by: str = "44", node: str = "44") -> None:
        self.bus, self.mono_s, self.here = MemoryBus(), 1_000.0, BitMap()
        self.office = office_with(*roles, bus=self.bus).issued(ORDER, meant=[n for n in PEOPLE if town_of(n) == 0])
        self.taken_by, self.node = taken_by, node
        self.got: list[tuple[int, str]] = []
        self.takes = True

    async def serve(self, data: bytes) -> bytes:
        notice = decode(Notice, data)
        took = bool(notice.targets) and self.takes
        self.got += [(t.number, notice.text) for t in notice.targets] if took else []
        return encode_wire(Taken(b"run", 100, took))

    async def start(self) -> tuple[Ladders, Superiors]:
        await self.bus.serve(subjects.notify("sms"), self.serve)
        office = self.office
        made = Ladders(
            self.bus, office.roster, office.ledger, office.audit, lambda: office.now_ms, "node", lambda: self.mono_s,
            b"boot", taken_by=lambda _: self.taken_by, node=self.node,
        )  # fmt: skip
        told = Superiors(
            self.bus, office.roster, made, lambda: self.here, KEY, lambda: office.now_ms, lambda: self.mono_s
        )
        made.tell = told.tend
        await made.records.read()
        await made.addresses.begin()
        await made.tend()
        return made, told

    async def later(self, ladders: Ladders, seconds: float) -> None:
        self.mono_s += seconds
        await ladders.tend()
        await ladders.settle()

    async def climb(self, ladders: Ladders) -> None:
        """Until the superior's step has begun."""
        for seconds in (5, 10):
            await self.later(ladders, seconds)

    def to(self, number: int) -> list[str]:
        return [text for who, text in self.got if who == number and "辖区" in text]


async def test_a_superior_gets_one_message_whatever_fails_or_starts_again() -> None:
    fresh = House((COUNTY, "superior-county"))
    first, _ = await fresh.start()
    await fresh.climb(first)
    assert [text.count("、") for text in fresh.to(COUNTY)] == [3] and "4 人" in fresh.to(COUNTY)[0]
    restarted, told = await fresh.start()
    await fresh.later(restarted, 60)
    await told.note(ORDER.id, "sms", "failed", [COUNTY])  # there is no other way to them
    await fresh.later(restarted, 60)
    assert len(fresh.to(COUNTY)) == 1


async def test_what_cannot_be_written_is_not_sent_and_is_later() -> None:
    house = House((COUNTY, "superior-county"))
    ladders, told = await house.start()
    await house.later(ladders, 5)
    house.takes = True
    writes = told._write
    failing = [True]

    async def full(said: object) -> None:
        if failing:
            failing.clear()
            raise StorageFull("full", "满")
        await writes(said)  # type: ignore[arg-type]

    told._write = full  # type: ignore[method-assign]
    await house.later(ladders, 10)
    assert not house.to(COUNTY) and "ladders" in ladders.problems
    await house.later(ladders, 1)
    assert len(house.to(COUNTY)) == 1 and not ladders.problems


async def test_the_terminal_is_first_and_what_it_does_not_say_it_shows_goes_another_way() -> None:
    house = House((COUNTY, "superior-county"))
    house.here = BitMap([COUNTY])
    ladders, told = await house.start()
    await house.climb(ladders)
    assert not house.to(COUNTY)
    ticket = tickets.mint(Ticket(COUNTY, "440103002001", ("superior-county",), house.office.now_ms // 1000 + 60), KEY)
    (shown,) = (await told.below(asked.Below((ticket,)), None)).lists
    assert (shown.holder, shown.count, len(shown.people)) == (COUNTY, 4, 4)
    await house.later(ladders, NOTED_S_MAX - 1)
    assert not house.to(COUNTY)
    await house.later(ladders, 2)
    assert len(house.to(COUNTY)) == 1  # it never said so

    quick = House((COUNTY, "superior-county"))
    quick.here = BitMap([COUNTY])
    ladders, told = await quick.start()
    await quick.climb(ladders)
    await told.below(asked.Below((ticket,), ((COUNTY, ORDER.id),)), None)
    await quick.later(ladders, 10 * NOTED_S_MAX)
    assert not quick.to(COUNTY)
    (line,) = told.lines(ladders.kept[ORDER.id], Path("44"))
    assert (line.channel, line.fate, line.people) == ("terminal", "delivered", 4)


async def test_a_list_is_for_whom_it_is_meant_and_so_are_answers_from_it() -> None:
    house = House((COUNTY, "superior-county"))
    house.here = BitMap([COUNTY])
    ladders, told = await house.start()
    await house.climb(ladders)
    until_s = house.office.now_ms // 1000 + 60
    mine, other = (
        tickets.mint(Ticket(n, "440103001001", ("superior-county",), until_s), KEY) for n in (COUNTY, PROVINCE)
    )
    assert (await told.below(asked.Below((other,)), None)).lists == ()
    named = at("440103001", 0)
    assert told.holder_for(asked.AnswerBelow(mine, ORDER.id, named, 0))
    for ticket, order, number in ((other, ORDER.id, named), (mine, ORDER.id, PROVINCE), (mine, make_id(9), named)):
        with pytest.raises(Forbidden):
            told.holder_for(asked.AnswerBelow(ticket, order, number, 0))
    assert [*ladders.records.told] == [ORDER.id]  # what a terminal makes up takes no room
    with pytest.raises(BadTicket):
        await told.below(asked.Below((mine[:-1] + b"x",)), None)


async def test_an_order_that_a_node_below_took_climbs_there_and_only_those_above_it_are_told_here() -> None:
    house = House((BOSS, "superior-town"), (PROVINCE, "superior-province"), taken_by="4401")
    house.office = office_with((BOSS, "superior-town"), (PROVINCE, "superior-province"), bus=house.bus).issued(
        ORDER, meant=[at("440103001", 0), at("440106001", 0)]
    )
    ladders, _ = await house.start()
    await house.later(ladders, 5)
    await house.later(ladders, 10)
    assert not house.to(BOSS) and len(house.to(PROVINCE)) == 1
    assert {number for number, _ in house.got} == {PROVINCE}  # nobody silent was sent an SMS from here

    below = House((BOSS, "superior-town"), taken_by="44", node="4401")
    ladders, _ = await below.start()
    await below.later(ladders, 20)
    assert not below.got and not ladders.kept


def test_a_list_fits_a_frame() -> None:
    person = asked.SilentPerson(2**32 - 1, "界" * 64, "1" * 32, "4" * 12)
    told = asked.SilentList(
        1, make_id(), "actual", "界" * 2_000, ("界" * 32,) * 8, 9, (person,) * bounds.SILENT_NAMED_MAX
    )
    assert len(replies.silent(told)) < 20_480 + 16
