"""One floor and several arbiters: who takes the chair, what a gateway holds, and what becomes of a burst at a cut."""

from __future__ import annotations

from random import Random

import pytest

from fusioncmd import limits
from fusioncmd.codes import Tier
from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec, frames
from fusioncmd.floor.bursts import Told
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame
from fusioncmd.floor.messages import POSITION_SECRET, Denied, FloorMessage, Indicator, Kind, Revoked
from fusioncmd.floor.participant import Participant
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.relay import Out, Relay
from fusioncmd.floor.seat import FOREIGN_MAX, Seat
from fusioncmd.floor.sides import Nodes, rank
from fusioncmd.floor.timers import ASK_MS, HOLD_MS, RETURN_MS, SERVER, SILENT_MS, UNANSWERED_MS, WAIT_MS
from loadtest.floor_world import START_MS, Link, Talker, World

REQUEST = FloorMessage(Kind.REQUEST, 7, priority=0, user="t", indicator=Indicator.NORMAL | Indicator.QUEUEING)
TOWN = floor_priority(Tier.TOWN)


def told(out: Out) -> list[tuple[Kind, int | None]]:
    return [(one.message.kind, one.message.cause) for one in out if isinstance(one, Told)]


def asks(out: Out | list[Frame]) -> list[tuple[str, Kind, bool]]:
    return [(one.to, codec.decode(one.message).kind, one.holding) for one in out if isinstance(one, Ask)]


def granted(node: str, ask: Ask) -> Answer:
    message = FloorMessage(Kind.GRANTED, 1, duration_s=30)
    return Answer(node, ask.gateway, ask.number, ask.stamp_ms, codec.encode(message))


def asking(home: str = "44") -> tuple[Relay, Ask]:
    relay = Relay("g1", home, 2, 100)
    relay.hear(Beacon("44"), 0)
    (ask,) = relay.receive("t", REQUEST, TOWN, 0)
    assert isinstance(ask, Ask) and ask.to == "44" and codec.decode(ask.message).priority == TOWN
    return relay, ask


def holding() -> Relay:
    relay, ask = asking()
    assert told(relay.answer(granted("44", ask), 10)) == [(Kind.GRANTED, None)]
    assert relay.speaker(10) == "t" and relay.media("t", 10) and not relay.media("other", 10)
    return relay


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


def test_a_grant_lasts_from_when_it_was_asked_and_not_from_when_it_came() -> None:
    relay, ask = asking()
    relay.answer(granted("44", ask), 2_000)
    assert relay.speaker(HOLD_MS - 1) == "t" and relay.speaker(HOLD_MS) is None
    late, ask = asking()
    assert late.answer(granted("44", ask), HOLD_MS) == [] and late.speaker(HOLD_MS) is None


def test_a_gateway_says_again_that_it_speaks_and_gives_up_what_nobody_answers() -> None:
    relay = holding()
    assert asks(relay.tick(10 + ASK_MS)) == [("44", Kind.REQUEST, True)]
    out = relay.tick(HOLD_MS)
    assert told(out) == [(Kind.REVOKE, Revoked.NO_RESOURCES)] and relay.speaker(HOLD_MS) is None
    waiting, _ = asking()
    assert asks(waiting.tick(WAIT_MS)) == [("44", Kind.REQUEST, False)]
    assert told(waiting.tick(UNANSWERED_MS)) == [(Kind.DENY, Denied.NO_RESOURCES)]


def test_a_gateway_lets_go_of_who_fell_silent() -> None:
    relay = holding()
    for ms in range(100, SERVER.t1_ms, 100):
        for ask in relay.tick(ms):
            if isinstance(ask, Ask):
                relay.answer(granted("44", ask), ms + 1)
        relay.hear(Beacon("44"), ms)
    assert relay.speaker(SERVER.t1_ms) == "t"
    out = relay.tick(10 + SERVER.t1_ms)
    assert asks(out) == [("44", Kind.RELEASE, False)] and told(out) == [(Kind.REVOKE, Revoked.OTHER)]


