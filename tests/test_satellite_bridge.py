"""What goes over a satellite link, and when: orders before rosters, beats that cost nothing, cuts and who is gone."""

from __future__ import annotations

import random

import pytest
import zstandard

from fusioncmd import subjects
from fusioncmd.canary import Branch
from fusioncmd.errors import BadMessage
from fusioncmd.exchange import items
from fusioncmd.exchange.evidence import ANSWERS_AT
from fusioncmd.exchange.wire import pack_frame
from fusioncmd.messages import Report, RosterSlice, encode
from fusioncmd.pulse import Beat, pack
from gateways.satellite import beats, dictionary
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import Class
from tests.exchange_pair import COUNTY, TOWN, marks, order_item
from tests.exchange_pipes import TOWNS
from tests.satellite_world import End, World
from tests.worlds import NOW_MS, make_id


@pytest.fixture
def world() -> World:
    made = World()
    made.run(8.0)
    assert made.link.kit.up and made.same
    return made


def a_slice(town: str, people: int, edition: int = 1) -> tuple[bytes, bytes]:
    """Of names and phones that cannot be squeezed away."""
    rng = random.Random(town + str(edition))
    names = ["".join(rng.choice("王李张刘陈伟芳娜敏静强磊") for _ in range(3)) for _ in range(people)]
    phones = [f"13{rng.randrange(10**9):09d}" for _ in range(people)]
    ids = [f"{town}{rng.randrange(10**6):06d}" for _ in range(people)]
    made = RosterSlice(town, edition, ids, names, phones, [0] * people, [], [0] * people, [])
    return items.roster_key(town), encode(made)


def test_an_order_goes_down_and_its_answer_comes_back(world: World) -> None:
    key, value, order = order_item()
    world.hub.replica.put(key, value)
    assert world.until(lambda: world.kit.replica.get(key) == value) < 0.8
    answered, container = marks((ANSWERS_AT, 1)), items.container_key(order.id, TOWN)
    world.kit.replica.put(container, answered)
    assert world.until(lambda: world.hub.replica.get(container) == answered) < 0.5
    assert not world.kit.bridge.bad and not world.hub.bridge.bad


def all_there(world: World, first: int) -> float:
    """After how long five orders that are issued together have come."""
    orders = [order_item(n)[:2] for n in range(first, first + 5)]
    for key, value in orders:
        world.hub.replica.put(key, value)
    return world.until(lambda: all(world.kit.replica.get(key) == value for key, value in orders))


def test_orders_do_not_wait_behind_slices_and_reports_that_are_underway(world: World) -> None:
    alone_s = all_there(world, 1)
    world.hub.replica.put(*a_slice(TOWNS[TOWN], 4_000))
    world.run(0.6)
    assert world.link.hub.waiting(Class.REPORTS) > 1_000, "there is something to wait behind"
    assert all_there(world, 11) < alone_s + 0.2
    assert not world.same
    assert world.until(lambda: world.same, 120.0) > 3.0
    assert world.hub.exchange.flow.lost == 0, "what waits is not taken for lost"


def test_a_report_is_in_a_class_of_its_own_and_its_pieces_are(world: World) -> None:
    key, value, order = order_item()
    world.hub.replica.put(key, value)
    world.until(lambda: world.same)
    number = TOWN << 16 | 3
    text = "".join(random.Random(1).choice("路桥水位涨断电人伤已转移") for _ in range(400))
    for n in range(20):
        made = Report(make_id(700 + n), order.id, number, NOW_MS, text, None, None)
        world.kit.replica.put(items.report_key(order.id, number, made.id), encode(made))
    world.kit.step(world.link.now_s + 1.0)
    assert world.link.kit.waiting(Class.REPORTS) > 0
    world.until(lambda: world.same)


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_a_cut_is_noticed_and_both_ends_agree_after_it(loss: float) -> None:
    world = World(loss)
    world.run(8.0)
    assert world.kit.pulse.state(world.link.now_s) == "up" == world.hub.pulse.state(world.link.now_s)
    world.link.turn(cut=True)
    world.run(12.0)
    assert world.kit.pulse.state(world.link.now_s) == "cut" == world.hub.pulse.state(world.link.now_s)
    first, second = order_item(1), order_item(2)
    world.hub.replica.put(*first[:2])
    world.kit.replica.put(*second[:2])
    waits = world.link.kit.waiting(Class.ORDERS)
    world.run(600.0, 0.05)
    assert world.link.kit.waiting(Class.ORDERS) == waits, "nothing is heaped up for the return"
    world.link.turn(cut=False)
    assert world.until(lambda: world.kit.replica.get(first[0]) == first[1]) < 1.5 + 3 * loss / 0.05
    world.until(lambda: world.same)
    world.run(3.0)
    assert world.kit.pulse.state(world.link.now_s) == "up" == world.hub.pulse.state(world.link.now_s)


