"""Where an answer goes, what it repeats, what tells that a request was said before (RFC 3261 §8.2.6, §17.2.3). Pure."""

from __future__ import annotations

from typing import NamedTuple

from gateways.radio.sip_checks import Asked
from gateways.radio.sip_message import Fields, Request
from gateways.radio.sip_syntax import answered_via

COOKIE = "z9hG4bK"


class Flow(NamedTuple):
    """A way to a peer. `link` names a connection, or the socket of UDP; a connection that is gone has no flow."""

    transport: str  # udp, tcp, tls
    host: str
    port: int
    link: int

    @property
    def reliable(self) -> bool:
        return self.transport != "udp"


def key_of(asked: Asked) -> tuple[str, ...]:
    """§17.2.3; an old client's branch names nothing, so what it says of itself does."""
    method = "INVITE" if asked.method == "ACK" else asked.method
    branch = asked.via.branch
    if branch.startswith(COOKIE) and len(branch) > len(COOKIE):
        return branch, asked.via.host, str(asked.via.port), method
    return asked.call_id, asked.sender.tag, str(asked.number), asked.request.uri, asked.request.first("via"), method


def reply_flow(asked: Asked, flow: Flow) -> Flow:
    """§18.2.2, RFC 3581: where a response goes."""
    if flow.reliable or "rport" in asked.via.params:
        return flow
    return flow._replace(port=asked.via.port or 5060)


def echoed(request: Request, flow: Flow, tag: str) -> Fields:
    """What every response repeats of its request, as much as there is."""
    fields: Fields = []
    vias = request.all("via")
    for i, text in enumerate(vias):
        fields.append(("Via", answered_via(text, flow.host, flow.port) if i == 0 else text))
    to = request.first("to")
    for name, value in (("From", request.first("from")), ("To", to), ("Call-ID", request.first("call-id"))):
        if value:
            tagged = name == "To" and tag and ";tag=" not in value.replace(" ", "").lower()
            fields.append((name, f"{value};tag={tag}" if tagged else value))
    if cseq := request.first("cseq"):
        fields.append(("CSeq", cseq))
    return fields
