"""One call as SIP has it (RFC 3261 §12), and its session timer (RFC 4028). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from gateways.radio import bounds
from gateways.radio.sip_checks import Asked, Refused
from gateways.radio.sip_message import Fields, Response
from gateways.radio.sip_reply import Flow
from gateways.radio.sip_sdp import Offer
from gateways.radio.sip_syntax import BadSyntax, address
from gateways.radio.sip_transactions import Client, Server

_NEVER = float("inf")
# Asked: theirs, and we have not said yes. Inviting: ours, and they have not. Answered: 2xx, and nobody confirmed it.
State = Literal["asked", "inviting", "answered", "up"]


@dataclass(slots=True)
class Call:
    ident: str
    account: str
    flow: Flow
    call_id: str
    local: str  # From or To as we write ourselves, with our tag
    remote: str  # … and the peer, with its tag once that is known
    local_tag: str
    remote_tag: str
    target: str  # the peer's Contact
    route: list[str]
    state: State
    number: int = 0  # of our last request
    their_number: int = -1  # of the peer's
    server: Server | None = None  # an INVITE of theirs that is open, or whose 2xx is not confirmed
    client: Client | None = None  # an INVITE of ours that is open
    offer: Offer | None = None
    described: bytes = b""  # our last session description
    acknowledged: bytes = b""  # our last ACK
    session: int = 0
    version: int = 0
    cancelled: bool = False
    ring_until_s: float = _NEVER
    refresh_s: float = _NEVER  # when we refresh the session
    expires_s: float = _NEVER  # when it is over unless somebody does
    interval_s: int = bounds.SESSION_S
    we_refresh: bool = False
    accepts: set[str] = field(default_factory=set)  # methods that the peer allows

    def fields(self, method: str, number: int | None = None) -> Fields:
        """Of a request of ours within the call."""
        self.number += number is None
        return [
            *(("Route", one) for one in self.route), ("From", self.local), ("To", self.remote),
            ("Call-ID", self.call_id), ("CSeq", f"{self.number if number is None else number} {method}"),
        ]  # fmt: skip

    def learn(self, response: Response) -> None:
        """What a 2xx to our INVITE says of the peer (§12.1.2). `BadSyntax` where it says nothing of itself."""
        contacts = response.all("contact")
        if not contacts:
            raise BadSyntax("no Contact")
        self.target = address(contacts[0]).text
        self.route = [*reversed(response.all("record-route"))]
        self.remote = response.first("to")
        self.remote_tag = address(self.remote).tag

    def time(self, agreed: Agreed, now_s: float) -> None:
        """The peer agreed to a session timer, or did not: then nobody refreshes, and nothing expires."""
        interval_s, refresher = agreed
        if not interval_s:
            self.refresh_s = self.expires_s = _NEVER
            return
        self.interval_s, self.we_refresh = interval_s, refresher == "us"
        self.expires_s = now_s + interval_s
        self.refresh_s = now_s + interval_s / 2 if self.we_refresh else _NEVER
        if not self.we_refresh:
            self.expires_s = now_s + interval_s - min(32, interval_s / 3)  # RFC 4028 §10: BYE before it ends


Agreed = tuple[int, str]  # the interval in seconds (0: no timer), and who refreshes: us, them


def timer_of_request(asked: Asked) -> tuple[Agreed, Fields]:
    """What is agreed to, as UAS, and what the 2xx says of it; `Refused` with 422 for an interval that is too short.

    Where the peer knows no timers we refresh, so that a radio that is gone does not stay in its talkgroup.
    """
    said, knows = asked.request.first("session-expires"), "timer" in asked.request.tokens("supported")
    interval_s, refresher = _session_expires(said) if said else (bounds.SESSION_S, "")
    if said and interval_s < bounds.SESSION_S_MIN:
        raise Refused(422, fields=[("Min-SE", str(bounds.SESSION_S_MIN))])
    who = "uac" if knows and refresher != "uas" else "uas"
    fields = [("Session-Expires", f"{interval_s};refresher={who}"), ("Supported", "timer")]
    if who == "uac":
        fields.append(("Require", "timer"))
    return (interval_s, "them" if who == "uac" else "us"), fields


def timer_of_response(response: Response) -> Agreed:
    """What a 2xx to our INVITE agrees to: without a word of it, we refresh all the same."""
    said = response.first("session-expires")
    if not said:
        return bounds.SESSION_S, "us"
    interval_s, refresher = _session_expires(said)
    return max(interval_s, bounds.SESSION_S_MIN), "them" if refresher == "uas" else "us"


def _session_expires(text: str) -> tuple[int, str]:
    number, _, rest = text.partition(";")
    number = number.strip()
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        raise Refused(400, "Session-Expires is no number")
    refresher = next((p.partition("=")[2].strip().lower() for p in rest.split(";") if "refresher" in p.lower()), "")
    return int(number), refresher
