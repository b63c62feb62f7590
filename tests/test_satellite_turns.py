"""What goes into the next packet of a satellite link: the order of classes, their floors, and what finds no room."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadMessage
from gateways.satellite.carrying import Kind
from gateways.satellite.classes import DATAGRAM_BYTES_MAX, FLOORS, LETTER_BYTES_MAX, WAITING_BYTES_MAX, Class
from gateways.satellite.turns import Turns, Unframing, frame
from tests.satellite_link import World, exchange

ROOM = 700


def packet(turns: Turns, now_s: float = 0.0, room: int = ROOM) -> list[tuple[Class, bytes]]:
    """The next one, sent."""
    order, given_now = turns.take(now_s, room, {})
    went: Counter[Class] = Counter()
    for cls, data in given_now:
        went[cls] += len(data)
    turns.went(went, order)
    return given_now


def filled(*classes: Class) -> Turns:
    turns = Turns()
    for cls in classes:
        fill(turns, cls)
    return turns


def fill(turns: Turns, cls: Class) -> None:
    size = 100 if cls is Class.VOICE else 2_000
    while turns.waiting(cls) + size + 3 < WAITING_BYTES_MAX[cls]:
        assert turns.say(cls, bytes(size), None, 0.0)


@given(st.lists(st.sampled_from(list(Class)), min_size=1, max_size=4, unique=True), st.sampled_from(list(Class)))
def test_a_higher_class_waits_for_no_packet_of_a_lower_one_that_is_not_on_the_line_yet(
    waiting: list[Class], comes: Class
) -> None:
    """Whatever floors are owed: the packet after the one on the line begins with what came."""
    lower = [cls for cls in waiting if cls > comes]
    turns = filled(*lower)
    for _ in range(150):
        packet(turns)
    for _ in range(40):  # at any moment of their floors
        packet(turns)
        assert turns.say(comes, b"x" * 50, None, 0.0)
        first = packet(turns)[0]
        assert first[0] is comes


def test_two_packets_of_a_lower_class_in_a_row_never_go_before_a_higher_one_that_waits() -> None:
    turns = filled(*Class)
    leads = []
    for _ in range(400):
        given_now = packet(turns)
        leads.append(given_now[0][0])
        for cls in Class:
            fill(turns, cls)
    assert all(Class.VOICE in pair for pair in pairwise(leads))


def test_each_class_that_waits_gets_its_floor_however_much_goes_before_it() -> None:
    turns = filled(*Class)
    went: Counter[Class] = Counter()
    for _ in range(3_000):
        for cls, data in packet(turns):
            went[cls] += len(data)
        for cls in Class:
            fill(turns, cls)
    total = went.total()
    for cls, share in FLOORS.items():
        assert went[cls] / total >= 0.9 * share / 1000, cls.name
    assert went[Class.VOICE] > 0.7 * total


def test_what_is_left_of_a_packet_goes_to_lower_classes() -> None:
    turns = Turns()
    turns.say(Class.VOICE, bytes(100), 0.4, 0.0)
    turns.say(Class.ORDERS, bytes(200), None, 0.0)
    fill(turns, Class.CLIPS)
    given_now = packet(turns)
    assert [cls for cls, _ in given_now] == [Class.VOICE, Class.ORDERS, Class.CLIPS]
    assert 0.9 * ROOM < sum(len(data) for _, data in given_now) < ROOM


def test_voice_that_is_late_is_dropped_and_a_letter_that_has_begun_is_not() -> None:
    turns = Turns()
    turns.say(Class.VOICE, b"late", 0.4, 0.0)
    turns.say(Class.VIDEO, bytes(2 * ROOM), 0.4, 0.0)
    turns.say(Class.VIDEO, b"late as well", 0.4, 0.0)
    assert packet(turns, 0.0, 20) == [(Class.VOICE, b"late")]
    assert len(packet(turns, 0.1)[0][1]) > 600
    rest = packet(turns, 1.0) + packet(turns, 1.0)
    assert sum(len(data) for _, data in rest) < ROOM + 100 and turns.shed[Class.VIDEO] == 1
    turns.say(Class.VOICE, b"late", 0.4, 2.0)
    assert packet(turns, 3.0) == [] and turns.shed[Class.VOICE] == 1


def test_where_there_is_no_room_the_oldest_of_voice_and_video_go_and_the_newest_of_all_others() -> None:
    for cls in Class:
        turns = filled(cls)
        size = 150 if cls is Class.VOICE else 2_100
        room = turns.say(cls, b"the newest".ljust(size), None, 0.0)
        assert room is (cls in (Class.VOICE, Class.VIDEO)) and turns.shed[cls] == 1
        assert turns.waiting(cls) <= WAITING_BYTES_MAX[cls]


@pytest.mark.parametrize("cls", list(Class))
def test_a_letter_that_is_too_long_or_empty_is_refused(cls: Class) -> None:
    turns = Turns()
    assert not turns.say(cls, bytes((DATAGRAM_BYTES_MAX if cls is Class.VOICE else LETTER_BYTES_MAX) + 1), None, 0.0)
    assert not turns.say(cls, b"", None, 0.0) and not turns


def test_on_another_connection_what_was_not_acknowledged_is_said_again_whole_and_in_order() -> None:
    turns = Turns()
    letters = [n.to_bytes(2, "big") * 150 for n in range(6)]
    for letter in letters:
        turns.say(Class.ORDERS, letter, None, 0.0)
    packet(turns)
    packet(turns)  # four whole letters, and half of the fifth
    turns.acked(Class.ORDERS, 2 * len(frame(letters[0])) + 10)  # two and a bit
    turns.begin_again()
    heard = Unframing()
    assert [letter for _ in range(5) for _, data in packet(turns) for letter in heard.feed(data)] == letters[2:]


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.lists(st.integers(1, 50), min_size=1))
def test_letters_come_out_of_a_stream_as_they_went_in_wherever_it_is_cut(letters: list[bytes], cuts: list[int]) -> None:
    stream, unframing, at, n = b"".join(map(frame, letters)), Unframing(), 0, 0
    heard: list[bytes] = []
    while at < len(stream):
        step = cuts[n % len(cuts)]
        heard += unframing.feed(stream[at : at + step])
        at, n = at + step, n + 1
    assert heard == letters


@pytest.mark.parametrize("length", [b"\x00", b"\x81\x80\x04", b"\xff\xff\xff\xff\xff"])
def test_a_length_that_no_letter_has_is_refused_before_anything_is_kept(length: bytes) -> None:
    with pytest.raises(BadMessage):
        list(Unframing().feed(length + bytes(100)))


def test_an_order_on_a_full_link_waits_for_one_packet_and_its_own_time() -> None:
    """On the wire: 64 kbit/s, a clip going up, and an order at any moment."""
    world = World()
    world.connect()
    sent: dict[bytes, float] = {}

    def upload() -> None:
        while world.kit.waiting(Class.CLIPS) < 8_000:
            world.kit.say(Class.CLIPS, bytes((Kind.KEPT,)) + bytes(3_000))
        if len(sent) < 20:
            world.at(world.now_s + 0.2, upload)

    def order() -> None:
        letter = exchange(len(sent).to_bytes(2, "big") + bytes(590))
        sent[letter] = world.now_s
        world.kit.say(Class.ORDERS, letter)
        if len(sent) < 20:
            world.at(world.now_s + 0.77, order)

    upload()
    world.run(for_s=2)
    order()
    world.run(for_s=20)
    waited = [world.hub_node.when(letter) - at for letter, at in sent.items()]
    assert max(waited) < 0.3 + 0.1 + 0.12 + 0.1  # the way, the packet on the line, the order's own, and the next packet
    assert sum(map(len, world.hub_node.of(Class.CLIPS))) * 8 / 16 > 45_000


def test_a_letter_that_began_before_the_handshake_is_not_cut_by_one_that_may_not() -> None:
    turns, unframing = Turns(), Unframing()
    said = [b"not early", b"early" * 100, b"early too"]
    for letter in said:
        assert turns.say(Class.ORDERS, letter, None, 0.0, letter.startswith(b"early"))
    data = bytearray()
    for early in (True, False, False):  # the handshake is over after the first packet
        for _, piece in turns.take(0.0, 400, {}, early=early)[1]:
            data += piece
    assert sorted(unframing.feed(bytes(data))) == sorted(said)
