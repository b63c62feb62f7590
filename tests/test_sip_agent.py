"""SIP of the gateway without a network: registrations, calls, what is lost on the way, and who is not believed."""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.calls import LocalMedia
from gateways.radio.sip_events import Answered, Changed, Invited, Over, Registered, Ringing
from gateways.radio.sip_syntax import quoted
from tests.sip_phone import OFFER, SECRET, Phone, agent, status, value

LOCAL = LocalMedia("192.0.2.1", 20_000, None, None)
REG = {"uri": "sip:192.0.2.1"}


def called(phone: Phone) -> Invited:
    """A call of a radio that proved itself, not answered yet."""
    answers = phone.proven("INVITE", body=OFFER)
    assert [status(answer) for answer in answers] == [100]
    invited = phone.agent.events.pop()
    assert isinstance(invited, Invited)
    return invited


def up(phone: Phone) -> Invited:
    invited = called(phone)
    phone.agent.callee.accept(invited.call, LOCAL, phone.now_s)
    [answer] = phone.take()
    assert status(answer) == 200
    phone.learn_tag(answer)
    assert phone.acknowledge() == []
    return invited


def test_a_radio_registers_by_either_algorithm_and_is_known_until_it_expires() -> None:
    for algorithm in ("SHA-256", "MD5"):
        phone = Phone(agent())
        [answer] = phone.proven("REGISTER", algorithm=algorithm, fields=("Expires: 600",), **REG)
        assert status(answer) == 200 and value(answer, "Contact") == "<sip:radio-1@192.0.2.9:5060>;expires=600"
        assert phone.agent.events == [Registered("radio-1", True)]
        assert phone.agent.registrar.contacts("radio-1", 599.0) and not phone.agent.registrar.contacts("radio-1", 600.0)


def test_a_wrong_secret_an_unknown_account_and_another_radios_name_register_nobody() -> None:
    phone = Phone(agent())
    assert [status(a) for a in phone.proven("REGISTER", secret="guessed", **REG)] == [401]
    stranger = Phone(agent(), "radio-9")
    assert [status(a) for a in stranger.proven("REGISTER", **REG)] == [401]
    assert phone.agent.failures == {"192.0.2.9": 1} and len(phone.agent.registrar) == 0
    other = Phone(phone.agent)
    challenge = other.say(other.request("REGISTER", **REG))[0]
    claim = other.claim(challenge, "REGISTER", "sip:192.0.2.1")
    asked = other.request("REGISTER", "sip:192.0.2.1", fields=(claim,)).replace("To: <sip:radio-1", "To: <sip:radio-2")
    assert status(other.say(asked)[0]) == 403


def test_what_was_overheard_registers_nobody_else() -> None:
    phone = Phone(agent())
    challenge = phone.say(phone.request("REGISTER", **REG))[0]
    claim = phone.claim(challenge, "REGISTER", "sip:192.0.2.1")
    assert status(phone.say(phone.request("REGISTER", fields=(claim,), **REG))[0]) == 200
    thief = phone.request("REGISTER", fields=(claim,), **REG).replace("<sip:radio-1@192.0.2.9", "<sip:x@198.51.100.1")
    [again] = phone.say(thief)
    assert status(again) == 401 and "stale=true" in again
    assert [c.uri for c in phone.agent.registrar.contacts("radio-1", 1.0)] == ["sip:radio-1@192.0.2.9:5060"]


def test_a_nonce_is_for_one_address_and_for_a_while() -> None:
    phone = Phone(agent())
    challenge = phone.say(phone.request("REGISTER", **REG))[0]
    elsewhere = Phone(phone.agent, host="198.51.100.1")
    claim = elsewhere.claim(challenge, "REGISTER", "sip:192.0.2.1")
    assert "stale=true" in elsewhere.say(elsewhere.request("REGISTER", fields=(claim,), **REG))[0]
    phone.now_s = bounds.NONCE_S_MAX + 1.0
    assert "stale=true" in phone.say(phone.request("REGISTER", fields=(claim,), **REG))[0]
    assert len(phone.agent.registrar) == 0


def test_too_short_is_refused_and_gone_is_gone() -> None:
    phone = Phone(agent())
    [answer] = phone.proven("REGISTER", fields=("Expires: 10",), **REG)
    assert status(answer) == 423 and value(answer, "Min-Expires") == "60"
    phone.proven("REGISTER", **REG)
    phone.agent.events.clear()
    [answer] = phone.proven("REGISTER", fields=("Expires: 0",), **REG)
    assert status(answer) == 200 and value(answer, "Contact") == ""
    assert phone.agent.events == [Registered("radio-1", False)]


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
    merged = asked.replace("branch=z9hG4bK", "branch=z9hG4bKother")
    assert status(phone.say(merged)[0]) in (401, 482)  # by another way; its nonce was used


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


def answer_to(request: str, code: str, body: str = "", tag: str = "theirs") -> str:
    kept = [line for line in request.split("\r\n") if line.split(":")[0] in ("Via", "From", "Call-ID", "CSeq")]
    to = next(line for line in request.split("\r\n") if line.startswith("To:"))
    lines = [f"SIP/2.0 {code}", *kept, to if "tag=" in to else f"{to};tag={tag}", "Contact: <sip:radio-1@192.0.2.9>"]
    typed = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *typed, f"Content-Length: {len(body)}", "", body])


