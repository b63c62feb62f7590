"""What people do, as the roster has it: the roles that an order can be for. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import CodeOrNone, Question, Verbs

ROLES_SHOWN_MAX = 200  # shed: the most frequent are named, and it is said how many there are


class Roles(Question["RolesReply"], frozen=True):
    """`roles`: what the roster says people at `node` do, the most frequent first; `query` is part of a role."""

    node: CodeOrNone = ""
    query: Annotated[str, Meta(max_length=limits.ROLE_CHARS_MAX)] = ""


class RoleLine(Struct, frozen=True):
    name: str
    people: int


class RolesReply(Struct, frozen=True):
    """At most ROLES_SHOWN_MAX `lines`, of `total`."""

    lines: tuple[RoleLine, ...]
    total: int


VERBS: Verbs = {Roles: ("roles", RolesReply)}
