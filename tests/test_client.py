"""A commander who gives up: what they are told is true, and nothing happens behind their back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fusioncmd import api, client, envelope, subjects
from fusioncmd.api.cameras import AddCamera, CamerasReply
from fusioncmd.api.radios import AddRadio, RadiosReply
from fusioncmd.api.talkgroups import MakeTalkgroup, TalkgroupsReply
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, BadOrder, BusDown, NoReply, Unsure
from fusioncmd.trust.refusals import Untrusted
from tests.test_node import ask, province, running
from tests.worlds import CHIEF, DUTY, NOW_MS, by_key, make_draft, make_order, sealed


class Stalled(MemoryBus):
    """Questions of one kind are delivered when `gate` opens, long after their asker has gone."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.late: list[asyncio.Task[bytes]] = []

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        if subject != subjects.api("issue"):
            return await super().ask(subject, data, timeout_s)
        self.late.append(asyncio.create_task(self._later(subject, data)))
        raise NoReply("No reply came in time.", "未及时收到应答。")

    async def _later(self, subject: str, data: bytes) -> bytes:
        await self.gate.wait()
        return await super().ask(subject, data, 5.0)


async def test_an_order_that_was_given_up_is_not_issued_later_behind_the_commanders_back(tmp_path: Path) -> None:
    bus = await province(Stalled())
    assert isinstance(bus, Stalled)
    async with running(bus, tmp_path) as node:
        with pytest.raises(Unsure, match="fusioncmd orders"):
            await Commander(bus, log_in=by_key).issue(make_draft(77), DUTY["exercise"], timeout_s=0.1)
        late_s = node.desk.now_ms / 1000 + 1.0
        node._judge._clock = lambda: late_s
        before = (await ask(bus, api.Orders())).lines
        bus.gate.set()
        await asyncio.gather(*bus.late)
        assert (await ask(bus, api.Orders())).lines == before


async def test_who_asks_in_time_is_not_refused(tmp_path: Path) -> None:
    async with running(await province(), tmp_path) as node:
        until_ms = node.desk.now_ms + 1000
        order = make_order(78, issued_ms=NOW_MS - 4_000_000)
        with pytest.raises(BadOrder, match="too late"):
            await node.desk.issue(api.Issue(sealed(order), until_ms - 2000), CHIEF)
        with pytest.raises(Untrusted, match="do not agree"):  # what is wrong with it is told only when it came in time
            await node.desk.issue(api.Issue(sealed(order), until_ms), CHIEF)


async def test_a_node_that_is_not_there_surely_issued_nothing() -> None:
    with pytest.raises(BusDown, match="No tier node"):
        await Commander(MemoryBus()).issue(make_draft(), DUTY["exercise"], timeout_s=0.1)


async def test_half_a_character_is_refused_in_a_sentence() -> None:
    with pytest.raises(BadInput, match="UTF-8"):
        await Commander(MemoryBus()).ask(api.Find("\udcff"), timeout_s=0.1)


@pytest.mark.parametrize(
    ("question", "reply", "times"),
    [
        (AddCamera("gate-1", url="rtsp://camera/1"), CamerasReply((), gateway=True), 1),
        (AddRadio("car-1", "0" * 64, "0" * 32), RadiosReply(()), 1),
        (MakeTalkgroup("dyke"), TalkgroupsReply(()), 1),
        (api.Orders(), api.OrdersReply(()), 2),
    ],
)
async def test_what_would_be_there_already_is_asked_once_and_waited_for(
    question: api.Question[object], reply: object, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_TRY_S", 0.05)
    heard: list[bytes] = []

    async def node(data: bytes) -> bytes:
        heard.append(data)
        await asyncio.sleep(0.1 if len(heard) == 1 else 0.0)  # a disk that is slow
        return envelope.encode_reply(reply)

    bus = MemoryBus()
    await bus.serve(subjects.api(api.VERBS[type(question)][0]), node)
    assert await Commander(bus, session=b"mine").ask(question, timeout_s=5.0) == reply
    assert len(heard) == times
