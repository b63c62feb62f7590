"""SMS by a real SMPP session over TCP with a carrier that another library judges."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd.errors import BadMessage
from fusioncmd.ladder.config import Sms
from fusioncmd.ladder.replies import plain_number, read_reply, tag_of
from fusioncmd.ladder.wire import Notice
from gateways.channels import smpp, sms_pdu
from gateways.channels.errand import Errand
from gateways.channels.smpp import SmppSender
from gateways.channels.sms_text import PART_BYTES, PARTS_MAX, parts, words
from tests.smsc import Smsc
from tests.worlds import make_id

LONG = "台风红色预警，请立即组织低洼地带群众转移到镇中学安置点，并逐户清点人数，完成后答复。😀" * 4


def notice(text: str = "到岗", answers: tuple[str, ...] = ("在岗", "求援"), status: Any = "actual") -> Notice:
    return Notice(b"w" * 16, b"", make_id(), 1, status, text, answers, 3_725)


def errand(number: int = 7, phone: str = "13800000007", **changes: Any) -> Errand:
    return Errand(notice(**changes), number, phone, 1e9)


@contextlib.asynccontextmanager
async def session(smsc: Smsc, password: str = "right") -> AsyncIterator[tuple[SmppSender, list[Any], list[Any]]]:
    delivered: list[Any] = []
    replies: list[Any] = []

    async def replied(phone: str, text: str) -> bool:
        replies.append((phone, text))
        return text != "later"

    settings = Sms("127.0.0.1", smsc.port, "fusion", "106900", password_env="X")
    sender = SmppSender(settings, password, lambda *one: delivered.append(one), replied)
    running = asyncio.create_task(sender.run())
    try:
        yield sender, delivered, replies
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(wanted: Any, wait_s: float = 5.0) -> None:
    async with asyncio.timeout(wait_s):
        while not wanted():
            await asyncio.sleep(0.01)


async def test_a_long_text_arrives_whole_and_is_told_as_delivered_once_all_its_parts_are() -> None:
    async with Smsc() as smsc, session(smsc) as (sender, delivered, _):
        await until(lambda: sender.ready)
        assert (await sender.send(errand(text=LONG))).fate == "accepted"
        await until(lambda: delivered)
        assert smsc.texts == {"13800000007": [words(notice(LONG))]} and smsc.submissions > 2
        assert delivered == [(make_id(), 1, 7)]
        assert smsc.validities == {"000000010205000R"}  # an hour, two minutes, five seconds
        assert (await sender.send(errand(phone="+8613800000008"))).fate == "accepted"
        assert list(smsc.texts)[1] == "8613800000008"


async def test_a_throttled_message_may_be_tried_again_and_a_refused_one_has_failed() -> None:
    async with Smsc(status_of=lambda n: {1: 0x58, 2: 0x14, 3: 0x0B}.get(n, 0)) as smsc, session(smsc) as (sender, _, _):
        await until(lambda: sender.ready)
        fates = [(await sender.send(errand())).fate for _ in range(4)]
        assert fates == ["later", "later", "failed", "accepted"]


async def test_a_reply_is_acknowledged_when_it_was_taken_and_else_the_carrier_keeps_it() -> None:
    async with Smsc() as smsc, session(smsc) as (sender, _, replies):
        await until(lambda: sender.ready)
        assert await smsc.write_back("13800000007", "１ 到岗") == sms_pdu.OK
        assert await smsc.write_back("13800000007", "later") == sms_pdu.TEMPORARY
        assert replies == [("13800000007", "１ 到岗"), ("13800000007", "later")]


async def test_a_session_that_is_lost_is_taken_up_and_what_was_on_its_way_is_unsure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smpp, "RECONNECT_S_MIN", 0.05)
    monkeypatch.setattr(smpp, "ENQUIRE_EVERY_S", 0.05)
    async with Smsc() as smsc, session(smsc) as (sender, _, _):
        await until(lambda: sender.ready and smsc.enquiries > 1)
        smsc.status_of = lambda _: smsc.cut() or 0
        assert (await sender.send(errand())).fate in ("unsure", "accepted")  # the response may have come through
        smsc.status_of = lambda _: 0
        await until(lambda: smsc.binds == 2 and sender.ready)
        assert (await sender.send(errand())).fate == "accepted"


async def test_nothing_goes_out_without_a_session_and_a_wrong_password_makes_none() -> None:
    async with Smsc() as smsc, session(smsc, "wrong") as (sender, _, _):
        await until(lambda: smsc.binds)
        result = await sender.send(errand())
        assert (result.fate, smsc.submissions, sender.ready) == ("later", 0, False)


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=2_000), st.integers(0, 2**64))
def test_parts_put_together_are_the_text_and_each_fits(text: str, reference: int) -> None:
    cut = parts(text, reference)
    assert "".join((p if len(cut) == 1 else p[6:]).decode("utf-16-be") for p in cut) == text
    assert all(len(p) <= (140 if len(cut) == 1 else PART_BYTES + 6) for p in cut)


def test_what_people_are_to_answer_is_never_cut_and_an_exercise_says_so() -> None:
    said = words(notice("长" * 2_000, status="exercise"))
    assert said.startswith("【演练】") and "1=在岗 2=求援" in said and tag_of(make_id()) in said
    assert len(parts(said, 1)) <= PARTS_MAX


def test_replies_are_read_as_people_write_them() -> None:
    assert read_reply("1") == (0, "") and read_reply(" ２。") == (1, "") and read_reply("2 7qx4") == (1, "7QX4")
    for text in ("", "9", "0", "12", "yes", "1 because", "1 7qx"):
        assert read_reply(text) is None
    for phone in ("13800000007", "+86 138-0000-0007", "008613800000007", "8613800000007"):
        assert plain_number(phone) == "13800000007"


@given(st.binary(max_size=200))
def test_no_body_of_a_pdu_does_more_than_be_refused(body: bytes) -> None:
    try:
        sms_pdu.delivered(sms_pdu.Pdu(sms_pdu.DELIVER_SM, 1, body))
    except BadMessage:
        return