def test_twenty_minutes_in_which_nothing_happens_cost_next_to_nothing() -> None:
    world = World()
    world.kit.numbers = bytes(range(120))
    world.run(150.0, 0.05)
    before = world.wire_bytes()
    world.run(1_200.0, 0.25)
    up, down = (now - then for now, then in zip(world.wire_bytes(), before, strict=True))
    assert up < 700 and down < 500, (up, down)
    assert world.hub.beats[-1].numbers == world.kit.numbers
    assert world.hub.trail.silent_since_s(0.0, world.link.now_s) is None


def test_who_is_reachable_is_told_when_it_changes_and_not_more_often_than_the_link_bears(world: World) -> None:
    before = world.link.kit.wire_bytes
    for n in range(1, 30):
        world.kit.numbers = bytes((n,)) * 200
        world.run(1.0)
    world.run(12.0)
    assert world.hub.beats[-1].numbers == world.kit.numbers
    assert world.link.kit.wire_bytes - before < 8 * (200 + 150)


def test_a_node_that_is_gone_is_cut_off_though_the_link_is_up(world: World) -> None:
    world.kit.alive = False
    took_s = world.until(lambda: world.hub.pulse.state(world.link.now_s) == "cut", 20.0)
    assert 5.0 < took_s < beats.NODE_SILENT_S + 7.0
    world.kit.alive = True
    world.until(lambda: world.hub.pulse.state(world.link.now_s) == "up", 5.0)


def test_a_kit_whose_gateways_answer_no_canary_is_mute(world: World) -> None:
    world.run(40.0)
    assert world.hub.trail.silent_since_s(0.0, world.link.now_s) is None
    world.kit.answers = False
    world.until(lambda: world.hub.trail.silent_since_s(0.0, world.link.now_s) is not None, 90.0)
    world.kit.answers = True
    assert world.until(lambda: world.hub.trail.silent_since_s(0.0, world.link.now_s) is None, 20.0) < 12.0


def test_what_does_not_carry_below_is_told_once_and_ages_by_itself(world: World) -> None:
    village = f"{COUNTY}001101"
    world.kit.below = (Branch(village, "cut", 7_000, f"{COUNTY}001"),)
    world.run(1.5)
    before = world.link.kit.wire_bytes
    world.run(60.0, 0.05)
    word = world.hub.beats[-1].word
    assert word is not None and word.below[0].code == village and 64_000 < word.below[0].age_ms < 70_000
    assert world.link.kit.wire_bytes - before < 300
    world.kit.below = ()
    world.until(lambda: (word := world.hub.beats[-1].word) is not None and not word.below, 10.0)


def test_while_the_link_is_down_nothing_is_kept_for_it(world: World) -> None:
    carrier = world.hub.bridge.carriers[0]
    frame = pack_frame(1, 2, 0, (0, 0), [])
    assert len(carrier.from_bus("", frame, 1.0).letters) == 1
    carrier.turned(False, 1.0)
    assert not carrier.from_bus("", frame, 1.0).letters


