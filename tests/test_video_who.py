"""Who may bring a browser into a talkgroup, and what an offer that is refused is told."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from fusioncmd import devices, envelope, passes, tickets
from fusioncmd.api.talkgroups import Missed, MissedReply
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import Stored
from fusioncmd.codes import Path, parse
from fusioncmd.devices import Loss
from fusioncmd.errors import BadTicket, Forbidden, NotFound
from fusioncmd.passes import Pass
from fusioncmd.subjects import lost as lost_subject
from fusioncmd.tickets import ExpiredTicket, Ticket
from gateways.radio.calls import Caller
from gateways.responder.lost import LostDevices
from gateways.video import bounds
from gateways.video.calling import Calling
from gateways.video.forwarding import Forwarding
from gateways.video.http import make_app
from gateways.video.missed import MissedDesk
from gateways.video.talking import Browser, Talking
from gateways.video.who import Doorman, check_branch

KEY, NOW_S = bytes(32), 1_790_000_000
LATER_S = NOW_S + 600
DEVICE = b"12345678"


def doorman(lost: LostDevices | None = None) -> Doorman:
    return Doorman(KEY, parse("440106"), lost or LostDevices(KEY), lambda path: f"place {path.code}")


def shown(village: str = "440106001001", expires_s: int = LATER_S, key: bytes = KEY) -> str:
    return f"Bearer {tickets.to_text(tickets.mint(Ticket(7, village, (), expires_s, DEVICE), key))}"


def passed(expires_s: int = LATER_S, key: bytes = KEY) -> str:
    return f"bearer {tickets.to_text(passes.mint(Pass('chen', '44', expires_s, LATER_S), key))}"


def test_a_ticket_speaks_for_a_responder_and_a_pass_for_a_commander() -> None:
    responder, commander = doorman().admit(shown(), NOW_S), doorman().admit(passed(), NOW_S)
    assert responder.caller == Caller(7, "place 440106001001 7", "440106001001", "place 440106001001 7")
    assert (responder.device, responder.until_s) == (DEVICE, LATER_S)
    assert commander.caller == Caller(None, "chen", "44", "chen") and commander.device == b""


@pytest.mark.parametrize(
    "said",
    ["", "Bearer ", "Basic eA", "Bearer !", f"Bearer {'A' * bounds.BEARER_CHARS_MAX}A", shown(key=bytes(31) + b"x"),
     passed(key=bytes(31) + b"x"), shown(expires_s=NOW_S), passed(expires_s=NOW_S)],
)  # fmt: skip
def test_what_proves_nothing_lets_nobody_in(said: str) -> None:
    with pytest.raises(BadTicket):
        doorman().admit(said, NOW_S)


def test_an_expired_pass_is_told_to_be_that_and_a_ticket_of_elsewhere_or_of_a_lost_device_is_refused() -> None:
    with pytest.raises(ExpiredTicket):
        doorman().admit(passed(expires_s=NOW_S), NOW_S)
    with pytest.raises(Forbidden):
        doorman().admit(shown("440105001001"), NOW_S)
    lost = LostDevices(KEY)
    loss = Loss(DEVICE, 7, NOW_S * 1_000)
    lost.take(Stored(lost_subject(DEVICE), devices.pack(loss, KEY), 1), NOW_S)
    with pytest.raises(BadTicket):
        doorman(lost).admit(shown(), NOW_S)


def test_a_talkgroup_is_of_the_own_branch_and_of_a_place_that_there_is() -> None:
    town = Caller(7, "x", "440106001", "x")
    for meant in ("44", "440106", "440106001001"):
        check_branch(town, parse(meant), lambda path: True)
    with pytest.raises(Forbidden):
        check_branch(town, parse("440106002"), lambda path: True)
    with pytest.raises(NotFound):
        check_branch(town, parse("440106"), lambda path: False)


@contextlib.asynccontextmanager
async def idle() -> AsyncIterator[None]:
    yield


async def test_an_offer_that_is_refused_is_told_why_in_both_languages_and_a_page_elsewhere_may_read_it() -> None:
    talking = Talking(MemoryBus(), "44-video", Path("44"), lambda: NOW_S, lambda path: True)
    forwarding = Forwarding(MemoryBus(), "44-video", Path("44"), lambda: NOW_S)
    calling = Calling(MemoryBus(), Path("44"), lambda: NOW_S)
    everybody = Doorman(KEY, parse("44"), LostDevices(KEY), lambda path: path.code)
    sdp = {"content-type": "application/sdp", "origin": "http://elsewhere"}
    good = {**sdp, "authorization": passed(1 << 40)}
    cases: list[tuple[dict[str, str], bytes, str, int]] = [
        (sdp, b"v=0", "440106", 401),
        ({**good, "content-type": "text/plain"}, b"v=0", "440106", 400),
        (good, b"\xff", "440106", 400),
        (good, b"v=0", "440106", 400),
        (good, b"v=0", "9999", 400),
        (good, b"v" * (bounds.OFFER_BYTES_MAX + 1), "440106", 413),
    ]
    app = make_app(talking, forwarding, calling, MissedDesk(MemoryBus()), everybody, idle)
    async with AsyncTestClient(app) as page:
        for headers, offer, where, status in cases:
            answer = await page.post(f"/talk/{where}", content=offer, headers=headers)
            told: dict[str, Any] = answer.json()
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*"), (where, told)
            assert told["en"] and told["zh"]
        guest = everybody.admit(good["authorization"], NOW_S)
        here = talking.browsers["11"] = Browser("11", replace(guest, until_s=NOW_S + 1), "44", None, 0)  # type: ignore[arg-type]
        theirs = {"authorization": shown(expires_s=1 << 40)}
        for headers, status, until_s in ((theirs, 404, NOW_S + 1), (good, 204, LATER_S), (theirs, 404, LATER_S)):
            assert (await page.post("/session/11", headers=headers)).status_code == status
            assert here.guest.until_s == until_s
        del talking.browsers["11"]
        gone = await page.delete("/session/00", headers=good)
        assert gone.status_code == 404
        assert (await page.get("/health")).json().items() >= {"browsers": 0, "refused": 0, "viewers": 0}.items()
    assert talking.browsers == {}


async def test_what_was_missed_is_asked_for_who_shows_a_ticket_and_for_nobody_else() -> None:
    bus, asked = MemoryBus(), list[Missed]()
    everybody = Doorman(KEY, parse("44"), LostDevices(KEY), lambda path: path.code)

    async def answer(data: bytes) -> bytes:
        question = envelope.decode_question(Missed, data)[0]
        asked.append(question)
        return envelope.encode_reply(MissedReply(("4401.flood",), ()))

    await bus.serve("fc.api.missed", answer)
    desk, ticket = MissedDesk(bus), shown(expires_s=1 << 40)
    async with AsyncTestClient(make_app(None, None, None, desk, everybody, idle)) as page:  # type: ignore[arg-type]
        told = await page.get("/missed?where=4401&since_ms=7", headers={"authorization": ticket})
        assert told.json() == {"groups": ["4401.flood"], "bursts": []} and asked[0].since_ms == 7
        assert tickets.to_text(asked[0].ticket) == ticket.partition(" ")[2]
        assert (await page.get("/missed", headers={"authorization": passed(1 << 40)})).status_code == 403
        assert (await page.get("/missed")).status_code == 401
        desk._free = 0
        assert (await page.get("/missed", headers={"authorization": ticket})).status_code == 503
    assert len(asked) == 1