def test_a_grant_that_nobody_waits_for_any_more_is_given_back() -> None:
    relay, ask = asking()
    release = FloorMessage(Kind.RELEASE, 7, user="t")
    assert asks(relay.receive("t", release, TOWN, 5)) == [("44", Kind.RELEASE, False)]
    assert asks(relay.answer(granted("44", ask), 10)) == [("44", Kind.RELEASE, False)]
    assert relay.speaker(10) is None
    assert asks(relay.receive("t", release, TOWN, 20)) == [("44", Kind.RELEASE, False)]  # T100: said again


def test_a_grant_of_a_node_that_is_not_asked_any_more_is_not_taken() -> None:
    relay, ask = asking("4401")
    relay.hear(Beacon("4401"), 5)
    assert asks(relay.tick(6)) == [("4401", Kind.REQUEST, False)]
    assert relay.answer(granted("44", ask), 10) == [] and relay.speaker(10) is None


def test_a_request_that_comes_twice_from_a_terminal_is_one_burst() -> None:
    relay = holding()
    out = relay.receive("t", REQUEST, TOWN, 20)
    assert told(out) == [(Kind.GRANTED, None)] and asks(out) == [("44", Kind.REQUEST, True)]


def test_who_joins_late_is_told_who_speaks() -> None:
    relay = Relay("g2", "44", 2, 100)
    relay.hear(Beacon("44"), 0)
    assert relay.join("late") == []
    taken = FloorMessage(Kind.TAKEN, 1, granted_party="town", sequence=1)
    relay.answer(Answer("44", "g1", 1, 0, codec.encode(taken), others=True), 1)
    assert relay.join("late") == [Told(taken, "late")]


def test_a_gateway_has_room_for_so_many_who_ask() -> None:
    relay = Relay("g", "44", 2, 100)
    for n in range(limits.FLOOR_ASKING_MAX):
        assert told(relay.receive(f"t{n}", REQUEST, TOWN, 0)) == []
    assert told(relay.receive("more", REQUEST, TOWN, 0)) == [(Kind.DENY, Denied.NO_RESOURCES)]


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


def test_a_gateway_that_is_granted_a_second_burst_ends_the_first() -> None:
    relay = holding()
    (second,) = relay.receive("other", REQUEST, TOWN, 20)
    assert isinstance(second, Ask)
    out = relay.answer(granted("44", second), 30)
    assert told(out) == [(Kind.REVOKE, Revoked.PRE_EMPTED), (Kind.GRANTED, None)]
    assert relay.speaker(30) == "other" and not relay.media("t", 31)
    assert len([one for one in relay.tick(40) if isinstance(one, Told)]) == 1  # who still speaks is told again


def test_what_another_than_the_followed_node_says_of_its_floor_is_not_told() -> None:
    relay = holding()
    idle = codec.encode(FloorMessage(Kind.IDLE, 1, sequence=1))
    assert relay.answer(Answer("4402", "", 0, 0, idle, others=True), 20) == []
    assert told(relay.answer(Answer("44", "", 0, 0, idle, others=True), 20)) == [(Kind.IDLE, None)]


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


def test_a_terminal_that_speaks_without_the_floor_is_told_so_each_second_while_it_does() -> None:
    relay = holding()
    said = []
    for ms in range(100, 1_400, 100):
        if ms < 1_300:
            assert not relay.media("other", ms)
        said += [(ms, *one) for one in told(relay.tick(ms))]
    assert said == [(100, Kind.REVOKE, Revoked.NO_PERMISSION), (1_200, Kind.REVOKE, Revoked.NO_PERMISSION)]


def test_what_is_no_floor_message_changes_nothing() -> None:
    seat, relay = ready(), holding()
    assert seat.ask(Ask("44", "g", 1, 1, b"nonsense"), 0) == [] and seat.refused == 1
    assert relay.answer(Answer("44", "g1", 101, 1, b"nonsense"), 20) == [] and relay.refused == 1
    assert relay.speaker(20) == "t"


