"""The last line between two nodes: an order down as a code, a town's answers up in one message, and what is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fusioncmd import subjects
from fusioncmd.bus.port import CALL
from fusioncmd.codes import Path as Place
from fusioncmd.errors import NotFound
from fusioncmd.lastline.order_codes import Meant, role_digest
from fusioncmd.messages import Report, Selector, encode
from fusioncmd.pulse import Beat
from tests.line_world import CARDS, HUB, KIT, PEOPLE, counted, line_world, stand_in
from tests.nats_server import until
from tests.worlds import NOW_MS, make_id
from tiers.line_orders import selector


async def test_an_order_goes_down_in_560_bits_and_the_answers_of_300_come_up_in_560(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        here = await stand_in(world, order)
        assert here.text == "【短报文 来自44】[by short message from 44]\n汛情紧急，请应答。"
        assert (here.issuer, here.node, here.answers) == ("某镇", KIT, ("安全", "需要帮助"))
        assert (here.status, here.audience, here.severity) == ("exercise", Selector((KIT,)), "severe")
        assert len(world.nodes[KIT].desk.ledger.targeted(here)) == 300
        await world.answer(here, PEOPLE[:240], 0)
        await world.answer(here, PEOPLE[240:255], 1)
        await until(lambda: world.answered(here, KIT) == [240, 15])
        assert len(await world.carry(KIT)) <= 70
        await counted(world, order, 240, 15)
        row = world.nodes[HUB].desk.ledger.view(order, world.nodes[HUB].desk.reachable)
        assert (len(row.targeted), len(row.answered), len(row.waiting)) == (300, 255, 45)
        assert not world.problems(HUB) and not world.problems(KIT)


async def test_what_is_lost_is_said_again_and_what_comes_twice_counts_once(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        lost = await world.next(HUB)
        assert lost.to == CARDS[KIT] and not (await world.next(HUB)).data  # not before a while
        world.pass_time(121)
        here = await stand_in(world, order)
        await world.bring(KIT, lost.data)  # overtaken: the same order, and still one
        assert len(world.orders(KIT)) == 1
        await world.answer(here, PEOPLE[:10])
        await until(lambda: world.answered(here, KIT) == [10, 0])
        first = await world.next(KIT)
        await world.answer(here, PEOPLE[10:20], 1)
        await until(lambda: world.answered(here, KIT) == [10, 10])
        world.pass_time(121)
        second = await world.next(KIT)
        for data in (second.data, first.data, second.data):  # out of order, and once more
            await world.bring(HUB, data)
        await counted(world, order, 10, 10)
        assert world.nodes[HUB].lastline.repeated == 1 and not world.problems(HUB)
        assert await world.carry(HUB) and await world.carry(HUB) == b""  # that they came; the order is not said again
        world.pass_time(10_000)
        assert await world.carry(HUB) == b""


async def test_what_was_confirmed_is_not_said_again_until_it_says_more(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        here = await stand_in(world, await world.call())
        await world.answer(here, PEOPLE[:10])
        await until(lambda: world.answered(here, KIT) == [10, 0])
        assert await world.carry(KIT) and await world.carry(HUB)  # answers, and that they came
        world.pass_time(3_600)
        while await world.carry(KIT):  # that the province's words came
            pass
        world.pass_time(3_600)
        assert await world.carry(HUB) == await world.carry(KIT) == b""
        await world.answer(here, PEOPLE[10:11])
        await until(lambda: world.answered(here, KIT) == [11, 0])
        assert await world.carry(KIT)


async def test_a_full_order_that_comes_later_is_the_same_order(tmp_path: Path) -> None:
    """Once the link is back: answers to the stand-in count for it, and its cancel ends the stand-in."""
    async with line_world(tmp_path) as world:
        order = await world.call()
        here = await stand_in(world, order)
        await world.answer(here, PEOPLE[:7], 1)
        await until(lambda: world.answered(here, KIT) == [0, 7])
        for stored in [s async for s in world.buses[HUB].read(CALL)]:
            await world.buses[KIT].store(stored.subject, stored.data)  # as the exchange lays it down
        await until(lambda: order.id in world.nodes[KIT].desk.ledger.book.orders)
        await world.nodes[KIT].lastline.tend()
        await until(lambda: world.answered(order, KIT) == [0, 7])
        world.pass_time(60)
        ended = await world.cancel(order)
        for stored in [s async for s in world.buses[HUB].read(CALL)][2:]:
            await world.buses[KIT].store(stored.subject, stored.data)
        await until(lambda: ended.id in world.nodes[KIT].desk.ledger.book.orders)
        await world.nodes[KIT].lastline.tend()
        book = world.nodes[KIT].desk.ledger.book
        assert book.state(here, int(world.now_s * 1000)) == "cancelled"


async def test_a_cancel_ends_the_order_and_keeps_out_its_code_when_that_comes_late(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        late = await world.next(HUB)
        world.pass_time(61)
        await world.cancel(order)
        assert await world.carry(HUB)
        await world.bring(KIT, late.data)
        assert world.orders(KIT) == []
        other = await world.call("第二道指令。")
        here = await stand_in(world, other)
        world.pass_time(61)
        await world.cancel(other)
        assert await world.carry(HUB)
        assert world.nodes[KIT].desk.ledger.book.state(here, int(world.now_s * 1000)) == "cancelled"


@pytest.mark.parametrize("bits", [560, 14_000])
async def test_a_template_reads_the_same_at_both_ends_in_both_languages(tmp_path: Path, bits: int) -> None:
    async with line_world(tmp_path) as world:
        text = "请立即组织群众撤离至五山小学。"
        order = await world.call(
            text, answers=("已撤离", "正在撤离", "需要帮助"), status="actual", audience=Selector((KIT,))
        )
        assert await world.carry(HUB, bits)
        (here,) = world.orders(KIT)
        head, *lines = here.text.split("\n")
        if bits == 560:
            assert lines == [text, "Evacuate everybody to 五山小学 now."] and "签发" not in head
        else:
            assert lines == [text] and "signed by 广东省" in head
        assert here.answers == order.answers and here.status == "actual"


async def test_while_links_carry_nothing_is_said_and_after_a_minute_of_silence_it_is(tmp_path: Path) -> None:
    async with line_world(tmp_path, when="cut") as world:
        order = await world.call()
        assert await world.carry(HUB) == await world.carry(KIT) == b""
        world.pass_time(61)
        here = await stand_in(world, order)
        await world.answer(here, PEOPLE[:5])
        await until(lambda: world.answered(here, KIT) == [5, 0])
        pulse = world.nodes[KIT].links.links[HUB].pulse
        pulse.hear(Beat(1 << 60, pulse.beat(world.mono_s).number, 0), world.mono_s)  # the link carries
        assert await world.carry(KIT) == b""
        world.pass_time(61)
        assert await world.carry(KIT)
        await counted(world, order, 5, 0)


async def test_roles_are_kept_and_one_that_nobody_has_issues_nothing(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call(audience=Selector((HUB,), ("flood",)))
        await world.carry(HUB)
        (here,) = world.orders(KIT)
        assert here.audience == Selector((KIT,), ("flood",))
        assert len(world.nodes[KIT].desk.ledger.targeted(here)) == 150


def test_who_has_one_of_several_roles_is_meant_though_nobody_here_has_the_others() -> None:
    divers, flood = role_digest("divers"), role_digest("flood")
    assert selector(Meant((KIT,), (), (divers, flood)), KIT, ["flood"]) == Selector((KIT,), ("flood",))
    with pytest.raises(NotFound, match="nobody has here"):
        selector(Meant((KIT,), (), (divers,)), KIT, ["flood"])


async def test_a_restart_uses_no_number_twice_and_takes_nothing_twice(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        await world.bring(KIT, say.data)
        for code in (HUB, KIT):
            world.nodes[code].stop()
            await until(lambda code=code: world._lives[0 if code == HUB else 1].done())
            world.buses[code].tails.clear()
            world.buses[code]._servers.clear()
            await world.start(code)
        assert len(world.orders(KIT)) == 1
        again = await world.next(HUB)
        assert again.data and again.data != say.data and again.data[:4] != say.data[:4]
        await world.bring(KIT, say.data)
        assert world.nodes[KIT].lastline.repeated == 1
        await world.bring(KIT, again.data)
        assert len(world.orders(KIT)) == 1


async def test_what_somebody_wrote_comes_up_with_its_place_and_the_whole_of_it_later(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        order = await world.call()
        here = await stand_in(world, order)
        wrote = Report(make_id(77), here.id, PEOPLE[3], NOW_MS + 1_000, "堤坝渗水，" * 20, 23.148219, 113.344117)
        await world.buses[KIT].store(subjects.report(Place(KIT)), encode(wrote))
        await until(lambda: bool(world.nodes[KIT].desk.ledger.accounts[here.id].reports))
        while await world.carry(KIT):
            pass
        account = world.nodes[HUB].desk.ledger.accounts[order.id]
        await until(lambda: wrote.id in account.reports)
        found = account.reports[wrote.id]
        assert found.text.startswith("堤坝渗水") and found.text.endswith("…") and found.number == PEOPLE[3]
        assert found.lat == pytest.approx(23.148219, abs=1e-5) and PEOPLE[3] in account.marks.reported
        whole = msgspec.structs.replace(wrote, order=order.id)
        await world.buses[HUB].store(subjects.report(Place(KIT)), encode(whole))  # by the exchange, later
        await until(lambda: account.reports[wrote.id] == whole)


async def test_a_message_that_is_brought_again_while_it_is_being_taken_alarms_nobody_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say, desk = await world.next(HUB), world.nodes[KIT].desk
        compose = desk.compose

        async def slowly(*given: Any) -> Any:
            world.pass_time(6)  # the modem's process waits 5 s for an answer
            await asyncio.sleep(0.01)
            return await compose(*given)

        monkeypatch.setattr(desk, "compose", slowly)
        assert all(await asyncio.gather(world.bring(KIT, say.data), world.bring(KIT, say.data)))
        assert len(world.orders(KIT)) == 1
