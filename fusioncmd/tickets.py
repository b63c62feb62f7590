"""Tickets: what a terminal shows in its first frame to prove which responder it serves. Pure.

A ticket is a MessagePack array followed by a 16-byte BLAKE2b tag keyed with the tier's ticket key (RFC 7693): one
cheap operation to check, so that a province that reconnects at once costs its gateways microseconds each.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadTicket
from fusioncmd.messages import Code, Role

KEY_BYTES = 32
TAG_BYTES = 16


class Ticket(Struct, frozen=True, array_like=True, tag="ticket.2"):
    number: Annotated[int, Meta(ge=0, lt=1 << 32)]
    village: Code  # 12 digits, or the town's 9 for a person of the town itself
    roles: Annotated[tuple[Role, ...], Meta(max_length=limits.ROLES_PER_PERSON_MAX)]
    expires_s: Annotated[int, Meta(ge=0, lt=1 << 48)]  # since 1970
    device: Annotated[bytes, Meta(max_length=8)] = b""  # that was enrolled; empty: made by `fusioncmd ticket`


class ExpiredTicket(BadTicket):
    pass


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Ticket)


def mint(ticket: Ticket, key: bytes) -> bytes:
    payload = _encode(ticket)
    return payload + tag(payload, key)


def check(data: bytes, key: bytes, now_s: float) -> Ticket:
    """The ticket that `data` proves, at `now_s`; `BadTicket`, or `ExpiredTicket`, otherwise."""
    payload = data[:-TAG_BYTES]
    if len(data) > limits.TICKET_BYTES_MAX or not compare_digest(data[-TAG_BYTES:], tag(payload, key)):
        raise BadTicket("The ticket is not one of ours.", "票据无效：不是本系统签发。")
    try:
        ticket = _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadTicket("The ticket cannot be read.", "票据无法读取。") from None
    if ticket.expires_s <= now_s:
        raise ExpiredTicket("The ticket has expired.", "票据已过期。")
    return ticket


def to_text(data: bytes) -> str:
    """As a person copies it: URL-safe base 64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_text(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip() + "=" * (-len(text.strip()) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadTicket("The ticket is not base 64.", "票据不是 base64 文本。") from None


def tag(payload: bytes, key: bytes) -> bytes:
    """What proves `payload` to whoever has `key`: 16 bytes."""
    return blake2b(payload, digest_size=TAG_BYTES, key=key).digest()
