"""What a radio offers and what is answered (SDP, RFC 8866; RFC 3264): one stream of sound, its keys, the floor. Pure.

Opus is taken where it is offered, for it goes through untouched; else the first G.711 of the offer. Keys (SDES,
RFC 4568) are believed over TLS only: elsewhere whoever is on the way has read them, so what insists on them is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from ipaddress import ip_address

from gateways.radio import bounds
from gateways.radio.calls import Codec, LocalMedia, MediaOffer, SrtpKeys

SUITE = "AES_CM_128_HMAC_SHA1_80"
KEY_BYTES = 30
PTIMES_MS = (10, 20, 40, 60)
STATIC: dict[str, tuple[Codec, int]] = {"0": ("pcmu", 8_000), "8": ("pcma", 8_000)}
NAMES: dict[tuple[str, int], Codec] = {("opus", 48_000): "opus", ("pcma", 8_000): "pcma", ("pcmu", 8_000): "pcmu"}
WRITTEN = {"opus": "opus/48000/2", "pcma": "PCMA/8000", "pcmu": "PCMU/8000"}
MCPTT = "MCPTT"  # TS 24.380 §12.1.2.2; the format of the floor's media line
MIRRORED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_LINE = re.compile(r"([a-z])=([^\r\n\x00]*+)")
_MEDIA = re.compile(r"([a-z]++) ([0-9]{1,5})(?:/[0-9]{1,3})?+ ([A-Za-z/]++)((?: [\w.\-]++)++)", re.A)
_MAP = re.compile(r"([0-9]{1,3}) ([A-Za-z0-9\-]++)/([0-9]{1,6})(?:/[0-9]{1,2})?+")
_CRYPTO = re.compile(r"([0-9]{1,9}) (\w++) inline:([A-Za-z0-9+/=]++)(?:\|[^ ]*+)?+(?: .*+)?+", re.A)


class Unusable(ValueError):
    """There is no call with this offer (488): the text says why."""


@dataclass(slots=True)
class Section:
    """One media line and what belongs to it."""

    kind: str
    port: int
    proto: str
    formats: list[str]
    host: str | None = None
    attributes: list[tuple[str, str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.attributes if found == name]


@dataclass(frozen=True, slots=True)
class Offer:
    """What was offered, and what an answer needs of it."""

    media: MediaOffer
    sections: tuple[tuple[str, str, str], ...]  # of each media line: kind, proto, formats
    audio: int  # which of them is the sound
    floor: int | None
    direction: str  # the peer's
    crypto_tag: str  # of the key that is taken; empty where none is
    dtmf_hz: int = 8_000  # the clock of telephone-event


def read_offer(body: bytes, secured: bool) -> Offer:
    """`secured`: it came by TLS. `Unusable` for what is no session description, or has no sound that is spoken here."""
    host, outer, sections = _sections(body)
    index = next((i for i, one in enumerate(sections) if _is_sound(one, secured)), None)
    if index is None:
        raise Unusable("no sound that can be had here")
    audio = sections[index]
    codec, payload_type, rate = _codec(audio)
    tag, keys = _keys(audio) if secured else ("", None)
    if audio.proto.startswith("RTP/SAVP") and keys is None:
        raise Unusable("no key that is taken here")
    direction = _direction(audio.attributes) or _direction(outer) or "sendrecv"
    at = audio.host or host
    held = at is not None and at in ("0.0.0.0", "::")
    floor = next((i for i, one in enumerate(sections) if _is_floor(one)), None)
    floor_at = (sections[floor].host or host or "", sections[floor].port) if floor is not None else None
    dtmf_type, dtmf_hz = _dtmf(audio, rate)
    media = MediaOffer(
        _address(at), audio.port, codec, payload_type, dtmf_type, _ptime(audio),
        direction in ("sendrecv", "sendonly"), direction in ("sendrecv", "recvonly") and not held, keys, floor_at,
    )  # fmt: skip
    if floor_at is not None:
        _address(floor_at[0])
    lines = tuple((one.kind, one.proto, " ".join(one.formats)) for one in sections)
    return Offer(media, lines, index, floor, direction, tag, dtmf_hz)


def write_answer(offer: Offer, local: LocalMedia, session: int, version: int) -> bytes:
    """Each media line is answered, in the offer's order; what is not taken with port 0 (RFC 3264 §6)."""
    kind = "IP6" if ":" in local.host else "IP4"
    lines = [
        "v=0",
        f"o=- {session} {version} IN {kind} {local.host}",
        "s=fusioncmd",
        f"c=IN {kind} {local.host}",
        "t=0 0",
    ]
    for i, (what, proto, formats) in enumerate(offer.sections):
        if i == offer.audio:
            lines += _sound(offer, proto, local)
        elif i == offer.floor and local.floor_port is not None:
            lines += [f"m=application {local.floor_port} udp {MCPTT}", f"a=fmtp:{MCPTT} mc_queueing;mc_priority=1"]
        else:
            lines.append(f"m={what} 0 {proto} {formats}")
    return ("\r\n".join(lines) + "\r\n").encode()


