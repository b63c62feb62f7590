"""What was decided, and by whom: pages of the audit. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import Question, Verbs
from fusioncmd.audit.entries import Deed, Entry


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


class AuditFind(Question["AuditFound"], frozen=True, kw_only=True):
    """`audit_find`: the newest entries that are of `deed` (empty: any), with `query` in who did it or in what it is
    about, not before `from_ms` nor after `until_ms`; with `refused`, those that were. `before`: where the reply before
    this one ended."""

    deed: Deed | Literal[""] = ""
    query: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)] = ""
    from_ms: Annotated[int, Meta(ge=0)] = 0
    until_ms: Annotated[int, Meta(ge=0)] = 1 << 53
    refused: bool = False
    before: Annotated[int, Meta(ge=1)] | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.AUDIT_REPLY_ENTRIES_MAX)] = 100


class AuditLine(Struct, frozen=True):
    """`number` is the entry's in the whole audit, `page` where it stands."""

    number: int
    page: int
    entry: Entry


class AuditFound(Struct, frozen=True):
    """The newest first, whole pages. `before` asks for what is older, None where there is nothing older. `strange`
    messages on the way were no pages."""

    lines: tuple[AuditLine, ...]
    before: int | None
    strange: int = 0


class AuditProve(Question["AuditProved"], frozen=True):
    """`audit_prove`: whether the chain of pages holds, as the node finds it; asked again, how far it has come. `anew`:
    begin again from the first page."""

    anew: bool = False


class AuditProved(Struct, frozen=True):
    """`read` of `stored` messages were walked. `broken`: the first link that is, in English and in Chinese."""

    read: int
    stored: int
    whole: bool
    at_ms: int  # when it was begun
    entries: int
    pages: int
    signed_pages: int  # as far as a signed head reaches
    broken: tuple[str, str] | None = None


VERBS: Verbs = {
    Audit: ("audit", AuditReply),
    AuditFind: ("audit_find", AuditFound),
    AuditProve: ("audit_prove", AuditProved),
}
