"""The last line between two nodes: an order down as a code, a town's answers up in one message, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusioncmd.bus.port import CALL
from fusioncmd.lastline import twins
from fusioncmd.messages import Order, Selector
from fusioncmd.trust import handing, joining, ring
from fusioncmd.trust.revocations import revoke
from tests.line_world import CARDS, HUB, KIT, PEOPLE, LineWorld, line_world
from tests.nats_server import until
from tests.worlds import NOW_MS


async def stand_in(world: LineWorld, order: Order) -> Order:
    """The province's order arrives at the kit by one message."""
    assert await world.carry(HUB)
    (found,) = [o for o in world.orders(KIT) if twins.are_one(o, order)]
    return found


async def counted(world: LineWorld, order: Order, *wanted: int) -> None:
    await until(lambda: world.answered(order) == [*wanted])


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
        assert "came before" in world.problems(HUB)
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


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda data: data[:-1] + bytes((data[-1] ^ 1,)), "did not make"),
        (lambda data: data[:10] + bytes((data[10] ^ 4,)) + data[11:], "did not make"),
        (lambda data: data[:5], "did not make"),
        (lambda data: bytes(70), "did not make"),
    ],
)
async def test_a_message_that_is_forged_or_spoilt_changes_nothing_and_is_told(
    tmp_path: Path, spoil: object, sentence: str
) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        assert await world.bring(KIT, spoil(say.data))  # type: ignore[operator]
        assert world.orders(KIT) == [] and sentence in world.problems(KIT)
        assert await world.bring(KIT, say.data) and len(world.orders(KIT)) == 1


async def test_a_message_from_a_card_that_is_nobodys_is_refused(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        await world.bring(KIT, say.data, by=999)
        assert world.orders(KIT) == [] and "card 999" in world.problems(KIT)


async def test_a_node_that_was_revoked_is_heard_no_more(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        here = await stand_in(world, order := await world.call())
        await world.answer(here, PEOPLE[:5])
        await until(lambda: world.answered(here, KIT) == [5, 0])
        keys = ring.folder_of(world.data(HUB))
        (chain,) = joining.approved(keys, KIT)
        revoked = revoke(handing.signer_of(keys, ring.ROOT), chain, NOW_MS)
        world.nodes[HUB]._judge.revocations.add(revoked)
        assert await world.carry(KIT)
        assert world.answered(order) == [0, 0] and "names no node of it" in world.problems(HUB)
        world.pass_time(3_600)
        assert not (await world.next(HUB)).data


async def test_an_echo_of_ones_own_message_is_none_of_the_other_end(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call()
        say = await world.next(HUB)
        await world.bring(HUB, say.data)
        assert "did not make" in world.problems(HUB)


async def test_answers_by_another_roster_count_and_it_is_said(tmp_path: Path) -> None:
    async with line_world(tmp_path, hub_edition=2) as world:
        order = await world.call()
        here = await stand_in(world, order)
        await world.answer(here, PEOPLE[:5])
        await until(lambda: world.answered(here, KIT) == [5, 0])
        await world.carry(KIT)
        await counted(world, order, 5, 0)
        assert "another edition of the roster" in world.problems(HUB)


async def test_an_order_whose_time_is_over_is_not_issued(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call(open_s=600)
        say = await world.next(HUB)
        world.pass_time(700)
        await world.bring(KIT, say.data)
        assert world.orders(KIT) == [] and "its time was over" in world.problems(KIT)


async def test_roles_are_kept_and_one_that_nobody_has_issues_nothing(tmp_path: Path) -> None:
    async with line_world(tmp_path) as world:
        await world.call(audience=Selector((HUB,), ("flood",)))
        await world.carry(HUB)
        (here,) = world.orders(KIT)
        assert here.audience == Selector((KIT,), ("flood",))
        assert len(world.nodes[KIT].desk.ledger.targeted(here)) == 150


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
        assert "came before" in world.problems(KIT)
        await world.bring(KIT, again.data)
        assert len(world.orders(KIT)) == 1
