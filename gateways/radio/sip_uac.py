"""We call a radio, keep sessions alive, and end what nobody keeps (RFC 3261 §13.2, RFC 4028 §10). Pure.

A call of ours carries no offer: the radio's 200 does, and the ACK answers it, so that media is opened with what the
radio can do.
"""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.sip_book import DESCRIBED, NEVER, Book
from gateways.radio.sip_checks import SDP, Refused
from gateways.radio.sip_dialog import Call, timer_of_response
from gateways.radio.sip_events import Answered, Ringing
from gateways.radio.sip_message import Fields, Response
from gateways.radio.sip_registrar import Contact
from gateways.radio.sip_sdp import Unusable, read_offer
from gateways.radio.sip_syntax import BadSyntax
from gateways.radio.sip_transactions import Client, Server


class Caller:
    def __init__(self, book: Book) -> None:
        self._book = book

    def invite(self, account: str, contact: Contact, caller: tuple[str, str], extra: Fields, now_s: float) -> str:
        """Call a radio; `caller` is who it shows: a name in quotes, and a SIP URI."""
        call = self._book.new(account, contact.flow, self._book.call_id(), "inviting", contact.uri)
        call.local, call.remote = f"{caller[0]} <{caller[1]}>;tag={call.local_tag}", f"<{contact.uri}>"
        fields = [*call.fields("INVITE"), *self._book.ours(call), ("Supported", "timer"), *extra]
        fields += [("Session-Expires", str(bounds.SESSION_S)), ("Min-SE", str(bounds.SESSION_S_MIN)), ("Accept", SDP)]
        call.client = self._book.transactions.send("INVITE", contact.uri, fields, b"", contact.flow, call.ident, now_s)
        call.ring_until_s = now_s + bounds.RINGING_S_MAX
        return call.ident

    def responded(self, client: Client, response: Response, now_s: float) -> None:
        """What a peer says to a request of ours, where it is news."""
        call = self._book.get(client.owner)
        if call is None or client.method not in ("INVITE", "UPDATE") or call.client is not client:
            return
        if response.status < 200:
            if call.cancelled:
                self._book.transactions.cancel(client, now_s)
            elif response.status >= 180 and call.state == "inviting":
                self._book.events.append(Ringing(call.ident))
            return
        call.client = None
        if call.state == "inviting":
            return self._first_answer(call, response, now_s)
        if response.status < 300:
            if client.method == "INVITE":
                self._book.acknowledge(call, b"")
            call.time(timer_of_response(response), now_s)
        elif response.status in (408, 481):
            self._book.bye(call, now_s)
            self._book.end(call, response.status)

    def _first_answer(self, call: Call, response: Response, now_s: float) -> None:
        if response.status >= 300:
            return self._book.end(call, response.status)
        try:
            call.learn(response)
            call.time(timer_of_response(response), now_s)
            call.offer = read_offer(response.body, call.flow.transport == "tls")
        except (BadSyntax, Unusable, Refused):
            call.offer = None
        call.accepts = {one.upper() for one in response.tokens("allow")}
        if call.offer is None or call.cancelled:
            self._book.acknowledge(call, b"")
            self._book.bye(call, now_s)
            return self._book.end(call, 488)
        call.ring_until_s = NEVER
        self._book.events.append(Answered(call.ident, call.account, call.offer))

    # --- time

    def unanswered(self, client: Client, now_s: float) -> None:
        """Nobody said anything final to a request of ours."""
        call = self._book.get(client.owner)
        if call is None or call.client is not client:
            return
        call.client = None
        if call.state == "up":
            self._book.bye(call, now_s)
        self._book.end(call, 408)

    def unconfirmed(self, server: Server, now_s: float) -> None:
        """We said yes, and no ACK came (§13.3.1.4)."""
        call = self._book.find(server.asked.call_id, server.tag)
        if call is not None and call.server is server:
            self._book.bye(call, now_s)
            self._book.end(call, 408)

    def tick(self, now_s: float) -> None:
        for call in self._book:
            if call.ring_until_s <= now_s:
                self._nobody_took(call, now_s)
            elif call.expires_s <= now_s:
                self._book.bye(call, now_s)
                self._book.end(call, 0)
            elif call.refresh_s <= now_s and call.state == "up" and call.client is None and call.server is None:
                self._refresh(call, now_s)

    def _nobody_took(self, call: Call, now_s: float) -> None:
        call.ring_until_s = NEVER
        if call.state == "asked" and call.server is not None:
            self._book.transactions.answer(call.server, 408, [], now_s)
            self._book.end(call, 408)
        elif call.state == "inviting":
            self._book.hang_up(call.ident, now_s)

    def _refresh(self, call: Call, now_s: float) -> None:
        """By UPDATE where the peer takes that: it changes nothing else; else by what we described before."""
        method = "UPDATE" if "UPDATE" in call.accepts else "INVITE"
        body = call.described if method == "INVITE" else b""
        call.refresh_s = now_s + call.interval_s / 2
        fields = [*call.fields(method), *self._book.ours(call), ("Supported", "timer")]
        fields.append(("Session-Expires", f"{call.interval_s};refresher=uac"))
        fields += [DESCRIBED] if body else []
        send = self._book.transactions.send
        call.client = send(method, call.target, fields, body, call.flow, call.ident, now_s)
