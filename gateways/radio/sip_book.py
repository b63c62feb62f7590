"""The calls that there are, and what is said within one of them whoever began it (RFC 3261 §12, §13, §15). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gateways.radio.sip_checks import ALLOW, SDP, Asked, Refused
from gateways.radio.sip_dialog import Call, State
from gateways.radio.sip_events import Event, Over
from gateways.radio.sip_message import Fields, render_request
from gateways.radio.sip_reply import COOKIE, Flow
from gateways.radio.sip_sdp import Offer, Unusable, read_offer
from gateways.radio.sip_syntax import address
from gateways.radio.sip_transactions import Transactions

DESCRIBED = ("Content-Type", SDP)
NEVER = float("inf")


class Book:
    """`contact` gives our own address by flow; `entropy` that many bytes."""

    def __init__(
        self, transactions: Transactions, contact: Callable[[Flow], str], entropy: Callable[[int], bytes]
    ) -> None:
        self.transactions, self._contact, self._entropy = transactions, contact, entropy
        self._calls: dict[str, Call] = {}
        self._by_tag: dict[tuple[str, str], str] = {}  # Call-ID and our tag → call
        self._theirs: dict[tuple[str, str], str] = {}  # Call-ID and the tag of who called us → call
        self._of: dict[str, set[str]] = {}  # account → calls
        self._made = 0
        self.events: list[Event] = []

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter([*self._calls.values()])

    def get(self, ident: str) -> Call | None:
        return self._calls.get(ident)

    def of(self, account: str) -> list[str]:
        return sorted(self._of.get(account, ()))

    def find(self, call_id: str, our_tag: str) -> Call | None:
        ident = self._by_tag.get((call_id, our_tag))
        return None if ident is None else self._calls[ident]

    def is_merged(self, asked: Asked) -> bool:
        """The same request came by another way already (§8.2.2.2)."""
        return (asked.call_id, asked.sender.tag) in self._theirs

    def called_by(self, call: Call, remote: str, tag: str) -> None:
        """It is theirs: what they call themselves."""
        call.remote, call.remote_tag = remote, tag
        self._theirs[call.call_id, tag] = call.ident

    def new(self, account: str, flow: Flow, call_id: str, state: State, target: str) -> Call:
        self._made += 1
        tag = self._entropy(8).hex()
        session = int.from_bytes(self._entropy(4), "big")
        call = Call(f"c{self._made}", account, flow, call_id, "", "", tag, "", target, [], state, session=session)
        self._calls[call.ident] = call
        self._by_tag[call_id, tag] = call.ident
        self._of.setdefault(account, set()).add(call.ident)
        return call

    def call_id(self) -> str:
        return self._entropy(12).hex()

    def forget(self, call: Call) -> None:
        self._calls.pop(call.ident, None)
        self._by_tag.pop((call.call_id, call.local_tag), None)
        if self._theirs.get((call.call_id, call.remote_tag)) == call.ident:
            del self._theirs[call.call_id, call.remote_tag]
        if (own := self._of.get(call.account)) is not None:
            own.discard(call.ident)
            if not own:
                del self._of[call.account]

    def end(self, call: Call, status: int) -> None:
        """It is over by the peer's doing, or by time: that is told."""
        self.forget(call)
        self.events.append(Over(call.ident, status))

    def ours(self, call: Call) -> Fields:
        return [("Contact", f"<{self._contact(call.flow)}>"), ("Allow", ALLOW)]

    def offer(self, asked: Asked, flow: Flow) -> Offer:
        """`Refused` with 488 where there is none that can be taken."""
        try:
            return read_offer(asked.request.body, flow.transport == "tls")
        except Unusable as error:
            raise Refused(488, str(error), [("Warning", f'399 fusioncmd "{error}"')]) from None

    def acknowledge(self, call: Call, body: bytes) -> None:
        """The ACK of a 2xx; said again whenever that comes again (`again`)."""
        branch = COOKIE + self._entropy(8).hex()
        head = [("Via", self.transactions.via(call.flow, branch)), ("Max-Forwards", "70")]
        fields = [*head, *call.fields("ACK", call.number), *([DESCRIBED] if body else [])]
        call.acknowledged = render_request("ACK", call.target, fields, body)
        self.transactions.out.append((call.flow, call.acknowledged))

    def again(self, call_id: str, our_tag: str) -> None:
        call = self.find(call_id, our_tag)
        if call is not None and call.acknowledged:
            self.transactions.out.append((call.flow, call.acknowledged))

    def bye(self, call: Call, now_s: float) -> None:
        self.transactions.send("BYE", call.target, call.fields("BYE"), b"", call.flow, call.ident, now_s)

    def hang_up(self, ident: str, now_s: float) -> None:
        """The call is over for us, in whatever state; no event comes of it."""
        call = self._calls.get(ident)
        if call is None:
            return
        if call.state == "asked" and call.server is not None:
            self.transactions.answer(call.server, 480, [], now_s)
        elif call.client is not None and call.state == "inviting" and call.client.status < 200:
            call.cancelled = True
            if call.client.status >= 100:
                self.transactions.cancel(call.client, now_s)
            return  # until the peer has said what became of it
        else:
            if call.state == "inviting":
                self.acknowledge(call, b"")
            self.bye(call, now_s)
        self.forget(call)


def target_of(asked: Asked) -> str:
    """The peer's Contact; where an old client gives none, who it says it is (RFC 2543)."""
    contacts = asked.request.all("contact")
    if len(contacts) > 1 or contacts == ["*"]:
        raise Refused(400, "not one Contact")
    found = address(contacts[0]) if contacts else asked.sender
    if found.uri is None:
        raise Refused(400, "a Contact that is no SIP URI")
    return found.text
