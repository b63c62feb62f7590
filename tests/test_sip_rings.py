"""The gateway calls a radio: it answers, does not, or is busy."""

from __future__ import annotations

from gateways.radio.sip_events import Answered, Over, Ringing
from gateways.radio.sip_syntax import quoted
from tests.sip_phone import LOCAL, OFFER, REG, Phone, agent


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
