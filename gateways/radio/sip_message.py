"""SIP messages (RFC 3261 §7) as structs: bytes in, a request or a response out, and back. Pure.

A library was not taken: see ARCHITECTURE, "The radio gateway". What can be answered with a refusal is read, however
wrong it is, and judged in `sip_checks.py`; what cannot (no start line, no header fields) is a `BadSyntax`.
Header values stay text as they came (UTF-8, other bytes kept by surrogates), folded lines joined by one space.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateways.radio import bounds
from gateways.radio.sip_syntax import TOKEN, BadSyntax, items

COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type",
    "f": "from", "s": "subject", "k": "supported", "t": "to", "v": "via", "x": "session-expires", "o": "event",
}  # fmt: skip
LISTS = {"via", "contact", "route", "record-route", "require", "proxy-require", "supported", "accept", "allow"}
REASONS = {
    100: "Trying", 180: "Ringing", 200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 408: "Request Timeout",
    413: "Request Entity Too Large", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 491: "Request Pending", 500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable", 505: "Version Not Supported", 513: "Message Too Large", 603: "Decline",
}  # fmt: skip
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")
_FIELD = re.compile(rf"({TOKEN})[ \t]*+:[ \t]*+", re.S)
_REQUEST = re.compile(rf"({TOKEN})[ ]([^\r\n]*+)", re.S)
_VERSION = re.compile(r" (SIP/[0-9]{1,3}\.[0-9]{1,3})\Z")
_STATUS = re.compile(r"SIP/2\.0 ([0-9]{3})(?: ([^\r\n]*+))?+")

Fields = list[tuple[str, str]]  # name in lower case, value


@dataclass(slots=True)
class Message:
    fields: Fields
    body: bytes = b""

    def first(self, name: str) -> str:
        """The value of that field; empty where there is none."""
        for found, value in self.fields:
            if found == name:
                return value
        return ""

    def all(self, name: str) -> list[str]:
        """Every value of that field, lists split. `BadSyntax` for a list that is none."""
        values = [value for found, value in self.fields if found == name]
        if name not in LISTS:
            return values
        if len(values) == 1 and "," not in values[0]:
            return values if values[0] else []
        return [item for value in values if value for item in items(value)]

    def count(self, name: str) -> int:
        return sum(found == name for found, _ in self.fields)

    def tokens(self, name: str) -> set[str]:
        return {value.strip().lower() for value in self.all(name)}


@dataclass(slots=True)
class Request(Message):
    method: str = ""
    uri: str = ""
    version: str = "SIP/2.0"
    flaw: str = ""  # why it cannot be taken, where it can be refused all the same


@dataclass(slots=True)
class Response(Message):
    status: int = 0
    reason: str = ""
    sent_to: object = field(default=None, repr=False)


def parse(data: bytes) -> Request | Response:
    """One whole message, as UDP brings it: bytes beyond Content-Length are no part of it (§18.3)."""
    if len(data) > bounds.MESSAGE_BYTES_MAX:
        raise BadSyntax("too long")
    head, end, body = data.lstrip(b"\r\n").partition(b"\r\n\r\n")
    if not end:
        raise BadSyntax("no end of the header fields")
    start, fields, flaw = read_head(head)
    lengths = [value for name, value in fields if name == "content-length"]
    if lengths and lengths[0].isascii() and lengths[0].isdigit():
        length = int(lengths[0][:9])
        if len(body) < length:
            flaw = flaw or "shorter than Content-Length"
        body = body[:length]
    if start[:4].upper() == "SIP/" and (status := _STATUS.fullmatch(start)):
        if flaw:
            raise BadSyntax(flaw)
        return Response(fields, body, int(status[1]), status[2] or "")
    return _request(start, fields, body, flaw)


def read_head(head: bytes) -> tuple[str, Fields, str]:
    """The start line, the header fields, and what is wrong with a line among them, which is left out."""
    if len(head) > bounds.HEAD_BYTES_MAX:
        raise BadSyntax("header fields that are too long")
    if b"\r\n " in head or b"\r\n\t" in head:
        head = _FOLD.sub(b" ", head)
    start, *lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if len(lines) > bounds.HEADERS_MAX:
        raise BadSyntax("too many header fields")
    fields: Fields = []
    flaw = ""
    for line in lines:
        match = _FIELD.match(line)
        if match is None or "\r" in line or "\n" in line:
            flaw = "a line that is no header field"
            continue
        name = match[1].lower()
        fields.append((COMPACT.get(name, name), line[match.end() :].rstrip(" \t")))
    return start, fields, flaw


def _request(start: str, fields: Fields, body: bytes, flaw: str) -> Request:
    match = _REQUEST.fullmatch(start)
    if match is None:
        raise BadSyntax("no start line")
    version = _VERSION.search(match[2])
    if version is None:
        if not match[2].rstrip().endswith("SIP/2.0"):
            raise BadSyntax("no start line")
        return Request(fields, body, match[1], "", "SIP/2.0", flaw)  # spaces at its end: refused
    return Request(fields, body, match[1], match[2][: version.start()], version[1], flaw)


def render_request(method: str, uri: str, fields: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    return _render(f"{method} {uri} SIP/2.0", fields, body)


def render_response(status: int, fields: Iterable[tuple[str, str]], body: bytes = b"", reason: str = "") -> bytes:
    return _render(f"SIP/2.0 {status} {reason or REASONS[status]}", fields, body)


def _render(start: str, fields: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields), f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + body
