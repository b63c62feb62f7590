"""SIP of one gateway: bytes, where they came from and the time in; bytes to send and events out. Pure.

In this order (RFC 3261 §8.2): is it worth reading, does it follow the grammar, was it said before, is it within a call,
who says so, is it done here. Until an account is proven nothing is kept of whoever asks, and what is done for them is
counted (`strangers.py`): a flood is shed before it is read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from hashlib import blake2b
from typing import Literal

from gateways.radio import bounds
from gateways.radio.sip_book import Book
from gateways.radio.sip_checks import ALLOW, EXTENSIONS, SDP, Asked, Refused, read_response, unsupported
from gateways.radio.sip_checks import read as checked
from gateways.radio.sip_digest import Digest, Secrets, Stale, Wrong
from gateways.radio.sip_events import Event, Over, Registered
from gateways.radio.sip_message import Fields, Request, Response, parse, render_response
from gateways.radio.sip_registrar import Registrar
from gateways.radio.sip_reply import Flow, echoed, reply_flow
from gateways.radio.sip_syntax import BadSyntax, address
from gateways.radio.sip_transactions import Transactions
from gateways.radio.sip_uac import Caller
from gateways.radio.sip_uas import Callee
from gateways.radio.strangers import Strangers

_CLAIM = re.compile(rb"\r\nAuthorization[ \t]*+:[^\r\n]*?nonce=\"([A-Za-z0-9_=-]{16,64})\"", re.I)
TEND_EVERY_S = 1.0
Weight = Literal["proven", "claim", "seldom", "often"] | None


class Agent:
    """`secrets` gives what is known of an account, or None. `key` is this process's own; `sent_by` and `contact` are
    how peers reach us, by the way that they came. `now_s` is of a clock that runs on, `now_ms` since 1970."""

    def __init__(
        self, realm: str, key: bytes, secrets: Callable[[str], Secrets | None], entropy: Callable[[int], bytes],
        sent_by: Callable[[Flow], str], contact: Callable[[Flow], str], now_s: float,
    ) -> None:  # fmt: skip
        self._key, self._secrets = key, secrets
        self.digest = Digest(realm, key)
        self.strangers = Strangers(now_s)
        self.registrar = Registrar()
        self.transactions = Transactions(entropy, sent_by)
        self.book = Book(self.transactions, contact, entropy)
        self.callee, self.caller = Callee(self.book), Caller(self.book)
        self.counts: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()  # wrong secrets by address, since somebody took them
        self._tended_s = now_s

    @property
    def out(self) -> list[tuple[Flow, bytes]]:
        return self.transactions.out

    @property
    def events(self) -> list[Event]:
        return self.book.events

    def receive(self, data: bytes, flow: Flow, now_s: float, now_ms: int) -> bool:
        """One message, at once. Whether it was of somebody who proved themselves, now or before."""
        weight = self.weigh(data, flow, now_s, now_ms)
        return weight is not None and self.read(data, flow, weight == "proven", now_s, now_ms)

    def weigh(self, data: bytes, flow: Flow, now_s: float, now_ms: int) -> Weight:
        """What it is worth, before it is read: of an address and port that were proven; with a nonce that we made for
        its address; a stranger's, who asks seldom or often, as far as those are heard; or nothing, and it is shed."""
        if self.strangers.is_proven(flow.host, flow.port, now_s):
            return "proven"
        claim = _CLAIM.search(data)
        is_ours = claim is not None and self.digest.is_ours(claim[1].decode(), flow.host, now_ms)
        if is_ours and not self.strangers.is_struck(flow.host, now_s):
            return "claim"
        return self.strangers.may_ask(flow.host, now_s)

    def read(self, data: bytes, flow: Flow, proven: bool, now_s: float, now_ms: int) -> bool:
        """As `receive`, of what was weighed."""
        try:
            message = parse(data)
        except BadSyntax:
            self.counts["unreadable"] += 1
            return proven
        if isinstance(message, Response):
            self._response(message, now_s)
            return proven
        asked: Asked | None = None
        try:
            asked = checked(message)
            return self._request(asked, flow, now_s, now_ms) or proven
        except Refused as refused:
            self._refuse(message, asked, flow, refused)
        except BadSyntax as error:  # of a field that not every request needs
            self._refuse(message, asked, flow, Refused(400, str(error)))
        return proven

    def tick(self, now_s: float) -> None:
        self.transactions.tick(now_s)
        while self.transactions.unanswered:
            self.caller.unanswered(self.transactions.unanswered.pop(), now_s)
        while self.transactions.unconfirmed:
            self.caller.unconfirmed(self.transactions.unconfirmed.pop(), now_s)
        if now_s - self._tended_s >= TEND_EVERY_S:
            self._tended_s = now_s
            self.caller.tick(now_s)
            self.registrar.tend(now_s)
            self.strangers.tend(now_s)

    def lost(self, flow: Flow, now_s: float) -> None:
        """A connection is gone: so are its radios, and its calls cannot be reached by it."""
        self.registrar.lost(flow.link)
        for call in self.book:
            if call.flow.reliable and call.flow.link == flow.link:
                self.book.end(call, 0)

    def forget(self, account: str, now_s: float) -> None:
        """It was removed, or has another secret: its radio is not here any more, and its calls end."""
        self.registrar.forget(account)
        self.digest.forget(account)
        for ident in self.book.of(account):
            self.book.hang_up(ident, now_s)
            self.book.events.append(Over(ident, 0))

    # --- what comes

    def _request(self, asked: Asked, flow: Flow, now_s: float, now_ms: int) -> bool:
        if self.transactions.known(asked, now_s) is not None and asked.method not in ("ACK", "CANCEL"):
            return False
        if asked.method == "ACK":
            self.callee.confirmed(asked)
            return False
        if asked.method == "CANCEL":
            self._cancel(asked, flow, now_s)
            return False
        if asked.in_dialog and asked.method != "REGISTER":
            call = self.book.find(asked.call_id, asked.target.tag)
            if call is None:
                raise Refused(481)
            unsupported(asked)
            self._check_room(asked.method)
            self.callee.within(call, asked, flow, now_s)
            return False
        if asked.method == "OPTIONS":
            unsupported(asked)
            raise Refused(200, fields=[("Allow", ALLOW), ("Accept", SDP), ("Supported", ", ".join(EXTENSIONS))])
        if asked.method in ("BYE", "UPDATE"):
            raise Refused(481)
        if asked.method not in ("INVITE", "REGISTER"):
            unsupported(asked)
        account = self._prove(asked, flow, now_s, now_ms)
        self.strangers.proved(flow.host, flow.port, now_s)
        unsupported(asked)
        self._check_room(asked.method)
        if asked.method == "REGISTER":
            self._register(asked, flow, account, now_s, now_ms)
        else:
            self.callee.invited(asked, flow, account, now_s)
        return True

    def _check_room(self, method: str) -> None:
        if self.transactions.is_full(method):
            raise Refused(503, fields=[("Retry-After", "10")])

    def _prove(self, asked: Asked, flow: Flow, now_s: float, now_ms: int) -> str:
        said = asked.request.all("authorization")
        if not said:
            raise self._challenge(asked, flow, now_ms)
        try:
            claim = self.digest.claim(_ours_of(said, self.digest.realm), flow.host, now_ms)
            self.digest.prove(claim, asked.method, self._secrets(claim.account))
        except Stale:
            raise self._challenge(asked, flow, now_ms, stale=True) from None
        except Wrong:
            self.strangers.failed(flow.host, now_s)
            self.counts["failed"] += 1
            if flow.host in self.failures or len(self.failures) < bounds.ADDRESSES_MAX:
                self.failures[flow.host] += 1
            raise self._challenge(asked, flow, now_ms) from None
        return claim.account

    def _challenge(self, asked: Asked, flow: Flow, now_ms: int, stale: bool = False) -> Refused:
        account = asked.sender.uri.user if asked.sender.uri is not None else ""
        known = self._secrets(account)
        return Refused(401, fields=self.digest.challenge(account, known, flow.host, now_ms, stale))

    def _register(self, asked: Asked, flow: Flow, account: str, now_s: float, now_ms: int) -> None:
        if asked.target.uri is None or asked.target.uri.user != account:
            raise Refused(403)
        contacts = self.registrar.register(account, asked, flow, now_s)
        server = self.transactions.begin(asked, flow, self._tag(asked.request))
        self.transactions.answer(server, 200, [*contacts, ("Date", formatdate(now_ms / 1000, usegmt=True))], now_s)
        self.counts["registered"] += 1
        self.events.append(Registered(account, bool(contacts)))

    def _cancel(self, asked: Asked, flow: Flow, now_s: float) -> None:
        server = self.transactions.invite_of(asked)
        if server is None or server.flow.host != flow.host:
            raise Refused(481)
        answer = self.transactions.known(asked, now_s)
        if answer is None:
            self.transactions.answer(self.transactions.begin(asked, flow, server.tag), 200, [], now_s)
        self.callee.cancelled(server, now_s)

    def _response(self, response: Response, now_s: float) -> None:
        try:
            via, _, method, call_id = read_response(response)
            client = self.transactions.answered(response, via.branch, method, now_s)
            if client is not None:
                self.caller.responded(client, response, now_s)
            elif method == "INVITE" and 200 <= response.status < 300:
                self.book.again(call_id, address(response.first("from")).tag)
        except (BadSyntax, Refused):
            self.counts["unreadable"] += 1

    def _refuse(self, request: Request, asked: Asked | None, flow: Flow, refused: Refused) -> None:
        """Without a transaction (§8.2.7): asked again, it is answered again. An ACK is answered by nobody."""
        if request.method == "ACK":
            return
        if asked is not None:
            fields, to = echoed(request, flow, self._tag(request)), reply_flow(asked, flow)
        else:
            fields, to = echoed_plainly(request), flow
        self.counts[str(refused.status)] += 1
        self.out.append((to, render_response(refused.status, [*fields, *refused.fields])))

    def _tag(self, request: Request) -> str:
        """The same for the same request, and for nobody to guess."""
        body = "\n".join((request.first("call-id"), request.first("from"), request.first("cseq")))
        data = body.encode("utf-8", "surrogateescape")
        return blake2b(data, key=self._key, person=b"fc-sip-tag", digest_size=8).hexdigest()


def echoed_plainly(request: Request) -> Fields:
    """Of a request that cannot be read to its end: its fields as they came."""
    return [
        (written, value)
        for name, written in (("via", "Via"), ("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq"))
        for found, value in request.fields
        if found == name
    ]


def _ours_of(said: list[str], realm: str) -> str:
    """Of several Authorization fields the one for our realm."""
    return next((one for one in said if f'realm="{realm}"' in one), said[0])
