"""A gateway at a floor: what it holds, for how long, and what it says to arbiters and to its own terminals."""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.codes import Tier
from fusioncmd.floor import codec
from fusioncmd.floor.bursts import Told
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame
from fusioncmd.floor.messages import Denied, FloorMessage, Indicator, Kind, Revoked
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.relay import Out, Relay
from fusioncmd.floor.timers import ASK_MS, HOLD_MS, SERVER, UNANSWERED_MS, WAIT_MS

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


def test_who_was_granted_the_floor_and_does_not_speak_is_told_again_a_few_times() -> None:
    """Somebody in the queue asks for nothing again: a Floor Granted that was lost would be lost for good."""
    relay, ask = asking()
    said = [(10, *one) for one in told(relay.answer(granted("44", ask), 10))]
    for ms in range(100, SERVER.t1_ms, 100):
        relay.hear(Beacon("44"), ms)
        for one in (out := relay.tick(ms)):
            if isinstance(one, Ask):
                relay.answer(granted("44", one), ms + 1)
        said += [(ms, *one) for one in told(out)]
    assert said == [(ms, Kind.GRANTED, None) for ms in (10, 1_100, 2_100, 3_100)]
    spoken = holding()
    assert (Kind.GRANTED, None) not in [one for ms in range(100, HOLD_MS, 100) for one in told(spoken.tick(ms))]


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


def test_a_terminal_that_speaks_without_the_floor_is_told_so_each_second_while_it_does() -> None:
    relay = holding()
    said = []
    for ms in range(100, 1_400, 100):
        if ms < 1_300:
            assert not relay.media("other", ms)
        said += [(ms, *one) for one in told(relay.tick(ms))]
    assert said == [(100, Kind.REVOKE, Revoked.NO_PERMISSION), (1_200, Kind.REVOKE, Revoked.NO_PERMISSION)]


def test_what_is_no_floor_message_changes_nothing_at_a_gateway() -> None:
    relay = holding()
    assert relay.answer(Answer("44", "g1", 101, 1, b"nonsense"), 20) == [] and relay.refused == 1
    assert relay.speaker(20) == "t"
