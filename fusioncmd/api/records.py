"""What was decided, and by whom: pages of the audit. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import Question, Verbs
from fusioncmd.audit.entries import Entry


class Audit(Question["AuditReply"], frozen=True):
    """`audit`: entries of this node, the oldest first, whole pages. `after` is where the reply before ended, 0 at
    first; `limit` ends a reply with the page that reaches it."""

    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=limits.AUDIT_REPLY_ENTRIES_MAX)] = 200


class AuditPage(Struct, frozen=True):
    """`digest` is the page's hash, `first` the number of its first entry. `entries` is empty where `problem` says that
    the message is no page of this node."""

    seq: int  # in the stream: `after` for what follows
    number: int
    first: int
    digest: bytes
    entries: tuple[Entry, ...]
    problem: str = ""


class AuditReply(Struct, frozen=True):
    pages: tuple[AuditPage, ...]
    after: int | None  # where the next reply starts; None when this one reaches the end
    last: int  # the stream's last message: a little before it are the newest entries


VERBS: Verbs = {Audit: ("audit", AuditReply)}
