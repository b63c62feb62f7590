"""Sessions: what a login gives, shown with every question. Pure.

A session is MessagePack followed by a 16-byte BLAKE2b tag keyed with the node's session key, as a ticket is: the node
keeps no table of them, so that its restart logs nobody out. An account's roles and place are looked up when it asks,
so that a change of the account counts at once; a key's are those of its grant.
"""

from __future__ import annotations

from hashlib import blake2b
from hmac import compare_digest
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.accounts.account import Name, Role, key_of
from fusioncmd.errors import NoSession
from fusioncmd.messages import Id
from fusioncmd.trust.grants import PlaceCode

TAG_BYTES = 16
IDENT_BYTES = MARK_BYTES = 8


class Session(Struct, frozen=True, array_like=True, tag="session.1", kw_only=True):
    ident: Annotated[bytes, Meta(min_length=IDENT_BYTES, max_length=IDENT_BYTES)]  # random: by it a logout ends it
    by: Literal["account", "key"]
    name: Name
    epoch: int  # of the account
    grants: tuple[Id, ...]  # of the keys, from the root on, and the keys' marks: it ends when one of them is revoked
    roles: tuple[Role, ...]
    path: PlaceCode
    expires_s: Annotated[int, Meta(ge=0, lt=1 << 48)]  # since 1970


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Session)


def mint(session: Session, key: bytes) -> bytes:
    payload = _encode(session)
    return payload + _tag(payload, key)


def check(data: bytes, key: bytes, now_s: float) -> Session:
    """The session that `data` proves, at `now_s`; `NoSession` otherwise."""
    session = read(data, key)
    if session.expires_s <= now_s:
        raise NoSession("The session has expired; log in again.", "会话已过期，请重新登录。")
    return session


def read(data: bytes, key: bytes) -> Session:
    """The session that was minted as `data`, also one that has expired; `NoSession` when none was."""
    payload = data[:-TAG_BYTES]
    if not data:
        raise nobody()
    if len(data) > limits.SESSION_BYTES_MAX or not compare_digest(data[-TAG_BYTES:], _tag(payload, key)):
        raise NoSession("The session is not one of this node's; log in again.", "会话不属于本节点，请重新登录。")
    try:
        return _decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NoSession("The session cannot be read; log in again.", "会话无法读取，请重新登录。") from None


def holder(session: Session) -> tuple[bytes, ...]:
    """Whose share of a table it takes: 8 bytes for the account, or for the keys and for the first below the root."""
    if session.by == "account":
        return (_mark(key_of(session.name)),)
    return _mark(b"".join(session.grants)), *map(_mark, session.grants[1:2])


def ended() -> NoSession:
    return NoSession("The session was ended; log in again.", "会话已被终止，请重新登录。")


def nobody() -> NoSession:
    return NoSession(
        "Nobody is logged in: `fusioncmd login NAME`, or name the folder with your keys (FUSIONCMD_KEYS).",
        "尚未登录：请执行 fusioncmd login 名称，或用 FUSIONCMD_KEYS 指明密钥所在目录。",
    )


def _mark(data: bytes) -> bytes:
    return blake2b(data, digest_size=MARK_BYTES).digest()


def _tag(payload: bytes, key: bytes) -> bytes:
    return blake2b(payload, digest_size=TAG_BYTES, key=key).digest()
