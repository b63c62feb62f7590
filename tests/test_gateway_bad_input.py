"""What a terminal says wrong: each with its close code or refusal and a reason, and nobody else is disturbed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import msgpack
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage

from fusioncmd import limits
from tests.terminals import (
    ALIVE,
    ANSWER,
    COUNTED,
    HELLO,
    RECEIVED,
    REFUSED,
    REPORT,
    Terminal,
    World,
    a_world,
    delivery,
)
from tests.worlds import NOW_MS, make_id, make_order

DEEP = b"\x94\x01\x01\xc4\x00" + b"\x91" * 16_000 + b"\x90"  # arrays in arrays in arrays, in a place that is skipped
MASK = bytes(4)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(limits, "GATHER_MS_MAX", 1)
    async with a_world("4401") as world:
        yield world


async def is_unharmed(world: World, bystander: Terminal, n: int = 90) -> bool:
    """A new order still reaches the bystander, number 2, whose answer is counted."""
    order = await world.issue(make_order(n), 2)
    assert await bystander.hear() == delivery(order)
    bystander.say(ANSWER, order.id, 1)
    return await bystander.hear() == [COUNTED, order.id, 1] and list(world.gateway.connected) == [2]


def masked(opcode: int, payload: bytes) -> bytes:
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([opcode]) + length + MASK + payload


def packed(*fields: object) -> bytes:
    return masked(0x82, msgpack.packb(fields))


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\x82\xfe\x40\x01", 1009, "A frame of 16385 bytes exceeds the bound of 16384."),
        (b"\x82\xff" + bytes([0x7F]) * 8, 1009, "exceeds the bound"),
        (masked(0x02, bytes(9000)) + masked(0x80, bytes(9000)), 1009, "A hello may have 4096 bytes"),
        (masked(0x81, "你好".encode()), 1003, "Frames are binary."),
        (b"\x82\x01\x90", 1002, "mask"),
        (masked(0xC2, b""), 1002, "reserved"),
        (masked(0x83, b""), 1002, "opcode"),
        (masked(0x09, b""), 1002, "fragment"),
        (masked(0x80, b"goes on"), 1002, "continuation"),
        (masked(0x82, b""), 4101, "Not a frame of this protocol"),
        (masked(0x82, b"\xc1\xff\x00 no MessagePack"), 4101, "Not a frame of this protocol"),
        (masked(0x82, DEEP), 1009, "A hello may have 4096 bytes"),
        (masked(0x82, DEEP[:3000]), 4101, "Not a frame of this protocol"),
        (packed(99), 4101, "Not a frame of this protocol"),
        (packed("answer", 1), 4101, "Not a frame of this protocol"),
        (packed(HELLO, "one", b""), 4101, "Not a frame of this protocol"),
        (packed(HELLO, 2, b"", [b"short"]), 4101, "Not a frame of this protocol"),
        (packed(HELLO, 2, b"", [make_id(1)] * 65), 4101, "Not a frame of this protocol"),
        (packed(HELLO, 2, bytes(1025)), 4101, "Not a frame of this protocol"),
        (packed(HELLO, 1, b""), 4101, "version 2 is spoken here"),
        (packed(HELLO, 2, b""), 4102, "The ticket is not one of ours."),
        (packed(ANSWER, make_id(1), 0), 4105, "the first frame is a hello"),
        (packed(ALIVE), 4105, "the first frame is a hello"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, int | str) else "",
)
async def test_bad_bytes_before_a_hello_are_answered_with_why(
    world: World, data: bytes, code: int, reason: str
) -> None:
    bystander, terminal = await world.enter(2), await world.open()
    terminal.raw(data)
    said = await terminal.closing()
    assert said[0] == code
    assert reason.lower() in said[1].lower()
    assert await is_unharmed(world, bystander)


def forged(world: World) -> bytes:
    return world.ticket(1, key=bytes(32))


def altered(world: World) -> bytes:
    whole = bytearray(world.ticket(1))
    whole[-17] ^= 1
    return bytes(whole)


@pytest.mark.parametrize(
    ("ticket", "code", "reason"),
    [
        (forged, 4102, "The ticket is not one of ours."),
        (altered, 4102, "The ticket is not one of ours."),
        (lambda world: world.ticket(1, open_s=0), 4103, "The ticket has expired."),
        (lambda world: world.ticket(1, village="440206001101"), 4104, "this gateway serves 4401"),
        (lambda world: world.ticket(1 << 32), 4102, "The ticket cannot be read."),
    ],
    ids=["forged", "altered", "expired", "elsewhere", "no such number"],
)
async def test_a_ticket_that_is_not_good_lets_nobody_in(
    world: World, ticket: Callable[[World], bytes], code: int, reason: str
) -> None:
    order = await world.issue(make_order(1), 1)
    bystander, terminal = await world.enter(2), await world.open()
    terminal.say(HELLO, 2, ticket(world), [order.id])
    assert await terminal.closing() == (code, reason)
    await world.settled()
    assert not (await world.marks(order)).received
    assert await is_unharmed(world, bystander)


async def test_a_second_hello_ends_the_connection_and_what_was_said_before_it_counts(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    bystander, terminal = await world.enter(2), await world.enter(1, order)
    terminal.say(ANSWER, order.id, 1)
    terminal.say(HELLO, 2, world.ticket(1))
    assert await terminal.closing() == (4101, "a second hello")
    await world.settled()
    assert list((await world.marks(order)).answers[1]) == [1]
    assert await is_unharmed(world, bystander)


@pytest.mark.parametrize("kind", [RECEIVED, ANSWER, REPORT])
async def test_what_is_said_about_an_order_that_is_not_ones_own_is_refused(world: World, kind: int) -> None:
    theirs = await world.issue(make_order(1), 2)
    terminal = await world.enter(1)
    rest = {RECEIVED: (), ANSWER: (0,), REPORT: (make_id(8), "text")}[kind]
    long_ago = make_id(9, NOW_MS - limits.EARLY_MS_MAX - 1)
    for ident, name in ((theirs.id, "not_for_you"), (long_ago, "unknown_order")):
        terminal.say(kind, ident, *rest)
        code, refusal, about, sentence, report = await terminal.hear()
        assert (code, refusal, about) == (REFUSED, name, ident)
        assert report == (make_id(8) if kind == REPORT else None)
        assert sentence.endswith("。")
    assert await terminal.hears_nothing_more()
    await world.settled()
    marks = await world.marks(theirs)
    assert not any(marks.rungs())


async def test_an_answer_that_was_not_offered_is_refused_and_the_next_one_is_taken(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    terminal.say(ANSWER, order.id, 2)
    assert (await terminal.hear())[:3] == [REFUSED, "not_offered", order.id]
    terminal.say(ANSWER, order.id, 1)
    assert await terminal.hear() == [COUNTED, order.id, 1]


async def test_a_frame_in_fragments_with_a_ping_between_is_one_frame(world: World) -> None:
    order = await world.issue(make_order(1), 1)
    terminal = await world.enter(1, order)
    whole = msgpack.packb([ANSWER, order.id, 1])
    terminal.raw(terminal.ws.send(BytesMessage(data=whole[:5], message_finished=False)))
    terminal.raw(terminal.ws.send(Ping(payload=b"there?")))
    terminal.raw(terminal.ws.send(BytesMessage(data=whole[5:], message_finished=True)))
    assert await terminal.hear() == [COUNTED, order.id, 1]
    assert terminal.pongs == [b"there?"]


async def test_a_bad_frame_in_fragments_ends_it_and_nothing_after_it_is_read(world: World) -> None:
    """Or the hello behind it would be welcomed on a connection that is closing, and take the place of a live one."""
    bystander, terminal = await world.enter(2), await world.open()
    terminal.raw(masked(0x02, b"\xc1") + masked(0x80, b"") + packed(HELLO, 2, world.ticket(2)))
    assert (await terminal.closing())[0] == 4101
    assert await is_unharmed(world, bystander)


async def test_a_terminal_that_closes_is_answered_in_kind(world: World) -> None:
    bystander, terminal = await world.enter(2), await world.enter(1)
    terminal.raw(terminal.ws.send(CloseConnection(code=1000, reason="bye")))
    assert (await terminal.closing())[0] == 1000
    assert await is_unharmed(world, bystander)


async def test_text_from_one_who_was_welcomed_is_refused_too(world: World) -> None:
    bystander, terminal = await world.enter(2), await world.enter(1)
    terminal.raw(terminal.ws.send(TextMessage(data="hello")))
    assert await terminal.closing() == (1003, "Frames are binary.")
    assert await is_unharmed(world, bystander)


frames = st.one_of(
    st.binary(max_size=300),
    st.builds(masked, st.integers(0, 255), st.binary(max_size=125)),
    st.lists(st.one_of(st.integers(0, 30), st.binary(max_size=20), st.none()), max_size=6).map(lambda f: packed(*f)),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(frames, min_size=1, max_size=4), st.booleans())
@example([masked(0x82, DEEP)], True)
@example([masked(0x02, b"\xc1") + masked(0x80, b"") + packed(HELLO, 2, b"")], False)
def test_noise_after_the_handshake_raises_nothing_and_disturbs_nobody(noise: list[bytes], welcomed: bool) -> None:
    async def story() -> None:
        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context))
        async with a_world() as world:
            bystander = await world.enter(2)
            terminal = await (world.enter(1) if welcomed else world.open())
            for piece in noise:
                terminal.raw(piece)
            terminal.raw(b"\x82\x82" + MASK + b"\x91\xc1")  # ends the connection, if nothing did
            terminal.finish()
            await terminal.rest()
            assert await bystander.hears_nothing_more()
            assert list(world.gateway.connected) == [2]
        assert raised == []

    asyncio.run(story())