def _sound(offer: Offer, proto: str, local: LocalMedia) -> list[str]:
    media = offer.media
    formats = [str(media.payload_type)] + ([str(media.dtmf_type)] if media.dtmf_type is not None else [])
    lines = [f"m=audio {local.port} {proto} {' '.join(formats)}"]
    lines.append(f"a=rtpmap:{media.payload_type} {WRITTEN[media.codec]}")
    if media.codec == "opus":
        lines.append(f"a=fmtp:{media.payload_type} useinbandfec=1;stereo=0;sprop-stereo=0")
    if media.dtmf_type is not None:
        lines.append(f"a=rtpmap:{media.dtmf_type} telephone-event/{offer.dtmf_hz}")
        lines.append(f"a=fmtp:{media.dtmf_type} 0-15")
    if local.keys is not None and offer.crypto_tag:
        key = base64.b64encode(local.keys.outbound).decode()
        lines.append(f"a=crypto:{offer.crypto_tag} {SUITE} inline:{key}")
    return [*lines, f"a=ptime:{media.ptime}", f"a={MIRRORED[offer.direction]}"]


def _sections(body: bytes) -> tuple[str | None, list[tuple[str, str]], list[Section]]:
    """The session's address and attributes, and its media."""
    if len(body) > bounds.SDP_BYTES_MAX:
        raise Unusable("too long")
    host: str | None = None
    outer: list[tuple[str, str]] = []
    found: list[Section] = []
    lines = body.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    if lines[0] != "v=0":
        raise Unusable("no session description")
    for line in filter(None, lines):
        match = _LINE.fullmatch(line)
        if match is None:
            raise Unusable("a line that is none")
        letter, value = match[1], match[2]
        if letter == "m":
            found.append(_media(value))
            if len(found) > bounds.SDP_MEDIA_MAX:
                raise Unusable("too many media")
        elif letter == "c":
            parts = value.split(" ")
            at = parts[2].partition("/")[0] if len(parts) == 3 and parts[0] == "IN" else ""
            if found:
                found[-1].host = at
            else:
                host = at
        elif letter == "a":
            name, _, rest = value.partition(":")
            (found[-1].attributes if found else outer).append((name, rest))
    return host, outer, found


def _media(value: str) -> Section:
    match = _MEDIA.fullmatch(value.rstrip(" "))
    if match is None or int(match[2]) > 65_535:
        raise Unusable("a media line that is none")
    return Section(match[1], int(match[2]), match[3], match[4].split())


def _is_sound(one: Section, secured: bool) -> bool:
    plain, keyed = one.proto in ("RTP/AVP", "RTP/AVPF"), one.proto in ("RTP/SAVP", "RTP/SAVPF")
    return one.kind == "audio" and one.port > 0 and (plain or (keyed and secured))


def _is_floor(one: Section) -> bool:
    return one.kind == "application" and one.port > 0 and one.proto.lower() == "udp" and MCPTT in one.formats


def _codec(audio: Section) -> tuple[Codec, int, int]:
    """What is spoken, its payload type and clock rate."""
    maps = {m[1]: (m[2].lower(), int(m[3])) for value in audio.values("rtpmap") if (m := _MAP.fullmatch(value.strip()))}
    found: list[tuple[Codec, int, int]] = []
    for text in audio.formats:
        codec = NAMES.get(maps[text]) if text in maps else STATIC[text][0] if text in STATIC else None
        if codec is not None and text.isdigit() and int(text) < 128:
            found.append((codec, int(text), 48_000 if codec == "opus" else 8_000))
    if not found:
        raise Unusable("neither Opus nor G.711")
    return next((one for one in found if one[0] == "opus"), found[0])


def _dtmf(audio: Section, rate: int) -> tuple[int | None, int]:
    """Its payload type and clock: the sound's (RFC 4733 §2.1), else 8,000, which many clients have beside Opus."""
    maps = [m for value in audio.values("rtpmap") if (m := _MAP.fullmatch(value.strip()))]
    for wanted in (rate, 8_000):
        for match in maps:
            is_event = match[2].lower() == "telephone-event" and int(match[3]) == wanted
            if is_event and match[1] in audio.formats and int(match[1]) < 128:
                return int(match[1]), wanted
    return None, rate


def _ptime(audio: Section) -> int:
    said = audio.values("ptime")
    wanted = int(said[0]) if said and re.fullmatch("[0-9]{1,3}", said[0]) else 20
    return max((one for one in PTIMES_MS if one <= wanted), default=PTIMES_MS[0])


def _direction(attributes: list[tuple[str, str]]) -> str:
    return next((name for name, _ in attributes if name in MIRRORED), "")


def _keys(audio: Section) -> tuple[str, SrtpKeys | None]:
    for value in audio.values("crypto"):
        match = _CRYPTO.fullmatch(value)
        if match and match[2] == SUITE:
            try:
                key = base64.b64decode(match[3], validate=True)
            except binascii.Error:
                continue
            if len(key) == KEY_BYTES:
                return match[1], SrtpKeys(key, b"")
    return "", None


def _address(text: str | None) -> str:
    try:
        return str(ip_address(text or ""))
    except ValueError:
        raise Unusable("no IP address") from None
