"""Revocations and heartbeats of signing keys: each proves itself, whoever brings it. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import Question, Verbs
from fusioncmd.messages import Id, Status

Statement = Annotated[bytes, Meta(max_length=limits.STATEMENT_BYTES_MAX)]


class Revoke(Question["Revoked"], frozen=True):
    """`revoke`: a key has ended, as itself or a key above it says. On disk before the reply."""

    statement: Statement


class Revoked(Struct, frozen=True):
    grant: Id
    holder: str
    since_ms: int  # the earliest that is known
    fallen: tuple[Id, ...]  # open orders that were accepted under that key after its end: to be cancelled


class Beat(Question["Beaten"], frozen=True):
    """`beat`: a key still works."""

    statement: Statement


class Beaten(Struct, frozen=True):
    grant: Id
    holder: str
    heard_ms: int  # the latest that is known


class Keys(Question["KeysReply"], frozen=True):
    """`keys`: every signing key that the node knows, by holder."""


class KeyLine(Struct, frozen=True):
    grant: Id
    chain: tuple[str, ...]  # holders, from the root down to this key's
    path: str
    purposes: tuple[str, ...]
    statuses: tuple[Status, ...]
    not_before_ms: int
    not_after_ms: int
    heard_ms: int | None  # its last heartbeat, or order
    since_ms: int | None  # since when it, or a key above it, has ended


class KeysReply(Struct, frozen=True):
    lines: tuple[KeyLine, ...]
    now_ms: int
    problems: tuple[tuple[str, str], ...]  # what the node has to say of them, in English and in Chinese


VERBS: Verbs = {Revoke: ("revoke", Revoked), Beat: ("beat", Beaten), Keys: ("keys", KeysReply)}
