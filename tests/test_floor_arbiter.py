"""The floor control server: grant, deny, queue, pre-empt, revoke, idle; and whatever happens, the floor is freed."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits
from fusioncmd.codes import Tier
from fusioncmd.floor.arbiter import Arbiter, Said, State
from fusioncmd.floor.codec import decode, encode
from fusioncmd.floor.messages import POSITION_NONE, Denied, Kind, Revoked
from fusioncmd.floor.priority import floor_priority
from fusioncmd.floor.queue import Asker
from fusioncmd.floor.timers import SERVER

VILLAGE = Asker("v", "village", 1, floor_priority(Tier.VILLAGE))
TOWN = Asker("t", "town", 2, floor_priority(Tier.TOWN))
PROVINCE = Asker("p", "province", 3, floor_priority(Tier.PROVINCE))
ALARM = Asker("a", "alarm", 4, floor_priority(Tier.VILLAGE, emergency=True))


def kinds(said: list[Said]) -> list[tuple[str | None, Kind]]:
    assert all(decode(encode(one.message)) == one.message for one in said)
    return [(one.to, one.message.kind) for one in said]


def taken(asker: Asker = VILLAGE) -> Arbiter:
    arbiter = Arbiter(9, 0)
    assert kinds(arbiter.request(asker, 0)) == [(asker.key, Kind.GRANTED), (None, Kind.TAKEN)]
    return arbiter


def test_a_free_floor_is_granted_and_the_others_are_told_who_speaks() -> None:
    arbiter = Arbiter(9, 0)
    granted, told = arbiter.request(VILLAGE, 0)
    assert (granted.message.duration_s, granted.message.granted_ssrc) == (SERVER.t2_ms // 1_000, 1)
    assert told.but == "v" and told.message.granted_party == "village" and told.message.permitted
    assert arbiter.state is State.TAKEN


def test_a_request_that_comes_twice_is_granted_twice_and_only_once_told() -> None:
    assert kinds(taken().request(VILLAGE, 10)) == [("v", Kind.GRANTED)]


def test_an_equal_waits_in_order_and_is_granted_when_the_floor_is_free() -> None:
    arbiter = taken()
    second, third = replace(VILLAGE, key="2"), replace(VILLAGE, key="3")
    assert arbiter.request(second, 1)[0].message.position == 1
    assert arbiter.request(third, 2)[0].message.position == 2
    assert arbiter.where("3").message.position == 2 and arbiter.where("x").message.position == POSITION_NONE
    assert kinds(arbiter.release("v", 3)) == [("2", Kind.GRANTED), (None, Kind.TAKEN)]
    assert arbiter.where("3").message.position == 1
    assert kinds(arbiter.release("3", 4)) == [("3", Kind.TAKEN)]  # it waits no more
    assert kinds(arbiter.release("2", 5)) == [(None, Kind.IDLE)]


def test_who_cannot_wait_is_denied_with_the_cause() -> None:
    (denied,) = taken().request(replace(VILLAGE, key="2", can_wait=False), 1)
    assert (denied.message.kind, denied.message.cause) == (Kind.DENY, Denied.TAKEN)


def test_a_higher_tier_takes_the_floor_once_it_is_released() -> None:
    arbiter = taken()
    said = arbiter.request(PROVINCE, 5)
    assert kinds(said) == [("p", Kind.QUEUE_POSITION_INFO), ("v", Kind.REVOKE)]
    assert said[1].message.cause == Revoked.PRE_EMPTED and arbiter.state is State.REVOKING
    assert kinds(arbiter.release("v", 20)) == [("p", Kind.GRANTED), (None, Kind.TAKEN)]


def test_an_emergency_of_a_village_goes_before_the_province_and_nobody_before_it() -> None:
    arbiter = taken(PROVINCE)
    assert ("p", Kind.REVOKE) in kinds(arbiter.request(ALARM, 1))
    arbiter.release("p", 2)
    assert arbiter.speaker == ALARM
    assert kinds(arbiter.request(PROVINCE, 3)) == [("p", Kind.QUEUE_POSITION_INFO)]


def test_who_does_not_release_when_revoked_is_told_again_and_loses_the_floor() -> None:
    arbiter = taken()
    arbiter.request(PROVINCE, 0)
    told = [kinds(arbiter.tick(ms)) for ms in range(0, SERVER.t3_ms, 100)]
    assert [said for said in told if said] == [[("v", Kind.REVOKE)]] * 2  # T8
    assert kinds(arbiter.tick(SERVER.t3_ms)) == [("p", Kind.GRANTED), (None, Kind.TAKEN)]


def test_talking_has_a_limit_and_then_a_pause() -> None:
    arbiter = taken()
    for ms in range(0, SERVER.t2_ms, 100):
        arbiter.media("v", ms)
        arbiter.tick(ms)
    (revoked,) = arbiter.tick(SERVER.t2_ms)
    assert (revoked.to, revoked.message.kind, revoked.message.cause) == ("v", Kind.REVOKE, Revoked.TOO_LONG)
    arbiter.release("v", SERVER.t2_ms + 10)
    (denied,) = arbiter.request(replace(VILLAGE, key="v2"), SERVER.t2_ms + 20)
    assert denied.message.cause == Denied.RETRY_AFTER
    again = replace(VILLAGE, key="v2", priority=floor_priority(Tier.VILLAGE, emergency=True))
    assert ("v2", Kind.GRANTED) in kinds(arbiter.request(again, SERVER.t2_ms + 30))  # but not an emergency


def test_who_falls_silent_loses_the_floor() -> None:
    arbiter = taken()
    arbiter.media("v", 500)
    assert arbiter.tick(500 + SERVER.t1_ms - 1) == []
    assert kinds(arbiter.tick(500 + SERVER.t1_ms)) == [(None, Kind.IDLE)]


def test_a_grant_is_said_again_until_voice_comes() -> None:
    arbiter = taken()
    assert kinds(arbiter.tick(SERVER.t20_ms)) == [("v", Kind.GRANTED)]
    arbiter.media("v", SERVER.t20_ms + 1)
    assert arbiter.tick(2 * SERVER.t20_ms) == []


def test_an_idle_floor_is_said_again_so_often_and_then_is_inactive() -> None:
    arbiter = taken()
    arbiter.release("v", 0)
    said = [kinds(arbiter.tick(ms)) for ms in range(0, 80_000, 1_000)]
    assert [one for one in said if one] == [[(None, Kind.IDLE)]] * SERVER.c7
    assert arbiter.inactive and not taken().inactive


def test_who_joins_late_is_told_who_speaks() -> None:
    late = taken().standing("late")
    assert (late.to, late.message.kind, late.message.granted_party) == ("late", Kind.TAKEN, "village")
    assert Arbiter(9, 0).standing("late").message.kind is Kind.IDLE


def test_a_queue_that_is_full_denies_whoever_comes_last_by_priority() -> None:
    arbiter = taken(PROVINCE)
    for n in range(limits.FLOOR_QUEUE_MAX):
        arbiter.request(replace(VILLAGE, key=f"w{n}"), 1)
    (denied,) = arbiter.request(replace(VILLAGE, key="more"), 2)
    assert (denied.to, denied.message.cause) == ("more", Denied.QUEUE_FULL)
    said = arbiter.request(ALARM, 3)
    assert said[0].to == f"w{limits.FLOOR_QUEUE_MAX - 1}" and said[0].message.cause == Denied.QUEUE_FULL
    assert ("p", Kind.REVOKE) in kinds(said)


def test_a_burst_that_another_arbiter_granted_goes_on_with_the_time_it_has_left() -> None:
    arbiter = Arbiter(9, 0)
    arbiter.withheld_ms = 5_000
    assert arbiter.request(TOWN, 0)[0].message.kind is Kind.QUEUE_POSITION_INFO  # nobody is granted yet
    granted, _ = arbiter.request(replace(VILLAGE, holding=True, talked_ms=20_000), 10)
    assert (granted.to, granted.message.duration_s) == ("v", 10)
    (revoked,) = arbiter.request(replace(VILLAGE, key="other", holding=True), 20)
    assert (revoked.to, revoked.message.kind, revoked.message.cause) == ("other", Kind.REVOKE, Revoked.PRE_EMPTED)
    assert arbiter.speaker is not None and arbiter.speaker.key == "v"


def test_who_waited_while_nothing_was_granted_goes_before_who_asks_when_it_may_be() -> None:
    arbiter = Arbiter(9, 0)
    arbiter.withheld_ms = 100
    arbiter.request(VILLAGE, 0)
    assert arbiter.request(replace(VILLAGE, key="2"), 100)[0].message.position == 2
    assert kinds(arbiter.tick(100)) == [("v", Kind.GRANTED), (None, Kind.TAKEN)]


def test_the_emergency_button_in_mid_burst_protects_the_burst() -> None:
    arbiter = taken()
    arbiter.request(replace(VILLAGE, priority=ALARM.priority), 1)
    assert kinds(arbiter.request(PROVINCE, 2)) == [("p", Kind.QUEUE_POSITION_INFO)]


PEOPLE = (VILLAGE, TOWN, PROVINCE, ALARM, replace(VILLAGE, key="w", user="w", can_wait=False))
steps = st.tuples(st.sampled_from(("ask", "hold", "release", "media")), st.sampled_from(PEOPLE), st.integers(0, 5_000))


@given(st.lists(steps, max_size=60))
def test_nobody_is_granted_the_floor_before_the_one_before_has_lost_it(done: list[tuple[str, Asker, int]]) -> None:
    arbiter, now_ms = Arbiter(9, 0), 0
    speaking: str | None = None
    lost_ms = 0  # when the speaker has lost the floor for certain: released, silent for T1, or revoked T3 ago

    def heard(said: list[Said]) -> None:
        nonlocal speaking, lost_ms
        kinds(said)
        for one in said:
            if one.message.kind is Kind.GRANTED and one.to != speaking:
                assert speaking is None or now_ms >= lost_ms, f"{one.to} while {speaking} may speak"
                speaking, lost_ms = one.to, now_ms + SERVER.t1_ms
            elif one.message.kind is Kind.IDLE and one.to is None and speaking is not None:
                assert now_ms >= lost_ms, f"idle while {speaking} may speak"
                speaking = None
            elif one.message.kind is Kind.REVOKE and one.to == speaking and arbiter.state is State.REVOKING:
                lost_ms = revoked.setdefault(one.to or "", now_ms) + SERVER.t3_ms

    revoked: dict[str, int] = {}
    for what, who, later_ms in done:
        for _ in range(0, later_ms, 100):
            now_ms += 100
            heard(arbiter.tick(now_ms))
        if what == "release":
            revoked.pop(who.key, None)
            if who.key == speaking:
                lost_ms = now_ms
            heard(arbiter.release(who.key, now_ms))
        elif what == "media":
            arbiter.media(who.key, now_ms)
        else:
            heard(arbiter.request(replace(who, holding=what == "hold"), now_ms))
        if what != "release" and who.key == speaking and arbiter.state is State.TAKEN and what != "ask":
            lost_ms = now_ms + SERVER.t1_ms
        if arbiter.speaker is None or arbiter.speaker.key != speaking:
            revoked.clear()
            speaking = None
        assert (arbiter.speaker is None) == (arbiter.state is State.IDLE)
        ranks = [asker.priority for asker in arbiter.queue.waiting()]
        assert ranks == sorted(ranks, reverse=True)
    for _ in range(0, (SERVER.t1_ms + SERVER.t3_ms) * (len(PEOPLE) + 1), 100):
        now_ms += 100
        heard(arbiter.tick(now_ms))
    assert arbiter.state is State.IDLE and not len(arbiter.queue)
