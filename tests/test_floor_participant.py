"""The floor participant: what a terminal says and shows, from the press of its button to the end of its burst."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.floor.codec import decode, encode
from fusioncmd.floor.messages import Denied, FloorMessage, Indicator, Kind, Revoked, Source
from fusioncmd.floor.participant import Participant, State
from fusioncmd.floor.timers import PARTICIPANT

GRANTED = FloorMessage(Kind.GRANTED, 9, duration_s=30)
TAKEN = FloorMessage(Kind.TAKEN, 9, granted_party="town", sequence=1)
IDLE = FloorMessage(Kind.IDLE, 9, sequence=2)
QUEUED = FloorMessage(Kind.QUEUE_POSITION_INFO, 9, position=2)
DENY = FloorMessage(Kind.DENY, 9, cause=Denied.TAKEN)
REVOKE = FloorMessage(Kind.REVOKE, 9, cause=Revoked.PRE_EMPTED)


def kinds(said: list[FloorMessage]) -> list[Kind]:
    assert all(decode(encode(message)) == message for message in said)
    return [message.kind for message in said]


def pressed() -> Participant:
    one = Participant("county", 7)
    (request,) = one.press(48, 0)
    assert (request.kind, request.priority, request.user) == (Kind.REQUEST, 48, "county")
    assert request.indicator == Indicator.NORMAL | Indicator.QUEUEING
    return one


def speaking() -> Participant:
    one = pressed()
    assert one.receive(GRANTED, 10) == [] and one.may_speak
    return one


def test_press_speak_release() -> None:
    one = speaking()
    assert kinds(one.lift(20)) == [Kind.RELEASE] and one.state is State.PENDING_RELEASE
    assert one.receive(IDLE, 30) == [] and one.state is State.NO_PERMISSION


def test_a_request_is_said_three_times_and_then_was_not_heard() -> None:
    one = pressed()
    said = [kinds(one.tick(ms)) for ms in range(0, 5_000, 100)]
    assert [s for s in said if s] == [[Kind.REQUEST]] * (PARTICIPANT.c101 - 1) + [[Kind.RELEASE]]
    assert one.state is State.NO_PERMISSION and one.unheard


def test_a_release_is_said_three_times() -> None:
    one = speaking()
    said = [kinds(one.lift(0))] + [kinds(one.tick(ms)) for ms in range(0, 5_000, 100)]
    assert [s for s in said if s] == [[Kind.RELEASE]] * PARTICIPANT.c100
    assert one.state is State.NO_PERMISSION


def test_who_waits_sees_the_place_and_can_ask_for_it() -> None:
    one = pressed()
    one.receive(QUEUED, 10)
    assert (one.state, one.position) == (State.QUEUED, 2)
    one.receive(FloorMessage(Kind.QUEUE_POSITION_INFO, 9, position=255), 15)
    assert (one.state, one.position) == (State.QUEUED, None)
    assert kinds(one.ask_position(20)) == [Kind.QUEUE_POSITION_REQUEST]
    assert kinds(one.tick(20 + PARTICIPANT.t104_ms)) == [Kind.QUEUE_POSITION_REQUEST]
    one.receive(GRANTED, 3_000)
    assert one.may_speak
    assert one.tick(60_000) == []


def test_who_lets_go_while_waiting_takes_the_request_back() -> None:
    one = pressed()
    one.receive(QUEUED, 10)
    assert kinds(one.lift(20)) == [Kind.RELEASE]
    assert kinds(one.receive(GRANTED, 30)) == [Kind.RELEASE] and not one.may_speak


def test_a_deny_and_a_revoke_say_why() -> None:
    one = pressed()
    one.receive(DENY, 10)
    assert (one.state, one.cause) == (State.NO_PERMISSION, Denied.TAKEN)
    other = speaking()
    assert kinds(other.receive(REVOKE, 20)) == [Kind.RELEASE]
    assert not other.may_speak and other.cause == Revoked.PRE_EMPTED


def test_a_listener_sees_who_speaks_until_nobody_is_heard() -> None:
    one = Participant("county", 7)
    one.receive(TAKEN, 0)
    assert one.hearing == "town"
    one.heard(3_000)
    one.tick(6_900)
    assert one.hearing == "town"
    one.tick(7_000)
    assert one.hearing is None


def test_pressed_again_in_an_emergency_it_asks_with_more_weight() -> None:
    one = speaking()
    assert one.press(48, 20) == []
    (request,) = one.press(176, 30, emergency=True)
    assert request.priority == 176 and request.indicator is not None and Indicator.EMERGENCY in request.indicator
    assert one.may_speak


def test_who_presses_again_at_once_is_not_left_out() -> None:
    one = speaking()
    one.lift(20)
    assert kinds(one.press(48, 21)) == [Kind.REQUEST] and one.state is State.PENDING_REQUEST


def test_what_wants_an_ack_gets_one() -> None:
    one = Participant("county", 7)
    (ack,) = one.receive(FloorMessage(Kind.TAKEN, 9, ack=True, granted_party="town"), 0)
    assert (ack.kind, ack.source, ack.acknowledged) == (Kind.ACK, Source.PARTICIPANT, Kind.TAKEN)


heard = st.sampled_from((GRANTED, TAKEN, IDLE, QUEUED, DENY, REVOKE))
acts = st.one_of(heard, st.sampled_from(("press", "lift")), st.integers(0, 2_000))


@given(st.lists(acts, max_size=40))
def test_nobody_speaks_without_pressing_and_everybody_comes_to_rest(done: list[FloorMessage | str | int]) -> None:
    one, now_ms, down = Participant("county", 7), 0, False
    for act in done:
        if act == "press":
            down = True
            kinds(one.press(48, now_ms))
        elif act == "lift":
            down = False
            kinds(one.lift(now_ms))
        elif isinstance(act, int):
            now_ms += act
            kinds(one.tick(now_ms))
        elif isinstance(act, FloorMessage):
            kinds(one.receive(act, now_ms))
        assert down or not one.may_speak
    one.lift(now_ms)
    for _ in range(100):
        now_ms += 100
        one.tick(now_ms)
    assert one.state is State.NO_PERMISSION
