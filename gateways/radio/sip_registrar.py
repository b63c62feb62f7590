"""Where each account's radios are now (RFC 3261 §10.3). Pure: time is an argument, in seconds of a clock that runs on.

A radio is reached by the way that its REGISTER came, for behind a NAT there is no other. Of an account the newest
CONTACTS_PER_ACCOUNT_MAX are known: one that restarted with another port does not lock itself out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateways.radio import bounds
from gateways.radio.sip_checks import Asked, Refused, expires_of
from gateways.radio.sip_reply import Flow
from gateways.radio.sip_syntax import Address, BadSyntax, address

TENDED_AT_ONCE = 1_024


@dataclass(slots=True)
class Contact:
    uri: str
    flow: Flow
    call_id: str
    number: int  # of CSeq
    until_s: float
    since_s: float


class Registrar:
    def __init__(self) -> None:
        self._held: dict[str, dict[str, Contact]] = {}  # account → contacts by URI
        self._round: list[str] = []  # accounts that are still to be looked at

    def __len__(self) -> int:
        """Accounts with a radio."""
        return len(self._held)

    def register(self, account: str, asked: Asked, flow: Flow, now_s: float) -> list[tuple[str, str]]:
        """The Contact fields of its 200; `Refused` with 400, 423 or 500, and then nothing changed."""
        contacts = asked.request.all("contact")
        held = {uri: one for uri, one in self._held.get(account, {}).items() if one.until_s > now_s}
        if "*" in contacts:
            if len(contacts) > 1 or asked.request.first("expires") != "0":
                raise Refused(400, "a * that does not stand alone, or without Expires: 0")
            for one in held.values():
                _check_order(one, asked)
            held.clear()
        else:
            if len(contacts) > bounds.CONTACTS_PER_ACCOUNT_MAX:
                raise Refused(400, "too many contacts")
            for text in contacts:
                self._bind(held, _contact(text), asked, flow, now_s)
        for uri in sorted(held, key=lambda uri: held[uri].since_s)[: -bounds.CONTACTS_PER_ACCOUNT_MAX]:
            del held[uri]
        if held:
            self._held[account] = held
        else:
            self._held.pop(account, None)
        return [("Contact", f"<{one.uri}>;expires={max(1, round(one.until_s - now_s))}") for one in held.values()]

    def _bind(self, held: dict[str, Contact], contact: Address, asked: Asked, flow: Flow, now_s: float) -> None:
        said = expires_of(asked, contact)
        lives_s = bounds.REGISTERED_S_MAX if said is None else min(said, bounds.REGISTERED_S_MAX)
        before = held.get(contact.text)
        if before is not None:
            _check_order(before, asked)
        if lives_s == 0:
            held.pop(contact.text, None)
            return
        if lives_s < bounds.REGISTERED_S_MIN:
            raise Refused(423, fields=[("Min-Expires", str(bounds.REGISTERED_S_MIN))])
        held[contact.text] = Contact(contact.text, flow, asked.call_id, asked.number, now_s + lives_s, now_s)

    def contacts(self, account: str, now_s: float) -> list[Contact]:
        """The newest first."""
        found = [one for one in self._held.get(account, {}).values() if one.until_s > now_s]
        return sorted(found, key=lambda one: -one.since_s)

    def accounts(self, now_s: float) -> Iterator[str]:
        """Those with a radio."""
        for account, held in self._held.items():
            if any(one.until_s > now_s for one in held.values()):
                yield account

    def forget(self, account: str) -> None:
        self._held.pop(account, None)

    def lost(self, link: int) -> None:
        """A connection is gone, and so are the radios behind it."""
        for account in [a for a, held in self._held.items() if any(_is_on(one, link) for one in held.values())]:
            held = {uri: one for uri, one in self._held[account].items() if not _is_on(one, link)}
            if held:
                self._held[account] = held
            else:
                del self._held[account]

    def tend(self, now_s: float) -> None:
        """Forget what has ended; some accounts each time, for all together would hold up everybody's sound."""
        self._round = self._round or list(self._held)
        now, self._round = self._round[:TENDED_AT_ONCE], self._round[TENDED_AT_ONCE:]
        for account in now:
            held = self._held.get(account, {})
            left = {uri: one for uri, one in held.items() if one.until_s > now_s}
            if not left:
                self._held.pop(account, None)
            elif len(left) < len(held):
                self._held[account] = left


def _contact(text: str) -> Address:
    try:
        found = address(text)
    except BadSyntax as error:
        raise Refused(400, str(error)) from None
    if found.uri is None or len(found.text) > bounds.CONTACT_CHARS_MAX:
        raise Refused(400, "a contact that is no SIP URI, or too long")
    return found


def _check_order(held: Contact, asked: Asked) -> None:
    """§10.3, 7: what comes late changes nothing."""
    if held.call_id == asked.call_id and asked.number <= held.number:
        raise Refused(500, "an older registration")


def _is_on(contact: Contact, link: int) -> bool:
    return contact.flow.reliable and contact.flow.link == link
