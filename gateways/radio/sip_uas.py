"""A radio calls us, and within a call: INVITE, re-INVITE, UPDATE, BYE, CANCEL, ACK (RFC 3261 §13.3, §14.2). Pure.

Whether a call is taken is for who hears the events to say; what was offered is answered by `accept`, or `refuse`.
"""

from __future__ import annotations

from gateways.radio import bounds
from gateways.radio.calls import LocalMedia
from gateways.radio.sip_book import DESCRIBED, NEVER, Book, target_of
from gateways.radio.sip_checks import ALLOW, Asked, Refused
from gateways.radio.sip_dialog import Call, timer_of_request
from gateways.radio.sip_events import Changed, Invited
from gateways.radio.sip_message import Fields
from gateways.radio.sip_reply import Flow
from gateways.radio.sip_sdp import write_answer
from gateways.radio.sip_transactions import Server


class Callee:
    def __init__(self, book: Book) -> None:
        self._book = book

    # --- the peer asks

    def invited(self, asked: Asked, flow: Flow, account: str, now_s: float) -> None:
        """A first INVITE of somebody who proved their account. `Refused`, and then there is no call."""
        if len(self._book) >= bounds.CALLS_MAX:
            raise Refused(503, fields=[("Retry-After", "10")])
        if len(self._book.of(account)) >= bounds.CALLS_PER_ACCOUNT_MAX:
            raise Refused(486)
        if self._book.is_merged(asked):
            raise Refused(482)  # §8.2.2.2: the same request by another way
        target = target_of(asked)
        timer_of_request(asked)
        offer = self._book.offer(asked, flow)
        call = self._book.new(account, flow, asked.call_id, "asked", target)
        self._book.called_by(call, asked.request.first("from"), asked.sender.tag)
        call.local = f"{asked.request.first('to')};tag={call.local_tag}"
        call.route, call.their_number, call.offer = asked.request.all("record-route"), asked.number, offer
        call.accepts = {one.upper() for one in asked.request.tokens("allow")}
        call.server = self._book.transactions.begin(asked, flow, call.local_tag)
        call.ring_until_s = now_s + bounds.RINGING_S_MAX
        self._book.transactions.answer(call.server, 100, [], now_s)
        self._book.events.append(Invited(call.ident, account, asked.uri.user, offer))

    def within(self, call: Call, asked: Asked, flow: Flow, now_s: float) -> None:
        """A request within a call, that was not said before."""
        server = self._book.transactions.begin(asked, flow, call.local_tag)
        if asked.number <= call.their_number:
            return self._book.transactions.answer(server, 500, [], now_s)
        call.their_number = asked.number
        if asked.method == "BYE":
            self._book.transactions.answer(server, 200, [], now_s)
            if call.server is not None and call.server.status < 200:
                self._book.transactions.answer(call.server, 487, [], now_s)
            return self._book.end(call, 0)
        if asked.method not in ("INVITE", "UPDATE"):
            return self._book.transactions.answer(server, 200, [("Allow", ALLOW)], now_s)
        try:
            self._reinvited(call, asked, server, flow, now_s)
        except Refused as refused:
            self._book.transactions.answer(server, refused.status, refused.fields, now_s)

    def _reinvited(self, call: Call, asked: Asked, server: Server, flow: Flow, now_s: float) -> None:
        if call.client is not None:
            raise Refused(491)
        if call.state != "up" or (call.server is not None and call.server.status < 200):
            raise Refused(500, fields=[("Retry-After", "1")])
        agreed, fields = timer_of_request(asked)
        if asked.request.count("contact"):
            call.target = target_of(asked)
        if flow.reliable or flow.link == call.flow.link:
            call.flow = flow
        if asked.request.body:
            call.offer = self._book.offer(asked, flow)
            call.server = server
            if asked.method == "INVITE":
                self._book.transactions.answer(server, 100, [], now_s)
            self._book.events.append(Changed(call.ident, call.offer))
            return
        call.time(agreed, now_s)
        body = call.described if asked.method == "INVITE" else b""  # asked for an offer: what holds is offered
        self._book.transactions.answer(
            server, 200, [*self._book.ours(call), *fields, *([DESCRIBED] if body else [])], now_s, body
        )
        if asked.method == "INVITE":
            call.server, call.state = server, "answered"

    def confirmed(self, asked: Asked) -> None:
        """An ACK. One that belongs to nothing is nothing to anybody."""
        call = self._book.find(asked.call_id, asked.target.tag)
        if call is None or call.server is None or call.server.asked.number != asked.number:
            return
        if 200 <= call.server.status < 300:
            self._book.transactions.confirm(call.server)
            call.server, call.state = None, "up"

    def cancelled(self, server: Server, now_s: float) -> None:
        """Their INVITE is taken back, where nobody has said yes."""
        call = self._book.find(server.asked.call_id, server.tag)
        if server.status >= 200 or call is None or call.server is not server:
            return
        self._book.transactions.answer(server, 487, [], now_s)
        if call.state == "asked":
            self._book.end(call, 487)
        else:
            call.server = None

    # --- we answer

    def ring(self, ident: str, now_s: float) -> None:
        call = self._book.get(ident)
        if call is not None and call.state == "asked" and call.server is not None:
            self._book.transactions.answer(call.server, 180, self._book.ours(call), now_s)

    def accept(self, ident: str, local: LocalMedia, now_s: float) -> None:
        """Yes, with our side of the sound: to an INVITE, a re-INVITE, an UPDATE, or the 200 to an INVITE of ours."""
        call = self._book.get(ident)
        if call is None or call.offer is None:
            return
        call.version += 1
        call.described = write_answer(call.offer, local, call.session, call.version)
        if call.server is None:
            if call.state == "inviting":
                self._book.acknowledge(call, call.described)
                call.state = "up"
            return
        agreed, fields = timer_of_request(call.server.asked)
        call.time(agreed, now_s)
        said = [*self._book.ours(call), *fields, DESCRIBED]
        self._book.transactions.answer(call.server, 200, said, now_s, call.described)
        call.ring_until_s = NEVER
        if call.server.method == "INVITE":
            call.state = "answered"
        else:
            call.server = None

    def refuse(self, ident: str, status: int, now_s: float, fields: Fields | None = None) -> None:
        """No: to a call, which is over then; to a change of one, which goes on as it was."""
        call = self._book.get(ident)
        if call is None:
            return
        if call.server is None or call.server.status >= 200:
            return self._book.hang_up(ident, now_s)
        self._book.transactions.answer(call.server, status, fields or [], now_s)
        call.server = None
        if call.state == "asked":
            self._book.forget(call)
