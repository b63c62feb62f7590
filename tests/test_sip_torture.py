"""The torture test messages of RFC 4475, given to the gateway as they are: what it takes, refuses, and lets go by."""

from __future__ import annotations

import json

import pytest

from gateways.radio.sip_checks import Refused, read, read_response, unsupported
from gateways.radio.sip_message import Request, Response, parse
from gateways.radio.sip_syntax import BadSyntax
from tests.sip_phone import Phone, agent, status, value
from tests.test_tidy import ROOT

MESSAGES: dict[str, str] = json.loads((ROOT / "loadtest" / "rfc4475.json").read_text("utf-8"))["messages"]
TAKEN = 0  # nothing is wrong with it, as far as can be said before anybody has proven who they are
DROPPED = -1
# §3.1.1 valid; §3.1.2 invalid; §3.2 to §3.4: what an element that is asked says.
WANTED = {
    "wsinv": TAKEN, "intmeth": 501, "esc01": TAKEN, "escnull": TAKEN, "esc02": 501, "lwsdisp": TAKEN,
    "longreq": TAKEN, "dblreq": TAKEN, "semiuri": TAKEN, "transports": TAKEN, "mpart01": 405, "unreason": TAKEN,
    "noreason": TAKEN,
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": DROPPED, "quotbal": 400, "ltgtruri": 400,
    "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": TAKEN, "regbadct": 400, "badaspec": 400,
    "baddn": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 400, "bigcode": DROPPED,
    "badbranch": TAKEN, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 416, "bext01": 420, "invut": 415,
    "regaut01": TAKEN, "multi01": 400, "mcl01": 400, "bcast": DROPPED, "zeromf": TAKEN, "cparam01": TAKEN,
    "cparam02": TAKEN, "regescrt": TAKEN, "sdp01": 406, "inv2543": TAKEN,
}  # fmt: skip


def verdict(data: bytes) -> int:
    try:
        message = parse(data)
        if isinstance(message, Response):
            read_response(message)
            return TAKEN
        unsupported(read(message))
    except BadSyntax:
        return DROPPED
    except Refused as refused:
        return refused.status
    return TAKEN


def test_every_message_of_the_rfc_is_here() -> None:
    assert set(MESSAGES) == set(WANTED) and len(WANTED) == 49


@pytest.mark.parametrize("name", WANTED)
def test_a_message_of_the_rfc_gets_its_verdict(name: str) -> None:
    assert verdict(MESSAGES[name].encode("latin-1")) == WANTED[name]


@pytest.mark.parametrize("name", WANTED)
def test_an_agent_survives_it_and_refuses_what_is_wrong(name: str) -> None:
    phone = Phone(agent())
    answers = [status(answer) for answer in phone.say(MESSAGES[name].encode("latin-1"))]
    message = MESSAGES[name]
    if WANTED[name] == DROPPED or message.startswith("SIP/2.0"):
        assert answers == []
    elif WANTED[name] in (400, 501, 505) or (WANTED[name] == 416 and not message.startswith("REGISTER")):
        assert answers == [WANTED[name]]  # who asks does not matter
    elif message.split(" ")[0] in ("INVITE", "REGISTER"):
        assert answers == [481 if name == "wsinv" else 401]  # its To has a tag, and there is no such call
    else:
        assert answers in ([200], [481], [405], [420], [406])


def test_folded_and_spaced_fields_mean_what_they_say() -> None:
    message = parse(MESSAGES["wsinv"].encode("latin-1"))
    assert isinstance(message, Request)
    asked = read(message)
    assert (asked.number, asked.method, asked.target.tag) == (9, "INVITE", "1918181833n")
    assert asked.sender.name == 'J Rosenberg \\"' and asked.sender.tag == "98asjd8"
    assert message.all("via")[0].endswith("branch=390skdjuw") and message.count("subject") == 1


def test_what_is_not_supported_is_named() -> None:
    [answer] = Phone(agent()).say(MESSAGES["bext01"].encode())
    assert status(answer) == 420 and value(answer, "Unsupported") == "nothingSupportsThis, nothingSupportsThisEither"


def test_a_second_request_behind_the_first_is_no_part_of_it() -> None:
    message = parse(MESSAGES["dblreq"].encode("latin-1"))
    assert isinstance(message, Request) and (message.method, message.body) == ("REGISTER", b"")
