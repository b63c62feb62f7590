"""What the gateway has SIP do: each goes to the agent, and out to the radio at once."""

from __future__ import annotations

from collections.abc import Iterator

from gateways.radio.calls import LocalMedia
from gateways.radio.listener import Listener
from gateways.radio.sip_message import Fields


class Sip:
    """`address` is what radios reach us by: an IP address or a name."""

    def __init__(self, listener: Listener, address: str) -> None:
        self._listener, self._agent, self._address = listener, listener.agent, address

    def ring(self, call: str) -> None:
        self._agent.callee.ring(call, self._listener.now_s)
        self._listener.flush()

    def accept(self, call: str, local: LocalMedia) -> None:
        self._agent.callee.accept(call, local, self._listener.now_s)
        self._listener.flush()

    def refuse(self, call: str, status: int) -> None:
        self._agent.callee.refuse(call, status, self._listener.now_s)
        self._listener.flush()

    def hang_up(self, call: str) -> None:
        self._agent.book.hang_up(call, self._listener.now_s)
        self._listener.flush()

    def invite(self, account: str, name: str, user: str, extra: Fields) -> str:
        """The call, or nothing where that account has no radio here. `name` is in quotes."""
        contacts = self._agent.registrar.contacts(account, self._listener.now_s)
        if not contacts or self._agent.transactions.is_full():
            return ""
        caller = (name, f"sip:{user}@{self._address}")
        call = self._agent.caller.invite(account, contacts[0], caller, extra, self._listener.now_s)
        self._listener.flush()
        return call

    def accounts(self) -> Iterator[str]:
        """Those with a radio here."""
        return self._agent.registrar.accounts(self._listener.now_s)

    def is_here(self, account: str) -> bool:
        return bool(self._agent.registrar.contacts(account, self._listener.now_s))
