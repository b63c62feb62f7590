"""What is wrong with a request, before anybody looks at what it asks for: a status, and why (RFC 3261 §8.2). Pure.

`read` takes what every request must have and refuses what does not follow the grammar; `unsupported` refuses what does,
and asks for something that is not here. A request whose header fields are missing is refused with those that it has.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateways.radio import bounds
from gateways.radio.sip_message import Fields, Request, Response
from gateways.radio.sip_syntax import Address, BadSyntax, UnknownScheme, Uri, Via, address, cseq, uri, via

METHODS = ("INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "UPDATE")
KNOWN = {*METHODS, "INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE"}
ALLOW = ", ".join(METHODS)
EXTENSIONS = {"timer"}
SDP = "application/sdp"
_ONE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type", "expires")
_WANTED = ("from", "to", "call-id", "cseq")


class Refused(Exception):
    """A request is answered with `status`; `fields` are what the answer says besides."""

    def __init__(self, status: int, why: str = "", fields: Fields | None = None) -> None:
        super().__init__(f"{status} {why}")
        self.status, self.why, self.fields = status, why, fields or []


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that follows the grammar, with what everybody needs of it."""

    request: Request
    uri: Uri
    sender: Address  # From
    target: Address  # To
    call_id: str
    number: int  # of CSeq
    method: str
    via: Via  # the topmost

    @property
    def in_dialog(self) -> bool:
        return bool(self.target.tag)


def read(request: Request) -> Asked:
    """`Refused` with 400, 416, 501 or 505."""
    if request.version != "SIP/2.0":
        raise Refused(505)
    for name in _ONE:
        count = request.count(name)
        if count > 1:
            raise Refused(400, f"more than one {name}")
        if count == 0 and name in _WANTED:
            raise Refused(400, f"no {name}")
    try:
        return _read(request)
    except BadSyntax as error:
        raise Refused(400, str(error)) from None


def _read(request: Request) -> Asked:
    vias = request.all("via")
    if not 0 < len(vias) <= bounds.VIAS_MAX:
        raise BadSyntax("no Via, or too many")
    top = via(vias[0])
    sender, target = address(request.first("from")), address(request.first("to"))
    number, method = cseq(request.first("cseq"))
    if request.flaw:
        raise BadSyntax(request.flaw)
    _check_number(request, "content-length", bounds.MESSAGE_BYTES_MAX)
    _check_number(request, "max-forwards", 255)
    _check_number(request, "expires", None)
    if method != request.method:
        raise BadSyntax("another method in CSeq")
    if not request.first("call-id") or " " in request.first("call-id"):
        raise BadSyntax("no Call-ID")
    for name in ("contact", "route", "record-route"):
        values = request.all(name)
        if name == "contact" and values == ["*"]:
            continue
        for value in values:
            address(value)
    try:
        asked = uri(request.uri)
    except UnknownScheme:
        raise Refused(416) from None
    if asked.headers:
        raise BadSyntax("header fields in the Request-URI")
    if request.method not in KNOWN:
        raise Refused(501)
    return Asked(request, asked, sender, target, request.first("call-id"), number, method, top)


def unsupported(asked: Asked) -> None:
    """`Refused` with 405, 406, 413, 415, 416 or 420 for what is in order and is not done here."""
    request = asked.request
    if asked.method not in METHODS:
        raise Refused(405, fields=[("Allow", ALLOW)])
    if asked.method in ("ACK", "CANCEL"):
        return
    wanted = [*request.all("require"), *request.all("proxy-require")]
    if unknown := [one for one in request.all("require") if one.strip().lower() not in EXTENSIONS]:
        raise Refused(420, fields=[("Unsupported", ", ".join(unknown))])
    if len(wanted) > len(request.all("require")):  # nobody's proxy, so nothing of one is supported
        raise Refused(420, fields=[("Unsupported", ", ".join(request.all("proxy-require")))])
    if asked.target.uri is None or asked.sender.uri is None:
        raise Refused(416)
    if request.body:
        kind = request.first("content-type").partition(";")[0].strip().lower()
        if request.first("content-encoding") not in ("", "identity"):
            raise Refused(415, fields=[("Accept-Encoding", "identity")])
        if kind != SDP:
            raise Refused(415, fields=[("Accept", SDP)])
        if len(request.body) > bounds.SDP_BYTES_MAX:
            raise Refused(413)
    accepts = {one.partition(";")[0].strip().lower() for one in request.all("accept")}
    if asked.method == "INVITE" and request.count("accept") and not accepts & {SDP, "application/*", "*/*"}:
        raise Refused(406)


def _check_number(request: Request, name: str, most: int | None) -> None:
    value = request.first(name)
    if value or request.count(name):
        if not (value.isascii() and value.isdigit()) or len(value) > 10:
            raise BadSyntax(f"{name} is no number")
        if most is not None and int(value) > most:
            raise BadSyntax(f"{name} is too large")


def read_response(response: Response) -> tuple[Via, int, str, str]:
    """The topmost Via, CSeq and Call-ID of a response; `BadSyntax` for one that is to be dropped (§18.1.2)."""
    if not 100 <= response.status <= 699:
        raise BadSyntax("no status")
    vias = response.all("via")
    if len(vias) != 1:  # ours alone, for nobody is before us
        raise BadSyntax("not one Via")
    number, method = cseq(response.first("cseq"))
    for name in ("from", "to", "contact", "record-route"):
        for value in response.all(name):
            address(value)
    return via(vias[0]), number, method, response.first("call-id")


def expires_of(asked: Asked, contact: Address | None) -> int | None:
    """Seconds that a registration is asked for, cut to what can be had; None where nothing is said."""
    said = (contact.params.get("expires") if contact is not None else None) or asked.request.first("expires")
    if not said:
        return None
    if not (said.isascii() and said.isdigit()):
        return None  # §20.19: as if it said nothing
    return int(said) if len(said) < 10 else bounds.REGISTERED_S_MAX


def without_tag(one: Address) -> Address:
    return replace(one, params={name: value for name, value in one.params.items() if name != "tag"})
