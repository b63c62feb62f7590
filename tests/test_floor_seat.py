"""A tier node at a floor: when it takes the chair, and when it grants nothing."""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.codes import Tier
from fusioncmd.floor import codec
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame
from fusioncmd.floor.messages import POSITION_SECRET, FloorMessage, Indicator, Kind
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.seat import FOREIGN_MAX, Seat
from fusioncmd.floor.sides import Nodes, rank
from fusioncmd.floor.timers import SERVER, SILENT_MS

REQUEST = FloorMessage(Kind.REQUEST, 7, priority=0, user="t", indicator=Indicator.NORMAL | Indicator.QUEUEING)
TOWN = floor_priority(Tier.TOWN)


def test_the_own_node_goes_first_then_the_highest_tier_then_the_code() -> None:
    nodes = ["440106001", "4402", "4401", "44", "440106"]
    assert sorted(nodes, key=lambda node: rank(node, "440106")) == ["440106", "44", "4401", "4402", "440106001"]
    heard = Nodes("440106")
    assert heard.best(0) is None
    for ms, node in enumerate(nodes):
        heard.hear(node, ms)
    assert heard.best(10) == "440106"
    heard.hear("4401", 1_000)
    assert heard.best(SILENT_MS + 10) == "4401"


def test_the_table_of_nodes_is_bounded() -> None:
    heard = Nodes("44")
    for n in range(2 * limits.FLOOR_NODES_MAX):
        heard.hear(f"4401{n // 1000:02}{n % 1000:03}", n)
    assert heard.best(600) == "440100256"


def test_a_node_takes_the_chair_when_no_better_one_is_heard_and_leaves_it_at_once() -> None:
    seat = Seat("4401", "44", 1, 0)
    for ms in range(0, 5_000, 250):
        seat.hear(Beacon("44"), ms)
        seat.hear(Beacon("4402"), ms)
        seat.tick(ms)
    assert seat.arbiter is None
    seat.tick(4_749 + SILENT_MS)
    assert seat.arbiter is None
    seat.tick(4_750 + SILENT_MS)
    assert seat.arbiter is not None
    seat.hear(Beacon("44"), 8_000)
    assert seat.arbiter is None


def test_a_node_that_was_started_says_nothing_until_what_it_granted_before_has_lapsed() -> None:
    seat = Seat("44", "44", 1, 0)
    assert seat.tick(SERVER.t3_ms - 1) == [] and seat.arbiter is None
    assert Beacon("44") in seat.tick(SERVER.t3_ms) and seat.arbiter is not None


def ready(node: str = "44") -> Seat:
    seat = Seat(node, node, 1, -10_000)
    seat.tick(0)
    assert seat.arbiter is not None
    return seat


def ask(
    gateway: str, number: int, to: str = "44", holding: bool = False, before: tuple[tuple[str, int], ...] = ()
) -> Ask:
    return Ask(to, gateway, number, 1, codec.encode(REQUEST), holding, before=before)


def answered(out: list[Frame]) -> list[tuple[str, Kind]]:
    return [
        ("" if one.others else one.gateway, codec.decode(one.message).kind) for one in out if isinstance(one, Answer)
    ]


def test_nothing_is_granted_while_somebody_is_heard_by_another_word() -> None:
    seat = ready()
    seat.ask(ask("g9", 5, to="4402", holding=True), 0)
    assert answered(seat.ask(ask("g1", 1), 10)) == [("g1", Kind.QUEUE_POSITION_INFO)]
    assert answered(seat.tick(SERVER.t3_ms - 1)) == []
    assert ("g1", Kind.GRANTED) in answered(seat.tick(SERVER.t3_ms))
    other = ready()
    other.ask(ask("g9", 5, to="4402", holding=True), 0)
    assert answered(other.ask(ask("g9", 5, holding=True), 10)) == [("g9", Kind.GRANTED), ("", Kind.TAKEN)]


def test_who_is_heard_to_release_keeps_the_floor_from_nobody() -> None:
    seat = ready()
    seat.ask(ask("g9", 5, to="4402", holding=True), 0)
    release = codec.encode(FloorMessage(Kind.RELEASE, 7))
    seat.ask(Ask("4402", "g9", 5, 2, release), 5)
    assert ("g1", Kind.GRANTED) in answered(seat.ask(ask("g1", 1), 10))


def test_a_node_is_near_when_it_was_heard_as_lately_and_for_long_enough_without_a_gap() -> None:
    heard = Nodes("44")
    for ms in range(0, SERVER.t3_ms, 500):
        heard.hear("4401", ms)
    assert not heard.as_near("4401", 0, SERVER.t3_ms - 1)
    heard.hear("4401", SERVER.t3_ms)
    assert heard.as_near("4401", 0, SERVER.t3_ms)
    assert heard.as_near("4401", SILENT_MS, SERVER.t3_ms + SILENT_MS)  # it fell silent for both
    assert not heard.as_near("4401", 50, SERVER.t3_ms + SILENT_MS)  # for this one alone
    heard.hear("4401", SERVER.t3_ms + SILENT_MS + 1)
    assert not heard.as_near("4401", 0, SERVER.t3_ms + SILENT_MS + 1)


def test_a_flood_of_bursts_by_another_word_is_bounded() -> None:
    seat = ready()
    for n in range(4 * FOREIGN_MAX):
        seat.ask(ask("g9", n, to="4402", holding=True), 0)
    assert len(seat._foreign) == FOREIGN_MAX


def test_who_comes_from_a_side_that_was_not_heard_waits_until_nobody_speaks_there() -> None:
    seat = ready()
    (later,) = seat.ask(ask("g1", 1, before=(("4401", 50),)), 10)
    assert isinstance(later, Answer) and codec.decode(later.message).position == POSITION_SECRET
    for ms in range(0, SERVER.t3_ms + 1, 250):
        seat.hear(Beacon("4401"), ms)
    assert ("g1", Kind.GRANTED) in answered(seat.ask(ask("g1", 1, before=(("4401", 50),)), SERVER.t3_ms))


def test_what_is_no_floor_message_changes_nothing_at_a_node() -> None:
    seat = ready()
    assert seat.ask(Ask("44", "g", 1, 1, b"nonsense"), 0) == [] and seat.refused == 1