def test_the_round_trip_that_a_node_sees_is_the_link_s(world: World) -> None:
    trip_s = world.kit.pulse.round_trip_s
    assert trip_s is not None and abs(trip_s - 0.6) < 0.1


def test_what_cannot_be_read_is_counted_and_nothing_else_is_lost(world: World) -> None:
    bridge = world.hub.bridge
    for letter in (b"", b"\x01", b"\xff\0x", bytes((Kind.BEAT, 0)) + b"\x93", bytes((Kind.BEAT, 200)) + b"abc",
                   bytes((Kind.BEAT, 1)) + b"not squeezed at all", bytes((Kind.VOICE, 0))):  # fmt: skip
        bridge.from_link(letter, world.link.now_s)
    assert bridge.bad == 7 and bridge.last_bad is not None and bridge.last_bad.zh
    kit = world.kit.bridge
    kit.from_bus(kit.carriers[0], subjects.link_up(COUNTY), b"no frame", world.link.now_s)
    assert kit.bad == 1
    key, value, _ = order_item()
    world.hub.replica.put(key, value)
    world.until(lambda: world.kit.replica.get(key) == value)


def test_an_end_with_an_older_dictionary_is_written_to_by_that(world: World) -> None:
    said: list[bytes] = []

    def say(cls: Class, letter: bytes, lives_s: float | None = None) -> bool:
        said.append(letter)
        return True

    world.link.hub.say = say  # type: ignore[method-assign]
    bridge = world.hub.bridge

    def versions(n: int) -> set[int]:
        said.clear()
        world.hub.replica.put(*order_item(n)[:2])
        world.hub.step(world.link.now_s + n)
        return {letter[1] for letter in said if letter[0] == Kind.EXCHANGE}

    assert versions(1) == {dictionary.newest()}
    bridge.from_link(bytes((Kind.HELLO, 0, 0)) + bytes(8), world.link.now_s)
    assert versions(2) == {0}


def test_an_end_that_began_anew_is_told_again_though_the_link_was_never_cut(world: World) -> None:
    world.kit.numbers = b"who is here"
    world.run(8.0)
    anew = End("hub", world.link.hub, world.hub.replica, world.link, 2_000_000)
    before = world.kit.bridge.begun
    world.hub = anew
    anew.exchange.connect(int(world.link.now_s * 1000))
    world.until(lambda: bool(anew.beats) and anew.beats[-1].numbers == b"who is here", 5.0)
    assert (world.kit.bridge.begun, anew.bridge.begun) == (before + 1, 0)


def test_what_is_told_before_an_end_knows_that_the_link_is_up_is_not_forgotten(world: World) -> None:
    world.link.turn(cut=True)
    world.run(8.0)
    bridge = world.hub.bridge
    bridge.from_link(bytes((Kind.BEAT, 0)) + beats.packed(beats.Told(True, True, b"early", ())), world.link.now_s)
    before = len(world.hub.beats)
    world.link.hub.up = True
    bridge.turned(True, world.link.now_s)
    world.hub.step(world.link.now_s + 0.1)
    assert [beat.numbers for beat in world.hub.beats[before:]] == [b"early"]


def test_a_squeezed_letter_is_released_to_no_more_than_its_bound() -> None:
    bomb = dictionary.squeeze(bytes(1_000_000), 1)
    assert len(bomb) < 1_000
    with pytest.raises(Exception, match="squeezed"):
        dictionary.release(bomb, 1, 65_536)
    shape = zstandard.ZstdCompressionParameters(format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=True)
    for size in (10, 255, 256, 65_000, 50_000_000):  # each is said by another form of the head
        sized = zstandard.ZstdCompressor(compression_params=shape).compress(bytes(size))
        with pytest.raises(BadMessage, match="own length"):
            dictionary.release(sized, 1, 65_536)
    assert dictionary.release(dictionary.squeeze(pack(world_beat()), 1), 1, 65_536) == pack(world_beat())


def world_beat() -> Beat:
    return Beat(1, 2, 3, b"x" * 40)
