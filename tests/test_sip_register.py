"""Radios register with SIP of the gateway: who is believed, for how long, and what a flood does not do."""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.sip_events import Over, Registered
from gateways.radio.sip_registrar import Contact, Registrar
from tests.sip_phone import OFFER, REG, SECRET, Phone, agent, status, up, value


def test_a_radio_registers_by_either_algorithm_and_is_known_until_it_expires() -> None:
    for name, algorithm in (("radio-1", "SHA-256"), ("radio-old", "MD5")):
        phone = Phone(agent(), name)
        [answer] = phone.proven("REGISTER", algorithm=algorithm, fields=("Expires: 600",), **REG)
        assert status(answer) == 200 and value(answer, "Contact") == f"<sip:{name}@192.0.2.9:5060>;expires=600"
        assert phone.agent.events == [Registered(name, True)]
        assert phone.agent.registrar.contacts(name, 599.0) and not phone.agent.registrar.contacts(name, 600.0)


def test_a_wrong_secret_an_unknown_account_and_another_radios_name_register_nobody() -> None:
    phone = Phone(agent())
    assert [status(a) for a in phone.proven("REGISTER", secret="guessed", **REG)] == [401]
    stranger = Phone(agent(), "radio-9")
    challenge = stranger.say(stranger.request("REGISTER", **REG))[0]
    algorithm = challenge.split("algorithm=")[1].split("\r")[0]
    assert [status(a) for a in stranger.proven("REGISTER", algorithm=algorithm, **REG)] == [401]
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


def test_a_line_that_is_no_header_field_is_refused_and_not_passed_over_in_silence() -> None:
    phone = Phone(agent())
    damaged = phone.request("REGISTER", **REG).replace("Max-Forwards: 70", "Max-Forwards 70")
    assert [status(answer) for answer in phone.say(damaged)] == [400]


def test_what_has_ended_is_forgotten_some_at_a_time() -> None:
    registrar = Registrar()
    contact = Contact("sip:x@192.0.2.9", Phone(agent()).flow, "1", 1, 10.0, 0.0)
    registrar._held = {f"radio-{n}": {contact.uri: contact} for n in range(2_500)}
    registrar.tend(11.0)
    assert 1_000 < len(registrar) < 2_000
    registrar.tend(11.0)
    registrar.tend(11.0)
    assert len(registrar) == 0
