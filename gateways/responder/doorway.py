"""Who may come in: a hello is judged by its ticket, its version and the place that is served. Pure."""

from __future__ import annotations

from typing import NamedTuple

from fusioncmd import terminal, tickets
from fusioncmd.codes import Path
from fusioncmd.errors import BadTicket
from fusioncmd.terminal import Close
from gateways.responder.lost import LostDevices


class Entry(NamedTuple):
    ticket: tickets.Ticket
    held: tuple[bytes, ...]


class Denial(NamedTuple):
    code: Close
    reason: str


def admit(said: terminal.FromTerminal, key: bytes, serves: Path, now_s: float, lost: LostDevices) -> Entry | Denial:
    if not isinstance(said, terminal.Hello):
        return Denial(Close.NO_HELLO, "the first frame is a hello")
    if said.version != terminal.VERSION:
        return Denial(Close.BAD_FRAME, f"version {terminal.VERSION} is spoken here")
    try:
        ticket = tickets.check(said.ticket, key, now_s)
    except tickets.ExpiredTicket as problem:
        return Denial(Close.EXPIRED_TICKET, problem.en)
    except BadTicket as problem:
        return Denial(Close.BAD_TICKET, problem.en)
    if not serves.covers_code(ticket.village):
        return Denial(Close.WRONG_GATEWAY, f"this gateway serves {serves}")
    if (why := lost.judge(ticket)) is not None:
        return Denial(why, "this device was revoked" if why is Close.LOST_DEVICE else "the ticket has to be renewed")
    return Entry(ticket, said.held)
