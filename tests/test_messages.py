"""Messages, terminal frames, tickets and ids: what is written is read back, and nothing else is taken."""

from __future__ import annotations

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import api, envelope, ids, limits, messages, terminal, tickets
from fusioncmd.errors import BadInput, BadMessage, BadTicket, Conflict, Problem
from fusioncmd.messages import Order, Receipts, Selector
from tests.worlds import make_order

KEY = bytes(range(32))
TICKET = tickets.Ticket(65536 * 7 + 3, "440106001101", ("flood",), 2_000_000_000)


def test_an_order_is_read_back_as_it_was_written() -> None:
    order = make_order(text="台风登陆，立即转移。", answers=("到岗", "需要支援"))
    assert messages.decode(Order, messages.encode(order)) == order


def test_unknown_fields_are_ignored_and_missing_ones_are_errors() -> None:
    fields = msgpack.unpackb(messages.encode(make_order()))
    assert messages.decode(Order, msgpack.packb(fields | {"later": 1})) == make_order()
    for name in fields:
        with pytest.raises(BadMessage):
            messages.decode(Order, msgpack.packb({k: v for k, v in fields.items() if k != name}))


@pytest.mark.parametrize("kind", ["order.2", "receipts.1", "", None])
def test_another_version_or_kind_is_not_taken(kind: str | None) -> None:
    fields = msgpack.unpackb(messages.encode(make_order()))
    with pytest.raises(BadMessage):
        messages.decode(Order, msgpack.packb(fields | {"kind": kind}))


def test_a_message_beyond_its_bound_is_refused_before_it_is_decoded() -> None:
    with pytest.raises(BadMessage, match="exceeds the bound"):
        messages.decode(Order, bytes(limits.ORDER_BYTES_MAX + 1))
    with pytest.raises(BadMessage, match="exceeds the bound"):
        messages.encode(Receipts("g", (messages.Mark(bytes(16), 1, None, bytes(limits.RECEIPTS_BYTES_MAX)),)))


@given(st.binary(max_size=200))
def test_noise_is_never_taken_for_a_message_or_a_frame(noise: bytes) -> None:
    for kind in (Order, Receipts, messages.RosterSlice, messages.Report):
        with pytest.raises(BadMessage):
            messages.decode(kind, noise)
    with contextlib.suppress(BadMessage):
        assert isinstance(terminal.decode_from_terminal(noise), terminal.Alive | terminal.Received | terminal.Answer)


def test_a_selector_needs_a_place() -> None:
    with pytest.raises(BadMessage):
        messages.decode(Order, messages.encode(make_order(audience=Selector(()))))


@pytest.mark.parametrize(
    "frame",
    [
        terminal.Hello(1, b"ticket", (bytes(16),)),
        terminal.Received(bytes(16)),
        terminal.Answer(bytes(16), 7),
        terminal.SendReport(bytes(16), bytes(16), "水位上涨", 23.1, 113.2),
        terminal.Alive(),
    ],
)
def test_frames_of_a_terminal_are_read_back(frame: terminal.FromTerminal) -> None:
    assert terminal.decode_from_terminal(terminal.encode(frame)) == frame


@pytest.mark.parametrize(
    "frame",
    [[3, bytes(16), limits.ANSWERS_MAX], [3, bytes(15), 0], [9], [], {}, "text", [4, bytes(16), bytes(16), "x" * 3000]],
)
def test_frames_of_the_wrong_shape_are_refused(frame: object) -> None:
    with pytest.raises(BadMessage):
        terminal.decode_from_terminal(msgpack.packb(frame))


def test_close_codes_tell_the_terminal_what_to_do() -> None:
    assert {code: terminal.advice(code) for code in (1001, 1006, 1009, 4000, 4100, 4103, 4200)} == {
        1001: "retry", 1006: "retry", 1009: "stop", 4000: "retry", 4100: "stop", 4103: "stop", 4200: "wait",
    }  # fmt: skip
    assert all(terminal.advice(code) in ("retry", "stop", "wait") for code in terminal.Close)


def test_a_ticket_proves_what_was_minted() -> None:
    assert tickets.check(tickets.mint(TICKET, KEY), KEY, 1_900_000_000) == TICKET
    assert tickets.from_text(tickets.to_text(tickets.mint(TICKET, KEY))) == tickets.mint(TICKET, KEY)


def test_an_expired_ticket_says_so() -> None:
    with pytest.raises(tickets.ExpiredTicket):
        tickets.check(tickets.mint(TICKET, KEY), KEY, TICKET.expires_s)


@given(st.integers(min_value=0), st.integers(1, 255))
def test_a_ticket_with_any_byte_changed_is_refused(position: int, flip: int) -> None:
    forged = bytearray(tickets.mint(TICKET, KEY))
    forged[position % len(forged)] ^= flip
    with pytest.raises(BadTicket):
        tickets.check(bytes(forged), KEY, 1_900_000_000)


@given(st.binary(max_size=64))
def test_noise_is_no_ticket(noise: bytes) -> None:
    with pytest.raises(BadTicket):
        tickets.check(noise, KEY, 0)


@given(st.integers(0, (1 << 48) - 1), st.binary(min_size=10, max_size=10))
def test_ids_are_read_back_and_tell_their_time(now_ms: int, entropy: bytes) -> None:
    ident = ids.make(now_ms, entropy)
    assert ids.from_text(ids.to_text(ident)) == ids.from_text(ids.to_text(ident).lower()) == ident
    assert ids.time_ms(ident) == now_ms


@given(st.lists(st.integers(0, (1 << 48) - 1), min_size=2))
def test_ids_and_their_texts_sort_by_time(times: list[int]) -> None:
    made = [ids.make(t, bytes(10)) for t in sorted(times)]
    assert made == sorted(made)
    assert [ids.to_text(i) for i in made] == sorted(ids.to_text(i) for i in made)


@pytest.mark.parametrize("text", ["", "x", "U" * 26, "Z" * 26, "0" * 27])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        ids.from_text(text)


def test_a_problem_crosses_the_bus_as_itself() -> None:
    with pytest.raises(Conflict, match="first"):
        envelope.decode_reply(api.Issued, envelope.encode_problem(Conflict("Somebody wrote first.", "已被写入。")))
    with pytest.raises(Problem):
        envelope.decode_reply(api.Issued, b"\xff")


@pytest.mark.parametrize("code", ["44\n", "４４", "٤٤", "44010", "44 ", "４401"])
def test_a_code_is_written_in_ascii_digits_and_ends_there(code: str) -> None:
    with pytest.raises(BadMessage):
        messages.decode(Order, messages.encode(make_order(node=code)))
    with pytest.raises(BadMessage):
        envelope.decode_question(api.Tally, msgpack.packb([b"", {"order": bytes(16), "node": code}]))
