"""Radios call: what is lost on the way, changed, taken back, and ended by nobody."""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.sip_events import Changed, Over
from gateways.radio.sip_transactions import Server
from tests.sip_phone import LOCAL, OFFER, REG, Phone, agent, called, status, up, value


def test_a_call_is_asked_for_taken_confirmed_and_ended_by_the_radio() -> None:
    phone = Phone(agent())
    invited = called(phone)
    assert (invited.account, invited.dialled, invited.offer.media.codec) == ("radio-1", "440106", "pcmu")
    phone.agent.callee.ring(invited.call, phone.now_s)
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    ringing, answer = phone.take()
    assert [status(ringing), status(answer)] == [180, 200] and "m=audio 20000 RTP/AVP 0 101" in answer
    phone.learn_tag(answer)
    phone.acknowledge()
    assert phone.pass_s(40.0) == []
    assert [status(a) for a in phone.say(phone.request("BYE", to_tag=phone.their_tag))] == [200]
    assert phone.agent.events == [Over(invited.call, 0)] and len(phone.agent.book) == 0


def test_a_200_is_said_again_until_it_is_confirmed_and_the_call_ends_if_it_never_is() -> None:
    phone = Phone(agent())
    invited = called(phone)
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    said = phone.take() + phone.pass_s(40.0)
    assert sum(a.startswith("SIP/2.0 200") for a in said) == 11  # 0.5, 1, 2, and 4 s apart, for 32 s (§13.3.1.4)
    assert phone.agent.events == [Over(invited.call, 408)] and any(a.startswith("BYE ") for a in said)


def test_the_same_request_again_gets_the_same_answer_and_asks_nothing_twice() -> None:
    phone = Phone(agent())
    challenge = phone.say(phone.request("INVITE", body=OFFER))[0]
    asked = phone.request("INVITE", body=OFFER, fields=(phone.claim(challenge, "INVITE", "sip:440106@192.0.2.1"),))
    assert [status(a) for a in phone.say(asked)] == [100] and [status(a) for a in phone.say(asked)] == [100]
    assert len(phone.agent.events) == 1
    assert [status(a) for a in phone.proven("INVITE", body=OFFER)] == [482]  # by another way (§8.2.2.2)
    assert len(phone.agent.book) == 1


def test_a_call_is_taken_back_before_anybody_took_it() -> None:
    phone = Phone(agent())
    challenge = phone.say(phone.request("INVITE", body=OFFER))[0]
    claim = phone.claim(challenge, "INVITE", "sip:440106@192.0.2.1")
    phone.say(phone.request("INVITE", body=OFFER, fields=(claim,), branch="z9hG4bKmine"))
    [invited] = phone.agent.events
    phone.agent.events.clear()
    answers = phone.say(phone.request("CANCEL", number=phone._number, branch="z9hG4bKmine"))
    assert [status(a) for a in answers] == [200, 487] and phone.agent.events == [Over(invited.call, 487)]
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    assert phone.take() == []  # too late
    assert [status(a) for a in phone.say(phone.request("CANCEL", branch="z9hG4bKelse"))] == [481]


def test_a_call_that_nobody_takes_is_given_up() -> None:
    phone = Phone(agent())
    invited = called(phone)
    said = phone.pass_s(bounds.RINGING_S_MAX + 2.0)
    assert status(said[0]) == 408 and phone.agent.events == [Over(invited.call, 408)]


def test_hold_is_answered_and_keeps_the_call() -> None:
    phone = Phone(agent())
    invited = up(phone)
    held = phone.say(phone.request("INVITE", body=OFFER + "a=sendonly\r\n", to_tag=phone.their_tag))
    assert [status(a) for a in held] == [100]
    changed = phone.agent.events.pop()
    assert isinstance(changed, Changed) and changed.call == invited.call
    assert (changed.offer.media.send, changed.offer.media.receive) == (True, False)
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    [answer] = phone.take()
    assert "a=recvonly" in answer
    phone.acknowledge()
    assert phone.pass_s(40.0) == [] and len(phone.agent.book) == 1


def test_a_change_that_cannot_be_is_refused_and_the_call_goes_on() -> None:
    phone = Phone(agent())
    up(phone)
    g729 = OFFER.replace("0 8 101", "18")
    assert [status(a) for a in phone.say(phone.request("INVITE", body=g729, to_tag=phone.their_tag))] == [488]
    assert len(phone.agent.book) == 1 and phone.agent.events == []
    old = phone.request("BYE", number=1, to_tag=phone.their_tag)
    assert [status(a) for a in phone.say(old)] == [500] and len(phone.agent.book) == 1


def test_a_session_is_refreshed_and_ends_when_the_radio_is_gone() -> None:
    phone = Phone(agent())
    invited = up(phone)
    said = phone.pass_s(bounds.SESSION_S / 2 + 2, 1.0)
    assert said and said[0].startswith("INVITE sip:radio-1@192.0.2.9:5060 ") and "refresher=uac" in said[0]
    said = phone.pass_s(40.0, 1.0)  # nobody answers
    assert any(a.startswith("BYE ") for a in said) and phone.agent.events == [Over(invited.call, 408)]


def test_a_radio_that_refreshes_by_itself_is_asked_to_and_missed() -> None:
    phone = Phone(agent())
    answers = phone.proven("INVITE", body=OFFER, fields=("Supported: timer", "Session-Expires: 90;refresher=uac"))
    assert [status(a) for a in answers] == [100]
    [invited] = phone.agent.events
    phone.agent.events.clear()
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    [answer] = phone.take()
    assert value(answer, "Session-Expires") == "90;refresher=uac" and value(answer, "Require") == "timer"
    phone.learn_tag(answer)
    phone.acknowledge()
    said = phone.pass_s(95.0, 1.0)
    assert said[0].startswith("BYE ") and phone.agent.events == [Over(invited.call, 0)]


def test_an_interval_that_is_too_short_is_refused() -> None:
    phone = Phone(agent())
    [answer] = phone.proven("INVITE", body=OFFER, fields=("Supported: timer", "Session-Expires: 30"))
    assert status(answer) == 422 and value(answer, "Min-SE") == "90"


def test_an_update_changes_a_call_or_only_keeps_it_up() -> None:
    phone = Phone(agent())
    invited = up(phone)
    [kept] = phone.say(phone.request("UPDATE", to_tag=phone.their_tag))
    assert status(kept) == 200 and phone.agent.events == []
    assert phone.say(phone.request("UPDATE", body=OFFER + "a=inactive\r\n", to_tag=phone.their_tag)) == []
    changed = phone.agent.events.pop()
    assert isinstance(changed, Changed) and not changed.offer.media.receive
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    [answer] = phone.take()
    assert status(answer) == 200 and "a=inactive" in answer and phone.pass_s(40.0) == []
    assert len(phone.agent.book) == 1


def test_calls_have_room_while_registrations_storm() -> None:
    phone = Phone(agent())
    for n in range(bounds.TRANSACTIONS_MAX * 3 // 4):
        phone.agent.transactions._servers[str(n),] = Server()
    assert [status(a) for a in phone.proven("REGISTER", **REG)] == [503]
    assert [status(a) for a in phone.proven("INVITE", body=OFFER)] == [100]
