"""A canary finds what is up and carries nothing: a gateway, an order stream, a link; and says since when."""

from __future__ import annotations

import pytest
from pyroaring import BitMap

from fusioncmd import ids, subjects
from fusioncmd.bus.port import CALL, Stored
from fusioncmd.canary import (
    AGE_MS_MAX,
    COUNT_MAX,
    Branch,
    Canary,
    Flight,
    Trail,
    Word,
    gravest,
    ident_of,
    number_of,
    pack,
    unpack,
)
from fusioncmd.codes import Path
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import bounds
from fusioncmd.messages import ANSWERED, Receipts, encode
from fusioncmd.pulse import Beat, Pulse
from fusioncmd.pulse import pack as pack_beat
from fusioncmd.pulse import unpack as unpack_beat
from gateways.responder.aviary import Aviary
from gateways.responder.gather import Gather, marks
from tests.worlds import judge
from tiers.branches import Branches, Link
from tiers.ledger import Ledger

LOST_S = 30.0


class Tier:
    """A node above, a node below with gateways, and the link between them; a step is five seconds."""

    def __init__(self, *gateways: str) -> None:
        self.now_s, self.number, self.gateways = 1_000.0, 0, set(gateways)
        self.flight, self.trail, self.up_since_s = Flight(self.now_s, LOST_S), Trail(LOST_S), self.now_s
        self.dead: set[str] = set()  # gateways that are there and read nothing; "": the stream; "link": it
        self._above = 0

    def run(self, seconds: int) -> None:
        for _ in range(0, seconds, 5):
            self.now_s += 5
            for gateway in self.gateways:
                self.flight.expect(gateway, self.now_s)
            self.number += 1
            self.trail.say(self.number, self.now_s)
            if "link" not in self.dead:
                self._above = self.number
            canary = self.flight.begin(self.number + 500, self._above, self.now_s)
            if "" not in self.dead:
                self.flight.answer("", canary.number)
                for gateway in self.gateways - self.dead:
                    self.flight.answer(gateway, canary.number)
            if "link" not in self.dead:
                self.trail.hear(self.flight.answered_above)

    @property
    def silent(self) -> dict[str, float]:
        return {who: self.now_s - since_s for who, since_s in self.flight.silent(self.now_s)}

    @property
    def mute_for_s(self) -> float | None:
        since_s = self.trail.silent_since_s(self.up_since_s, self.now_s)
        return None if since_s is None else self.now_s - since_s


def test_while_everything_carries_each_canary_comes_back() -> None:
    tier = Tier("one", "two")
    tier.run(300)
    assert not tier.silent and tier.mute_for_s is None and tier.flight.answered_above == tier.number


def test_a_gateway_that_reads_no_orders_is_named_below_and_the_branch_above() -> None:
    tier = Tier("one", "two")
    tier.run(100)
    tier.dead.add("two")
    tier.run(35)
    assert tier.silent == {"two": 35.0} and tier.mute_for_s == 35.0
    tier.dead.clear()
    tier.run(5)
    assert not tier.silent and tier.mute_for_s is None


def test_a_stream_that_takes_nothing_is_found_though_no_gateway_is_there() -> None:
    tier = Tier()
    tier.run(100)
    tier.dead.add("")
    tier.run(35)
    assert tier.silent == {"": 35.0} and tier.mute_for_s == 35.0


def test_a_link_that_is_up_and_carries_no_canary_is_found_from_above_alone() -> None:
    tier = Tier("one")
    tier.run(100)
    tier.dead.add("link")
    tier.run(35)
    assert not tier.silent and tier.mute_for_s == 35.0


def test_a_link_that_just_came_back_is_given_its_time() -> None:
    tier = Tier("one")
    tier.run(50)
    tier.dead.add("link")
    tier.run(3_600)
    tier.dead.clear()
    tier.up_since_s = tier.now_s
    assert tier.mute_for_s is None
    tier.run(5)
    assert tier.mute_for_s is None


def test_a_node_of_an_older_version_is_not_judged() -> None:
    trail = Trail(LOST_S)
    trail.say(1, 0.0)
    assert trail.silent_since_s(0.0, 1e6) is None
    trail.hear(0)
    assert trail.silent_since_s(0.0, 1e6) == 0.0


def test_a_gateway_that_is_gone_is_missed_for_a_while_and_one_that_comes_has_its_time() -> None:
    tier = Tier("one", "two")
    tier.run(100)
    tier.gateways = {"one", "three"}
    tier.dead.add("three")
    tier.run(25)
    assert not tier.silent
    tier.run(15)
    assert set(tier.silent) == {"two", "three"}
    tier.run(int(bounds.CANARY_GATEWAY_KEPT_S))
    assert set(tier.silent) == {"three"}


def test_gateways_are_bounded_and_the_one_not_heard_for_longest_goes() -> None:
    flight = Flight(0.0, LOST_S)
    for n in range(bounds.CANARY_GATEWAYS_MAX + 5):
        flight.expect(f"gw-{n}", 1.0)
    late = {who for who, _ in flight.silent(100.0)}
    assert len(late) == bounds.CANARY_GATEWAYS_MAX + 1 and "gw-0" not in late and "gw-5" in late


