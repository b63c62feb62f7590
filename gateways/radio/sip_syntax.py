"""The words of SIP (RFC 3261 §25): URIs, addresses, Via, parameters, lists, the Authorization field. Pure.

Every pattern is linear: alternatives begin with different characters and quantifiers are possessive, so no text makes
one go back. What does not follow the grammar is a `BadSyntax`, never another exception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]++"
QUOTED = r'"(?:[^"\\]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*+"'
HOST = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._\-])*+|\[[0-9A-Fa-f:.]++\])"
_S = r"[ \t]*+"
_VALUE = rf"(?:{QUOTED}|\[[0-9A-Fa-f:.]++\]|[^\s\";,<>\[\]=]++)"
_PARAM = re.compile(rf"{_S};{_S}({TOKEN})(?:{_S}={_S}({_VALUE}))?+")
_ITEM = re.compile(r'[ \t]*+((?:[^",<]|"(?:[^"\\]|\\.)*+"|<[^<>]*+>)++)(?:,|\Z)', re.S)
_DISPLAY = re.compile(rf"({QUOTED}|(?:{TOKEN}[ \t]*+)*+)[ \t]*+<([^<>]*+)>")
_SPEC = re.compile(r"[^\s;,?<>\"]++")
_URI = re.compile(
    r"(sips?):(?:((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9\-_.!~*'()&=+$,;?/#])++)"
    r"(?::((?:%[0-9A-Fa-f]{2}|[A-Za-z0-9\-_.!~*'()&=+$,])*+))?@)?"
    rf"({HOST})(?::([0-9]{{1,5}}))?((?:;[^;?\s<>\"]++)*+)(\?[^\s<>\"]*+)?",
    re.I,
)
_VIA = re.compile(rf"SIP{_S}/{_S}2\.0{_S}/{_S}({TOKEN})[ \t]++({HOST})(?:{_S}:{_S}([0-9]{{1,5}}))?{_S}(?=;|\Z)", re.I)
_CSEQ = re.compile(rf"([0-9]{{1,10}})[ \t]++({TOKEN})")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*+:")
_AUTH = re.compile(rf"{_S}({TOKEN}){_S}={_S}({QUOTED}|[^\s\",]++){_S}(?:,|\Z)")
_RPORT = re.compile(r";[ \t]*+rport[ \t]*+(?=;|\Z)", re.I)
_ESCAPE = re.compile(r"\\(.)", re.S)

Params = dict[str, str | None]


class BadSyntax(ValueError):
    """It does not follow the grammar; the text says what does not."""


class UnknownScheme(BadSyntax):
    """An URI, but none of SIP."""


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP or SIPS URI; `text` is how it came. `headers`: it has a `?…` part."""

    scheme: str
    user: str  # unescaped; empty where there is none
    host: str
    port: int | None
    params: Params
    text: str
    headers: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr or addr-spec with what follows it. `uri` is None where the scheme is not one of SIP."""

    name: str
    uri: Uri | None
    text: str  # of the URI
    params: Params = field(default_factory=dict)

    @property
    def tag(self) -> str:
        return self.params.get("tag") or ""


@dataclass(frozen=True, slots=True)
class Via:
    transport: str
    host: str
    port: int | None
    params: Params

    @property
    def branch(self) -> str:
        return self.params.get("branch") or ""


def items(value: str) -> list[str]:
    """A comma-separated list, split outside quotes and angle brackets; an empty item is bad."""
    found, at = [], 0
    while at < len(value):
        match = _ITEM.match(value, at)
        if match is None or not (item := match[1].strip()):
            raise BadSyntax("a list that is none")
        found.append(item)
        at = match.end()
        if at == len(value) and value.endswith(",") and match[0].endswith(","):
            raise BadSyntax("a list that ends with a comma")
    return found


def params(text: str) -> Params:
    """`;name=value;name`, names in lower case. Twice the same name is bad."""
    found: Params = {}
    at, end = 0, len(text.rstrip(" \t"))
    while at < end:
        match = _PARAM.match(text, at)
        if match is None:
            raise BadSyntax("parameters that are none")
        name, value = match[1].lower(), match[2]
        if name in found:
            raise BadSyntax("a parameter twice")
        found[name] = unquoted(value) if value and value[0] == '"' else value
        at = match.end()
    return found


def uri(text: str) -> Uri:
    match = _URI.fullmatch(text)
    if match is None:
        if _SCHEME.match(text) and not text[:5].lower().startswith(("sip:", "sips:")) and " " not in text:
            raise UnknownScheme("another scheme")
        raise BadSyntax("no SIP URI")
    port = int(match[5]) if match[5] else None
    if port is not None and not 0 < port < 65_536:
        raise BadSyntax("no port")
    found: Params = {}
    for one in match[6].split(";")[1:]:
        name, _, value = one.partition("=")
        found[unquote(name).lower()] = unquote(value) or None
    user = unquote(match[2], errors="replace") if match[2] else ""
    return Uri(match[1].lower(), user, match[4].lower(), port, found, text, match[7] is not None)


def address(text: str) -> Address:
    match = _DISPLAY.match(text)
    if match is not None:
        name = match[1].strip()
        spec, rest = match[2], text[match.end() :]
        name = unquoted(name) if name[:1] == '"' else name
    else:
        bare = _SPEC.match(text)
        if bare is None:
            raise BadSyntax("no address")
        name, spec, rest = "", bare[0], text[bare.end() :]
    try:
        meant: Uri | None = uri(spec)
    except UnknownScheme:
        meant = None
    return Address(name, meant, spec, params(rest))


def via(text: str) -> Via:
    match = _VIA.match(text)
    if match is None:
        raise BadSyntax("no Via")
    port = int(match[3]) if match[3] else None
    if port is not None and not 0 < port < 65_536:
        raise BadSyntax("no port in Via")
    return Via(match[1].upper(), match[2].lower(), port, params(text[match.end() :]))


def answered_via(text: str, host: str, port: int) -> str:
    """The topmost Via as a response has it: with `received`, and `rport` where that was asked for (RFC 3581)."""
    filled = _RPORT.sub(f";rport={port}", text, count=1)
    return f"{filled};received={host}"


def cseq(text: str) -> tuple[int, str]:
    match = _CSEQ.fullmatch(text)
    if match is None or int(match[1]) >= 1 << 31:
        raise BadSyntax("no CSeq")
    return int(match[1]), match[2]


def credentials(text: str) -> tuple[str, dict[str, str]]:
    """Scheme in lower case, and parameters, of an Authorization field; an unknown scheme has none."""
    scheme, _, rest = text.partition(" ")
    if scheme.lower() != "digest":
        return scheme.lower(), {}
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        match = _AUTH.match(rest, at)
        if match is None or match[1].lower() in found:
            raise BadSyntax("no credentials")
        value = match[2]
        found[match[1].lower()] = unquoted(value) if value[0] == '"' else value
        at = match.end()
    return "digest", found


def unquoted(text: str) -> str:
    return _ESCAPE.sub(r"\1", text[1:-1])


def quoted(text: str) -> str:
    """As a quoted-string; what no line may hold becomes a space."""
    clean = "".join(c if c >= " " and c != "\x7f" else " " for c in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
