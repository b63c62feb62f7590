"""Who may come in: every hello is either let in with what its ticket says, or sent away with a code that tells why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fusioncmd import terminal, tickets
from fusioncmd.codes import Path
from fusioncmd.terminal import Alive, Answer, Close, Hello, Received
from gateways.responder.doorway import Denial, Entry, admit
from gateways.responder.lost import LostDevices
from tests.worlds import make_id

KEY = b"k" * tickets.KEY_BYTES
NOW_S = 1_790_000_000
TICKET = tickets.Ticket(7, "440106001101", ("leader",), NOW_S + 60)
MINTED = tickets.mint(TICKET, KEY)


def judged(said: terminal.FromTerminal, serves: str = "44", now_s: float = NOW_S) -> Entry | Denial:
    return admit(said, KEY, Path(serves), now_s, LostDevices(KEY))


def test_a_good_hello_is_let_in_with_its_ticket_and_what_it_holds() -> None:
    held = (make_id(1), make_id(2))
    assert judged(Hello(terminal.VERSION, MINTED, held)) == Entry(TICKET, held)


@pytest.mark.parametrize("said", [Received(make_id()), Answer(make_id(), 0), Alive()])
def test_what_is_no_hello_is_sent_away(said: terminal.FromTerminal) -> None:
    assert judged(said) == Denial(Close.NO_HELLO, "the first frame is a hello")


@pytest.mark.parametrize(
    ("serves", "let_in"), [("44", True), ("4401", True), ("440106", True), ("440106001", True), ("440106001101", True),
                           ("440106002", False), ("4406", False), ("45", False)],
)  # fmt: skip
def test_a_gateway_takes_the_people_of_its_place_and_below(serves: str, let_in: bool) -> None:
    entry = judged(Hello(terminal.VERSION, MINTED), serves)
    assert isinstance(entry, Entry) == let_in
    if not let_in:
        assert entry == Denial(Close.WRONG_GATEWAY, f"this gateway serves {serves}")


def test_a_person_of_the_town_itself_is_let_in() -> None:
    ticket = tickets.Ticket(7, "440106001", (), NOW_S + 60)
    assert judged(Hello(terminal.VERSION, tickets.mint(ticket, KEY)), "440106001") == Entry(ticket, ())


def test_a_ticket_is_good_until_the_second_in_which_it_expires() -> None:
    assert isinstance(judged(Hello(terminal.VERSION, MINTED), now_s=NOW_S + 59.9), Entry)
    denial = judged(Hello(terminal.VERSION, MINTED), now_s=NOW_S + 60)
    assert denial == Denial(Close.EXPIRED_TICKET, "The ticket has expired.")
    assert terminal.advice(denial.code) == "stop"


def test_the_version_is_looked_at_before_the_ticket() -> None:
    assert judged(Hello(9, b"")) == Denial(Close.BAD_FRAME, "version 2 is spoken here")


@given(st.binary(max_size=200))
def test_noise_is_no_ticket(noise: bytes) -> None:
    denial = judged(Hello(terminal.VERSION, noise))
    assert isinstance(denial, Denial)
    assert denial.code == Close.BAD_TICKET
