"""Accounts of radios, as they stand in the trust stream, and what of a secret is kept. Pure.

A radio proves itself by HTTP digest, so what is kept is H(account:realm:secret), by SHA-256 (RFC 8760), and by MD5 for
radios that know nothing else: whoever reads it can pass for that radio at this tier, and nowhere else, and the secret
itself is nowhere but in the radio. The realm is the node's code. A record has a tag (BLAKE2b keyed with the tier's
ticket key, RFC 7693): a broker that is taken over can put no account of its own there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from hashlib import blake2b, md5, sha256
from hmac import compare_digest
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.voice.faults import Totals

ACCOUNT = r"[A-Za-z][A-Za-z0-9_-]{0,29}"  # a letter first: it is never taken for a code that is dialled
SECRET_BYTES = 15  # 120 bits, 24 characters
ACCOUNTS_MAX = 65_536  # of one node; reject
FAILURES_SHOWN_MAX = 64  # addresses in one message; the others as one count
RING_ACCOUNTS_MAX = 1_024  # in one message; what is more goes in further ones
_TAG_BYTES = 16

Account = Annotated[str, Meta(pattern=rf"\A{ACCOUNT}\Z")]
Code = Annotated[str, Meta(pattern=r"\A([0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\Z")]
Number = Annotated[int, Meta(ge=0, lt=1 << 32)]
Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Md5 = Annotated[str, Meta(pattern=r"\A([0-9a-f]{32}|)\Z")]  # empty: SHA-256 alone
Shown = Annotated[str, Meta(min_length=1, max_length=limits.NAME_CHARS_MAX)]


class Radio(Struct, frozen=True, array_like=True, tag="radio.1"):
    """An account. `number`: whose radio it is, or None; `path`: where it belongs. `removed`: nobody has it any more."""

    account: Account
    path: Code
    number: Number | None
    name: Shown
    sha256: Sha256
    md5: Md5
    changed_ms: Annotated[int, Meta(ge=0, lt=1 << 48)]
    removed: bool = False


class Failures(Struct, frozen=True, array_like=True, tag="radio-failures.1"):
    """Wrong secrets that a gateway was shown since it last told: by address, and how many there were in all."""

    by_address: Annotated[dict[str, int], Meta(max_length=FAILURES_SHOWN_MAX)]
    total: Annotated[int, Meta(ge=0, lt=1 << 48)]


class Here(Struct, frozen=True, array_like=True, tag="radios-here.1"):
    """The accounts that have a radio at one gateway now, in how many calls they are, and what failed there."""

    gateway: Annotated[str, Meta(max_length=64)]
    accounts: Annotated[tuple[Account, ...], Meta(max_length=ACCOUNTS_MAX)]
    calls: Annotated[int, Meta(ge=0, lt=1 << 32)]
    faults: Totals = {}


class Ring(Struct, frozen=True, array_like=True, tag="radio-ring.1"):
    """Call the radios of `path` and below, or those `accounts`, into the talkgroup `where`, for `by`. `end`: instead,
    end calls that are in it, of those accounts, or all."""

    path: Code
    accounts: Annotated[tuple[Account, ...], Meta(max_length=RING_ACCOUNTS_MAX)]
    where: Annotated[str, Meta(max_length=64)]
    by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]
    end: bool = False


Told = Failures | Here | Ring
T = TypeVar("T", Radio, Failures, Here, Ring)


def hashes(account: str, realm: str, secret: str) -> tuple[str, str]:
    """By SHA-256 and by MD5."""
    text = f"{account}:{realm}:{secret}".encode()
    return sha256(text).hexdigest(), md5(text, usedforsecurity=False).hexdigest()


def new_secret(entropy: Callable[[int], bytes]) -> str:
    """What people type into a radio: letters and digits, nothing that is taken for something else."""
    return base64.b32encode(entropy(SECRET_BYTES)).decode().lower()


def pack(radio: Radio, key: bytes) -> bytes:
    payload = msgspec.msgpack.encode(radio)
    return payload + _tag(payload, key)


def unpack(data: bytes, key: bytes) -> Radio:
    """`BadInput` for what no node of this tier wrote."""
    payload = data[:-_TAG_BYTES]
    if not compare_digest(data[-_TAG_BYTES:], _tag(payload, key)):
        raise BadInput("Not a radio that this tier's node wrote.", "不是本级节点写入的电台账户。")
    return decode(Radio, payload)


def encode(told: Told) -> bytes:
    return msgspec.msgpack.encode(told)


def decode(kind: type[T], data: bytes) -> T:
    """`BadInput` for bytes that are no such message."""
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"Not a {kind.__name__}: {error}.", f"不是有效的 {kind.__name__}：{error}。") from None


def _tag(body: bytes, key: bytes) -> bytes:
    return blake2b(body, key=key, person=b"fc-radio", digest_size=_TAG_BYTES).digest()