def rung(phone: Phone) -> tuple[str, str]:
    phone.proven("REGISTER", **REG)
    phone.agent.events.clear()
    [contact] = phone.agent.registrar.contacts("radio-1", phone.now_s)
    caller = (quoted("广东省"), "sip:44@192.0.2.1")
    call = phone.agent.caller.invite("radio-1", contact, caller, [("Answer-Mode", "Auto")], phone.now_s)
    [invite] = phone.take()
    assert (
        invite.startswith("INVITE sip:radio-1@192.0.2.9:5060 ") and 'From: "广东省" <sip:44@192.0.2.1>;tag=' in invite
    )
    return call, invite


def test_the_gateway_calls_a_radio_which_answers() -> None:
    phone = Phone(agent())
    call, invite = rung(phone)
    phone.say(answer_to(invite, "180 Ringing"))
    phone.say(answer_to(invite, "200 OK", OFFER))
    ringing, answered = phone.agent.events
    assert ringing == Ringing(call) and isinstance(answered, Answered) and answered.call == call
    phone.agent.callee.accept(call, LOCAL, phone.now_s)
    [ack] = phone.take()
    assert ack.startswith("ACK sip:radio-1@192.0.2.9 ") and "m=audio 20000 RTP/AVP 0 101" in ack
    assert phone.say(answer_to(invite, "200 OK", OFFER)) == [ack]  # it was lost on the way
    phone.agent.book.hang_up(call, phone.now_s)
    [bye] = phone.take()
    assert bye.startswith("BYE ") and bye.split("CSeq: ")[1].startswith("2 BYE")
    phone.say(answer_to(bye, "200 OK"))
    assert phone.pass_s(40.0) == [] and len(phone.agent.transactions) == 0


def test_a_radio_that_does_not_answer_hears_six_invites_and_a_refusal_is_confirmed() -> None:
    phone = Phone(agent())
    call, _ = rung(phone)
    said = phone.pass_s(40.0)
    assert sum(a.startswith("INVITE") for a in said) == 6 and Over(call, 408) in phone.agent.events
    phone.agent.events.clear()
    call, invite = rung(phone)
    [ack] = phone.say(answer_to(invite, "486 Busy Here"))
    assert ack.startswith("ACK ") and ";tag=theirs" in ack and phone.agent.events == [Over(call, 486)]


def test_a_call_of_ours_is_taken_back_while_it_rings() -> None:
    phone = Phone(agent())
    call, invite = rung(phone)
    phone.say(answer_to(invite, "180 Ringing"))
    phone.agent.book.hang_up(call, phone.now_s)
    [cancel] = phone.take()
    assert cancel.startswith("CANCEL ") and cancel.split("branch=")[1].split("\r")[0] in invite
    phone.say(answer_to(cancel, "200 OK"))
    [ack] = phone.say(answer_to(invite, "487 Request Terminated"))
    assert ack.startswith("ACK ") and len(phone.agent.book) == 0


def test_a_flood_is_shed_and_disturbs_neither_a_call_nor_who_proves_themselves() -> None:
    phone = Phone(agent())
    up(phone)
    flood = Phone(phone.agent, "nobody", host="203.0.113.5")
    answers = [len(flood.say(flood.request("INVITE", body=OFFER))) for _ in range(3_000)]
    assert sum(answers) == bounds.STRANGER_BURST and phone.agent.strangers.shed == 3_000 - bounds.STRANGER_BURST
    assert len(phone.agent.transactions) <= 2 and len(phone.agent.book) == 1
    other = Phone(phone.agent, "radio-2", host="192.0.2.77")
    assert [status(a) for a in other.proven("REGISTER", **REG)] == [200]
    assert [status(a) for a in phone.say(phone.request("BYE", to_tag=phone.their_tag))] == [200]


def test_guesses_are_answered_for_a_while_and_then_not() -> None:
    guesser = Phone(agent())
    heard = 0
    for _ in range(bounds.FAILURES_BURST + bounds.STRANGER_BURST):
        answers = guesser.say(guesser.request("REGISTER", **REG))
        if answers:
            claim = guesser.claim(answers[0], "REGISTER", "sip:192.0.2.1", SECRET + "?")
            heard += len(guesser.say(guesser.request("REGISTER", fields=(claim,), **REG)))
    assert bounds.FAILURES_BURST <= heard <= bounds.STRANGER_BURST
    assert guesser.agent.failures["192.0.2.9"] == heard


def test_an_account_that_is_removed_is_not_called_and_its_calls_end() -> None:
    phone = Phone(agent())
    phone.proven("REGISTER", **REG)
    invited = up(phone)
    phone.agent.events.clear()
    phone.agent.forget("radio-1", phone.now_s)
    assert phone.take()[0].startswith("BYE ") and phone.agent.events == [Over(invited.call, 0)]
    assert phone.agent.registrar.contacts("radio-1", phone.now_s) == []


def test_a_connection_that_is_gone_takes_its_registrations_and_calls_along() -> None:
    phone = Phone(agent(), transport="tcp")
    phone.proven("REGISTER", **REG)
    invited = up(phone)
    phone.agent.events.clear()
    phone.agent.lost(phone.flow, phone.now_s)
    assert phone.agent.events == [Over(invited.call, 0)] and len(phone.agent.registrar) == 0
