"""What goes down to the terminals: who is told of which order when, and who never is."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from fusioncmd import limits
from fusioncmd.messages import Order
from tests.terminals import HELLO, RECEIVED, WELCOME, Terminal, World, a_world, delivery
from tests.worlds import NOW_MS, make_order


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with a_world() as world:
        yield world


def cancel_of(order: Order, n: int = 50) -> Order:
    return make_order(n, msg_type="cancel", refs=order.id, answers=())


async def test_a_hello_is_welcomed_with_the_number_the_time_and_the_heartbeat(world: World) -> None:
    terminal = await world.open()
    terminal.say(HELLO, 2, world.ticket(7))
    assert await terminal.hear() == [WELCOME, 7, NOW_MS, limits.HEARTBEAT_S, b"", 5]
    assert list(world.gateway.connected) == [7]


async def test_who_connects_gets_every_order_open_for_them_and_no_other(world: World) -> None:
    first = await world.issue(make_order(1), 1, 2)
    await world.issue(make_order(2), 2)
    third = await world.issue(make_order(3), 1)
    await world.issue(make_order(4, open_s=700), 1)
    world.now_s += 700
    world.gateway.tick()
    terminal = await world.enter(1)
    assert [await terminal.hear(), await terminal.hear()] == [delivery(first), delivery(third)]
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert list((await world.marks(third)).sent) == [1]
    assert not (await world.marks(third)).received


async def test_a_new_order_goes_to_those_meant_and_to_nobody_else(world: World) -> None:
    meant, other = await world.enter(1), await world.enter(2)
    order = await world.issue(make_order(1), 1, 3)
    assert await meant.hear() == delivery(order)
    assert await other.hears_nothing_more()


async def test_what_a_terminal_holds_is_not_sent_again_and_counts_as_received(world: World) -> None:
    held, new = await world.issue(make_order(1), 1), await world.issue(make_order(2), 1)
    terminal = await world.enter(1, held, make_order(9))
    assert await terminal.hear() == delivery(new)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert list((await world.marks(held)).received) == [1]


async def test_holding_an_order_of_others_is_no_receipt(world: World) -> None:
    order = await world.issue(make_order(1), 2)
    terminal = await world.enter(1, order)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert not (await world.marks(order)).received


async def test_the_same_number_again_replaces_the_connection_before(world: World) -> None:
    before = await world.enter(1)
    after = await world.enter(1)
    code, reason = await before.closing()
    assert (code, "again" in reason) == (4100, True)
    order = await world.issue(make_order(1), 1)
    assert await after.hear() == delivery(order)
    assert list(world.gateway.connected) == [1]
    after.leave()


async def test_a_cancel_goes_to_who_was_told_or_holds_the_order_and_to_no_one_else(world: World) -> None:
    told, away, late = await world.enter(1), await world.enter(2), await world.enter(9)
    alert = await world.issue(make_order(1), 1, 2, 3, 4)
    assert [await told.hear(), await away.hear()] == [delivery(alert)] * 2
    away.leave()
    cancel = await world.issue(cancel_of(alert))
    assert await told.hear() == delivery(cancel)
    assert await late.hears_nothing_more()
    never_told, holds = await world.enter(3), await world.enter(4, alert)
    assert await never_told.hears_nothing_more()
    assert await holds.hear() == delivery(cancel)
    again = await world.enter(2, alert)
    assert await again.hear() == delivery(cancel)
    assert await again.hears_nothing_more()


async def test_an_update_replaces_what_a_late_terminal_gets(world: World) -> None:
    early = await world.enter(1)
    alert = await world.issue(make_order(1), 1, 2)
    update = await world.issue(make_order(2, msg_type="update", refs=alert.id, text="Stand by."))
    late = await world.enter(2)
    assert [await early.hear(), await early.hear()] == [delivery(alert), delivery(update)]
    assert await late.hear() == delivery(update)
    assert await late.hears_nothing_more()


async def in_windows(world: World, monkeypatch: pytest.MonkeyPatch, people: int, window: int) -> list[Terminal]:
    monkeypatch.setattr(limits, "FANOUT_UNANSWERED_MAX", window)
    return [await world.enter(number) for number in range(people)]


async def test_a_cancel_in_the_midst_of_a_fanout_stops_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals = await in_windows(world, monkeypatch, people=4, window=2)
    alert = await world.issue(make_order(1), *range(4))
    cancel = await world.issue(cancel_of(alert))
    for _ in range(5):
        world.now_s += 1
        world.gateway.outflow.pump()
    for terminal in terminals[:2]:
        assert [await terminal.hear(), await terminal.hear()] == [delivery(alert), delivery(cancel)]
    for terminal in terminals[2:]:
        assert await terminal.hears_nothing_more()
    assert not world.gateway.outflow.busy


async def test_an_order_that_expires_in_the_midst_of_a_fanout_goes_no_further(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminals = await in_windows(world, monkeypatch, people=4, window=2)
    await world.issue(make_order(1, open_s=700), *range(4))
    world.now_s += 700
    world.gateway.outflow.pump()
    assert await terminals[3].hears_nothing_more()
    assert not world.gateway.outflow.busy


async def test_those_who_left_do_not_hold_up_a_fanout(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals = await in_windows(world, monkeypatch, people=8, window=2)
    order = await world.issue(make_order(1), *range(8))
    for terminal in terminals[2:7]:
        terminal.leave()
    assert await terminals[7].hears_nothing_more()
    terminals[0].say(RECEIVED, order.id)
    assert await terminals[7].hear() == delivery(order)


async def test_an_order_that_comes_late_is_not_shown_but_its_cancel_is(world: World) -> None:
    told, other = await world.enter(1), await world.enter(2)
    alert = await world.issue(make_order(1), 1)
    await world.issue(make_order(2, issued_ms=NOW_MS - 800_000, open_s=700), 2)
    cancel = await world.issue(
        make_order(3, msg_type="cancel", refs=alert.id, answers=(), issued_ms=NOW_MS - 3_000_000, open_s=600)
    )
    assert [await told.hear(), await told.hear()] == [delivery(alert), delivery(cancel)]
    assert await other.hears_nothing_more()


async def test_garbage_in_the_stream_is_passed_over(world: World) -> None:
    terminal = await world.enter(1)
    await world.bus.store("fc.call.44", b"\xc1 no order")
    await world.bus.store("fc.audience.X", b"\x80")
    order = await world.issue(make_order(1), 1)
    assert await terminal.hear() == delivery(order)


async def test_one_who_was_long_away_gets_all_that_piled_up_without_being_cut_off(world: World) -> None:
    orders = [await world.issue(make_order(n, text="字" * 2000), 1) for n in range(1, 61)]
    terminal = await world.enter(1, narrow=True)
    assert len(orders) * 6000 > limits.OUTBOX_BYTES_MAX
    for order in orders[:59]:
        assert await terminal.hear() == delivery(order)
    late = await world.issue(make_order(99), 1)
    assert [await terminal.hear(), await terminal.hear()] == [delivery(orders[59]), delivery(late)]
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert list((await world.marks(orders[59])).sent) == [1]


async def test_an_order_whose_bytes_wait_is_not_sent_yet(world: World) -> None:
    terminal = await world.enter(1, narrow=True)
    orders = [await world.issue(make_order(n, text="字" * 2000), 1) for n in range(1, 9)]
    await world.settled()
    assert not (await world.marks(orders[-1])).sent
    for order in orders:
        assert await terminal.hear() == delivery(order)
    assert await terminal.hears_nothing_more()
    await world.settled()
    assert all([list((await world.marks(order)).sent) == [1] for order in orders])


async def test_what_waits_to_be_sent_and_is_cancelled_is_never_shown(world: World) -> None:
    orders = [await world.issue(make_order(n, text="字" * 2000), 1) for n in range(1, 61)]
    terminal = await world.enter(1, narrow=True)
    cancel = await world.issue(cancel_of(orders[-1], 99))
    heard = [await terminal.hear() for _ in orders[:-1]]
    assert heard == [delivery(order) for order in orders[:-1]]
    assert await terminal.hears_nothing_more()
    assert delivery(cancel) not in heard


async def test_an_expired_ticket_ends_the_connection_that_it_opened(world: World) -> None:
    short, long = await world.enter(1, ticket=world.ticket(1, open_s=60)), await world.enter(2)
    world.now_s += 61
    world.gateway.tick()
    code, reason = await short.closing()
    assert (code, reason) == (4103, "the ticket has expired")
    assert await long.hears_nothing_more()


async def test_a_clock_that_is_set_back_does_not_stop_a_fanout(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals = await in_windows(world, monkeypatch, people=4, window=2)
    order = await world.issue(make_order(1), *range(4))
    world.now_s -= 3600
    world.gateway.outflow.pump()
    for terminal in terminals:
        assert await terminal.hear() == delivery(order)
