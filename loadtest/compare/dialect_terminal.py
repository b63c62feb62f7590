"""A terminal's side of PROTOCOL.md in a comparison: receives, answers, and hears that its answer counts. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from fusioncmd import terminal
from fusioncmd.errors import BadMessage
from fusioncmd.trust import seals
from loadtest.compare.dialects import LIVE, MASK, OPENING, UPGRADING, Broken, Heard, Upgrade, messages
from loadtest.swarm import wire

CHOICE = 0


class Terminal:
    """Orders and confirmations are the same bytes for everyone: each is understood once."""

    first_phase = UPGRADING

    def __init__(self, tickets: Sequence[bytes], host: str) -> None:
        self._tickets = tickets
        self._upgrade = Upgrade(host, terminal.PATH)
        self._known: dict[bytes, Heard] = {}

    def opening(self, i: int) -> bytes:
        return self._upgrade.request

    def hears(self, i: int, phase: int, data: bytes) -> Heard:
        if phase == LIVE:
            known = self._known.get(data)
            if known is None:
                known = self._understood(phase, data)
                if known.orders + known.confirmed == 1 and not known.rest:
                    self._known[data] = known
            return known
        hello = b""
        if phase == UPGRADING:
            after = self._upgrade.done(data)
            if after is None:
                return Heard(UPGRADING, b"", data)
            phase, data = OPENING, after
            hello = _frame(terminal.Hello(terminal.VERSION, self._tickets[i]))
        heard = self._understood(phase, data)
        return heard._replace(reply=hello + heard.reply)

    def _understood(self, phase: int, data: bytes) -> Heard:
        payloads, reply, rest = messages(data)
        orders = confirmed = 0
        for payload in payloads:
            try:
                said = terminal.decode_to_terminal(payload)
                match said:
                    case terminal.Welcome():
                        phase = LIVE
                    case terminal.Deliver(sealed):
                        orders += 1
                        ident = seals.claimed(sealed)[0].id
                        reply += _frame(terminal.Received(ident)) + _frame(terminal.Answer(ident, CHOICE))
                    case terminal.Counted():
                        confirmed += 1
                    case _:
                        raise Broken(f"unasked: {said}")
            except BadMessage as error:
                raise Broken(error.en) from None
        return Heard(phase, reply, rest, orders, confirmed)


def _frame(message: terminal.FromTerminal) -> bytes:
    return wire.masked(terminal.encode(message), MASK)