def test_frames_have_bytes_and_other_bytes_are_refused() -> None:
    for frame in (Beacon("44"), ask("g1", 3, holding=True, before=(("4401", 50),)), Answer("44", "", 0, 0, b"")):
        assert frames.decode(frames.encode(frame)) == frame
    for bad in (b"", b"\x80", frames.encode(Beacon("x")), bytes(frames.FRAME_BYTES_MAX + 1)):
        with pytest.raises(BadMessage):
            frames.decode(bad)


def province(*cuts: tuple[int, int], home: str = "44") -> World:
    """44 over county 440106, a gateway and a talker at the top, two below; the county's link is cut as said."""
    above = {"440106": "44", "top": "44", "one": "440106", "two": "440106"}
    links = {name: Link(0.0, (1, 3), 0.0) for name in above}
    links["440106"].cuts += [(START_MS + begin, START_MS + end) for begin, end in cuts]
    world = World(Random(1), above, links, ["top", "one", "two"], home)
    world.radio_loss = 0.0
    for n, (name, tier, emergency) in enumerate(
        (("top", Tier.PROVINCE, False), ("one", Tier.COUNTY, False), ("two", Tier.COUNTY, True))
    ):
        priority = floor_priority(tier, emergency)
        world.talkers[name] = Talker(Participant(name, n), name, priority, emergency)
    return world


def speaks(world: World, name: str) -> bool:
    return world.relays[name].speaker(world.now_ms) is not None and world.talkers[name].participant.may_speak


def press(world: World, name: str) -> None:
    world.run(world.now_ms + 100)
    world.press(name)
    world.run(world.now_ms + 400)
    assert speaks(world, name)


def test_a_county_that_is_cut_off_in_mid_burst_goes_on_and_one_arbiter_is_left_after_its_return() -> None:
    world = province((1_000, 9_000))
    press(world, "one")
    for ms in range(1_000, 9_000, 50):
        world.run(START_MS + ms)
        assert speaks(world, "one"), f"after {ms} ms"
    assert world.seats["440106"].arbiter is not None and world.seats["44"].arbiter is not None
    world.run(START_MS + 9_000 + RETURN_MS)
    assert world.seats["440106"].arbiter is None and world.seats["44"].arbiter is not None
    assert speaks(world, "one")  # nobody spoke in the province: the burst goes on there
    assert world.seats["44"].arbiter.speaker is not None and world.found.wrong == []


def test_each_side_speaks_for_itself_and_at_the_return_the_side_that_joins_is_revoked() -> None:
    world = province((1_000, 9_000))
    world.run(START_MS + 4_000)
    press(world, "top")
    press(world, "one")
    assert speaks(world, "top") and speaks(world, "one")
    world.run(START_MS + 11_000)
    assert speaks(world, "top") and not speaks(world, "one")
    assert world.talkers["one"].participant.cause == Revoked.PRE_EMPTED and world.found.wrong == []
    assert 0 < world.found.together_ms < RETURN_MS


def test_an_emergency_of_the_side_that_joins_takes_the_floor() -> None:
    world = province((1_000, 9_000))
    world.run(START_MS + 4_000)
    press(world, "top")
    press(world, "two")
    world.run(START_MS + 11_000)
    assert speaks(world, "two") and not speaks(world, "top") and world.found.wrong == []


def test_the_countys_own_talkgroup_keeps_its_arbiter_inside_and_the_province_has_its_own() -> None:
    world = province((1_000, 9_000), home="440106")
    press(world, "one")
    world.run(START_MS + 5_000)
    assert speaks(world, "one") and world.seats["440106"].arbiter is not None
    assert world.seats["44"].arbiter is not None
    world.run(START_MS + 11_000)
    assert world.seats["44"].arbiter is None and speaks(world, "one")
