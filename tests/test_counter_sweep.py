"""Whoever has the bus and no session asks each question of the vocabulary at a real node, in each disguise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusioncmd import api, keys
from fusioncmd.accounts import sessions
from fusioncmd.accounts.sessions import Session
from fusioncmd.api import (
    alarms,
    cameras,
    departments,
    devices,
    escalation,
    experts,
    kept,
    places,
    radios,
    talkgroups,
    tracks,
    video,
    voice,
)
from fusioncmd.api.keys import Beat, Keys, Revoke
from fusioncmd.api.question import Question
from fusioncmd.client import Commander
from fusioncmd.errors import Forbidden, NoSession, Problem
from fusioncmd.experts.draw import Need
from fusioncmd.experts.expert import Expert
from fusioncmd.messages import Selector
from fusioncmd.places.place import Place
from tests.login_counter import PASSWORD, Counter, counter
from tests.test_desk import PEOPLE
from tests.test_ledger import ALERT
from tests.worlds import make_draft, make_id, make_order, sealed

CITY = Selector(("4401",))
OPEN = {
    "health",
    "login",
    "login_key",
    "login_token",
    "beat",
    "revoke",
    "enrol",
    "renew",
    "below",
    "answer-below",
    "missed",
    "missed-recording",
}
# One more is a decision.
QUESTIONS: tuple[Question[Any], ...] = (  # each would be answered to who may ask it
    api.Health(), api.Login("chen", "no"), api.LoginByKey((b"proof",)), api.LoginByToken("token"), Beat(b"x"),
    Revoke(b"x"), devices.Enrol(bytes(25), "ed25519", bytes(32), bytes(64)),
    devices.Renew(PEOPLE[0], bytes(8), 0, bytes(64)),
    api.WhoAmI(), api.Logout(), api.Orders(), api.Tally(ALERT.id), api.Who(ALERT.id, "silent"), api.Reports(ALERT.id),
    api.Picture(ALERT.id, ALERT.id),
    api.Ladder(ALERT.id), api.Course(ALERT.id), api.Roles(), api.AuditFind(), api.AuditProve(),
    api.AnswerFor(ALERT.id, PEOPLE[0], 0),
    api.Find(), api.Preview(CITY), api.Compose(make_draft(1, audience=CITY)), api.Audit(), api.Proposals(), Keys(),
    api.Issue(sealed(make_order(7, audience=CITY, node="4401"))), api.Withdraw(make_id(1)),
    api.Propose(sealed(make_order(8, audience=CITY, node="4401", status="actual"))),
    devices.MakeCodes(600, number=PEOPLE[0]), devices.Devices(number=PEOPLE[0]),
    devices.RevokeDevices(number=PEOPLE[0]), api.Accounts(), api.ChangeAccount(name="chen", disabled=False),
    api.AddAccount(name="mallory", roles=("administrator",), path="44", password=PASSWORD),
    escalation.Below((b"ticket",)), escalation.AnswerBelow(b"ticket", ALERT.id, PEOPLE[0], 0), radios.Radios(),
    radios.AddRadio("mallory", "0" * 64, "0" * 32), radios.RemoveRadio("radio-1"), radios.RingRadios("4401"),
    cameras.AddCamera("gate-1", url="rtsp://192.0.2.1/"), cameras.Cameras(), cameras.RemoveCamera("gate-1"),
    voice.SpeakOrder(ALERT.id, ("4401",)), voice.Bursts(0, 1), voice.Recording("1790000000-0000001-00000001"),
    voice.TalkPass(), talkgroups.MakeTalkgroup("flood"), talkgroups.Talkgroups(),
    talkgroups.EndTalkgroup("44", "flood"), talkgroups.Missed(b"ticket"),
    talkgroups.MissedRecording(b"ticket", "1790000000-0000001-00000001"),
    video.Video(), video.ShowSource("44.01.cam1"), video.HideSource(), video.BeginRoll(("4401",)),
    video.TurnRoll("skip"), video.Rolls(), video.RollReport("0" * 26),
    kept.Footage(0, 1), kept.FootageCut("4401", "c", 0, 1),
    kept.FootagePart("1790000000-0000001-00000001"), kept.PinFootage("4401", 0, 1), kept.KeepFootage(("4401",)),
    kept.FootageProof("1790000000-0000001-00000001"), kept.FetchFootage("4401", "c"), video.AskStill("4401.c"),
    tracks.Tracks(), tracks.PutTrack("kit-1", 23.1, 113.3),
    tracks.EndTrack("44.01.kit-1"), alarms.Alarms(), alarms.OneAlarm(make_id(1)), alarms.LookAtAlarm(make_id(1), True),
    alarms.AlarmStill(make_id(1)),
    alarms.DryPlaybooks(), experts.Experts(), experts.SetExpert("e1", "leave"), experts.Draws(),
    experts.PutExperts((Expert("e1", "Li", "", "440106", ("fire",)),)),
    experts.DrawExperts(make_id(1), (Need("fire", 1),)), experts.OneDraw(make_id(1)),
    experts.NoteDraw(make_id(1), "e1", "accepted"), places.PutPlaces((Place("p1", "Tank", "hazard", "440106"),)),
    places.Places(), places.NearPlaces((23.1, 113.3)), departments.Departments(),
    places.PlacesInSight(23.0, 113.0, 24.0, 114.0),
)  # fmt: skip


async def disguises(here: Counter) -> dict[str, bytes]:
    """Sessions that are none (any more)."""
    now_s = int(here.now_s)
    mine = (await here.login()).session
    own = Session(
        ident=b"12345678", by="account", name="chen", epoch=1, grants=(), roles=("administrator",), path="44",
        expires_s=now_s + 60,
    )  # fmt: skip
    key = keys.ensure_session_key(here.data)
    expired = sessions.mint(Session(**{f: getattr(own, f) for f in own.__struct_fields__} | {"expires_s": now_s}), key)
    left = await here.login()
    await left.ask(api.Logout())
    await here.add("li")
    shut = await here.login("li")
    await here.admin(api.ChangeAccount(name="li", disabled=True))
    return {
        "none": b"", "noise": b"\x00" * 64, "a bit changed": mine[:-1] + bytes([mine[-1] ^ 1]), "cut": mine[:-1],
        "made with another key": sessions.mint(own, bytes(32)), "expired": expired, "left": left.session,
        "of a disabled account": shut.session,
    }  # fmt: skip


async def test_without_a_session_every_question_is_refused_but_those_that_are_open(tmp_path: Path) -> None:
    assert {type(question) for question in QUESTIONS} == api.VERBS.keys()
    async with counter(tmp_path) as here:
        await here.add()
        accounts = len((await here.admin(api.Accounts())).accounts)
        for name, session in (await disguises(here)).items():
            for question in QUESTIONS:
                refused: Problem | None = None
                try:
                    await Commander(here.bus, session).ask(question, timeout_s=0.2)
                except Problem as problem:
                    refused = problem
                assert isinstance(refused, NoSession) is (api.VERBS[type(question)][0] not in OPEN), (name, question)
        assert len((await here.admin(api.Accounts())).accounts) == accounts + 1  # li, who was added by hand
        assert make_id(7) not in here.node.desk.ledger.book.orders


async def test_nobody_is_told_how_many_people_there_are_nor_what_is_wrong_with_whose_key(tmp_path: Path) -> None:
    async with counter(tmp_path) as here:
        told = await Commander(here.bus).ask(api.Health())
        assert (told.people, told.towns, told.orders, told.reachable) == (None, None, None, None)


async def test_who_commands_a_county_is_refused_what_is_the_provinces(tmp_path: Path) -> None:
    """With every role that an account can have."""
    roles = ("administrator", "auditor", "commander", "duty_officer")
    async with counter(tmp_path) as here:
        await here.add(path="440103", roles=roles)
        chen = await here.login()
        beyond: tuple[Question[Any], ...] = (
            api.Audit(), api.Preview(CITY), api.Compose(make_draft(1, audience=CITY)), api.Find("", "4401"),
            api.Tally(ALERT.id, "44"), api.Who(ALERT.id, "silent", "4402"),
            devices.MakeCodes(600, number=PEOPLE[-1]), devices.MakeCodes(600, after=PEOPLE[-2]),
            devices.Devices(number=PEOPLE[-1]), devices.RevokeDevices(number=PEOPLE[-1]),
            api.Issue(sealed(make_order(7))), api.AddAccount(name="li", roles=roles, path="4401", password=PASSWORD),
            api.ChangeAccount(name="chen", path="44"), video.ShowSource("44.01.cam1"), video.BeginRoll(("440103",)),
            video.HideSource(), video.TurnRoll("end"), video.Rolls(), video.Video("4402"),
            tracks.Tracks("4402"), tracks.PutTrack("kit-1", 23.1, 113.3, "4401"), tracks.EndTrack("44.01.kit-1"),
            places.PutPlaces((Place("p1", "Tank", "hazard", "440106"),)), places.NearPlaces((23.1, 113.3), node="4401"),
            places.PlacesInSight(23.0, 113.0, 24.0, 114.0, "4401"),
        )  # fmt: skip
        for question in beyond:
            refused: Problem | None = None
            try:
                await chen.ask(question, timeout_s=0.2)
            except Problem as problem:
                refused = problem
            assert isinstance(refused, Forbidden) and not isinstance(refused, NoSession), question
