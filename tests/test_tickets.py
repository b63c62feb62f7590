"""Tickets: what was minted is read back, and not one bit of it can be changed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import limits, tickets
from fusioncmd.errors import BadTicket
from fusioncmd.tickets import ExpiredTicket, Ticket, check, from_text, mint, to_text

KEY = bytes(range(tickets.KEY_BYTES))
NOW_S = 1_790_000_000
TICKET = Ticket(4_294_967_295, "440106001101", ("村支书", "leader"), NOW_S + 86_400)

codes = st.sampled_from([9, 12]).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n))
roles = st.lists(st.text(min_size=1, max_size=limits.ROLE_CHARS_MAX), max_size=limits.ROLES_PER_PERSON_MAX).map(tuple)
made = st.builds(Ticket, st.integers(0, (1 << 32) - 1), codes, roles, st.integers(NOW_S + 1, (1 << 48) - 1))


@given(made)
def test_what_is_minted_is_read_back_unless_it_is_too_long(ticket: Ticket) -> None:
    minted = mint(ticket, KEY)
    if len(minted) <= limits.TICKET_BYTES_MAX:
        assert check(minted, KEY, NOW_S) == ticket
        assert from_text(to_text(minted)) == minted
    else:
        with pytest.raises(BadTicket):
            check(minted, KEY, NOW_S)


@given(st.integers(0, len(mint(TICKET, KEY)) * 8 - 1))
def test_a_ticket_with_one_bit_changed_is_none_of_ours(bit: int) -> None:
    altered = bytearray(mint(TICKET, KEY))
    altered[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadTicket, match="not one of ours"):
        check(bytes(altered), KEY, NOW_S)


@given(st.binary(max_size=100))
def test_no_noise_is_a_ticket(noise: bytes) -> None:
    with pytest.raises(BadTicket):
        check(noise, KEY, NOW_S)


@pytest.mark.parametrize("cut", range(0, 17, 4))
def test_a_ticket_that_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(BadTicket):
        check(mint(TICKET, KEY)[:cut], KEY, NOW_S)


def test_another_tier_cannot_mint_ours() -> None:
    with pytest.raises(BadTicket, match="not one of ours"):
        check(mint(TICKET, bytes(tickets.KEY_BYTES)), KEY, NOW_S)


def test_a_ticket_expires() -> None:
    minted = mint(TICKET, KEY)
    assert check(minted, KEY, TICKET.expires_s - 0.1) == TICKET
    with pytest.raises(ExpiredTicket, match="expired"):
        check(minted, KEY, TICKET.expires_s)


@pytest.mark.parametrize(
    "fields",
    [
        ["ticket.1", 1, "440106001", [], NOW_S + 1],
        ["ticket.2", 1 << 32, "440106001", [], NOW_S + 1],
        ["ticket.2", -1, "440106001", [], NOW_S + 1],
        ["ticket.2", 1, "44010600", [], NOW_S + 1],
        ["ticket.2", 1, "440106001", ["r"] * 17, NOW_S + 1],
        ["ticket.2", 1, "440106001", [], 1 << 63],
        ["ticket.2", 1, "440106001", []],
        ["ticket.2", 1, "440106001", [], NOW_S + 1, bytes(9)],
        {"number": 1},
    ],
    ids=str,
)
def test_a_signed_ticket_that_makes_no_sense_is_refused_all_the_same(fields: object) -> None:
    payload = msgspec.msgpack.encode(fields)
    with pytest.raises(BadTicket, match="cannot be read"):
        check(payload + tickets.tag(payload, KEY), KEY, NOW_S)


@given(st.text(max_size=60))
def test_a_text_is_base_64_or_refused(text: str) -> None:
    try:
        assert isinstance(from_text(text), bytes)
    except BadTicket as problem:
        assert problem.en == "The ticket is not base 64."


def test_a_ticket_is_copied_with_the_white_space_around_it() -> None:
    minted = mint(TICKET, KEY)
    assert from_text(f"  {to_text(minted)}\n") == minted
    assert "=" not in to_text(minted)