def test_answers_that_are_late_unknown_or_of_strangers_say_nothing() -> None:
    flight = Flight(0.0, LOST_S)
    flight.expect("one", 0.0)
    for n in range(1, 200):
        flight.begin(n, n, float(n))
    for who, number in (("one", 1), ("one", 999), ("stranger", 199), ("", 199)):
        flight.answer(who, number)
    assert flight.answered_above == 0 and {who for who, _ in flight.silent(199.0)} == {"one"}
    flight.answer("one", 150)
    assert flight.answered_above == 150


def test_no_order_has_the_id_of_a_canary() -> None:
    assert number_of(ident_of(1_790_000_000_000)) == 1_790_000_000_000
    assert number_of(ids.make(1_790_000_000_000, bytes(ids.ENTROPY_BYTES))) is None


@pytest.mark.parametrize("data", [b"", b"\xc1", pack(Canary(1, 2))[:-1], b"\x93\xa8canary.1\xff\x00"])
def test_noise_is_no_canary(data: bytes) -> None:
    assert unpack(pack(Canary(7, 5))) == Canary(7, 5)
    with pytest.raises(BadMessage, match="Not a canary"):
        unpack(data)


def test_a_beat_bears_as_many_branches_as_its_bound_and_the_highest_of_them() -> None:
    branches = [Branch(f"440106{n:03}", "cut", 1, "440106") for n in range(300)] + [Branch("4403", "deaf", 1, "44")]
    told = gravest(branches)
    assert len(told) == bounds.BELOW_TOLD_MAX and told[0].code == "4403" and told[1].code == "440106000"
    beat = Beat(1, 2, 3, b"", Word(0, 9, told, 173))
    assert unpack_beat(pack_beat(beat)) == beat
    with pytest.raises(BadMessage):
        unpack_beat(pack_beat(Beat(1, 2, 3, b"", Word(0, 9, (*told, told[0])))))
    assert unpack_beat(pack_beat(Beat(1, 2, 3))[:-1].replace(b"\x96", b"\x95", 1)).word is None  # an older node's


def test_what_a_node_below_says_of_its_branches_keeps_no_node_above_from_being_heard() -> None:
    now_s, below = 1_000.0, ("440106", "440103")
    links = {
        p: Link(p, None, Pulse(1, now_s), "", "", Trail(LOST_S))  # type: ignore[arg-type]  # nothing is exchanged
        for p in ("44", *below)
    }
    own = Branches(Path("4401"), "44", links, Flight(now_s, LOST_S), lambda: 1.79e9, lambda: now_s)
    for code in below:
        own.hear(links[code], Word(0, 0, (Branch(f"{code}001", "cut", AGE_MS_MAX, code),), COUNT_MAX), now_s)
    now_s += 2
    word = own.word_to(links["44"], now_s)
    assert len(word.below) == 2 and word.more == COUNT_MAX
    assert unpack_beat(pack_beat(Beat(1, 2, 3, b"", word))).word == word
    assert all(line.since_ms > 0 for line in own.cuts())
    with pytest.raises(BadMessage):
        unpack_beat(pack_beat(Beat(1, 2, 3, b"", Word(0, 0, (Branch("440106", "cut", AGE_MS_MAX + 1, "4401"),)))))


class Publisher:
    """What a gateway has behind its aviary."""

    def __init__(self) -> None:
        self.gather, self.woken = Gather(), 0

    def wake(self) -> None:
        self.woken += 1


def test_a_gateway_answers_a_canary_as_it_answers_for_people_and_shows_it_to_nobody() -> None:
    publisher, orders = Publisher(), list[Stored]()
    aviary = Aviary(publisher, orders.append)  # type: ignore[arg-type]
    order = Stored("fc.call.44", b"an order", 1)
    aviary.fold(order)
    for seq, number in enumerate((10, 11, 11), start=2):
        aviary.fold(Stored(subjects.CANARY, pack(Canary(number, 5)), seq))
    aviary.fold(Stored(subjects.CANARY, b"noise", 9))
    assert orders == [order] and publisher.woken == 2
    publisher.gather.add(bytes(range(16)), ANSWERED, 1, 77)
    batch = marks(publisher.gather.take())
    assert [(mark.order, mark.stage) for mark in batch] == [(ident_of(11), ANSWERED), (bytes(range(16)), ANSWERED)]
    ledger, answered = Ledger(judge()), list[tuple[str, int]]()
    ledger.canary_answered = lambda gateway, number: answered.append((gateway, number))
    ledger.fold_receipts(Stored("fc.receipt.gw-1", encode(Receipts("somebody", batch)), 4))
    assert answered == [("gw-1", 11)]
    assert set(ledger.accounts) == {bytes(range(16))} and ledger.handled["FC_RECEIPT"] == 4
    assert BitMap.deserialize(batch[0].numbers) == BitMap()
    assert subjects.CANARY.startswith("fc.audience.") and CALL.lets_end
