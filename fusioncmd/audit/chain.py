"""The audit of one node as a chain of pages: each names the one before by its hash, and the node's key signs it. Pure.

A page is what one message on `fc.audit.<path>` holds. Its hash is SHA-256 over that message, domain-separated, so an
entry that is changed, left out or put in breaks the link to the page after it; and a page that the node did not write
has no signature. That nothing is missing at the end is what signed heads say (heads.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.audit.entries import Entry
from fusioncmd.messages import Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.statements import Seal

Digest = Annotated[bytes, Meta(min_length=32, max_length=32)]  # SHA-256
Count = Annotated[int, Meta(ge=0, lt=1 << 53)]
Positive = Annotated[int, Meta(ge=1, lt=1 << 53)]
NOTHING_BEFORE = bytes(32)


class Page(Struct, frozen=True, array_like=True, tag="audit-page.1"):
    node: PlaceCode
    number: Positive  # of the page, from 1 on
    first: Positive  # number of its first entry, from 1 on
    before: Digest  # of the page before; zeros for the first
    at_ms: Millis  # when it was written
    entries: Annotated[tuple[Entry, ...], Meta(min_length=1, max_length=limits.AUDIT_PAGE_ENTRIES_MAX)]


class SignedPage(Struct, frozen=True, array_like=True, tag="audit.1"):
    """`body` is the page's bytes, exactly as they were signed."""

    body: Annotated[bytes, Meta(max_length=limits.AUDIT_PAGE_BYTES_MAX)]
    seal: Seal


_page = Form(Page, limits.AUDIT_PAGE_BYTES_MAX)
_signed = Form(SignedPage, limits.AUDIT_PAGE_BYTES_MAX + limits.STATEMENT_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a chain ends: how many pages and entries it has, and the hash of its last page."""

    node: str
    pages: int = 0
    entries: int = 0
    digest: bytes = NOTHING_BEFORE


def digest_of(data: bytes) -> bytes:
    return sha256(b"fusioncmd/audit-page/1\0" + data).digest()


def write(tip: Tip, entries: Sequence[Entry], own: Credential, now_ms: int) -> tuple[bytes, Tip]:
    """The next page, as it is stored, and where the chain ends with it."""
    page = Page(tip.node, tip.pages + 1, tip.entries + 1, tip.digest, now_ms, tuple(entries))
    body = _page.encode(page)
    data = _signed.encode(SignedPage(body, statements.seal("audit", body, own)))
    return data, tip_of(page, data)


def read(data: bytes, node: str, anchors: Anchors, revocations: Revocations) -> Page:
    """A page that `node` wrote while its key was good; `Untrusted` for anything else. How it follows others is not
    asked here."""
    page, signer = written_by(data, node, anchors)
    check_time(signer, page.at_ms, revocations)
    return page


def written_by(data: bytes, node: str, anchors: Anchors) -> tuple[Page, Chain]:
    """As `read`, whatever became of the key."""
    signed = _signed.decode(data)
    signer = statements.check_seal(signed.seal, "audit", signed.body, anchors)
    page = _page.decode(signed.body)
    if page.node != node:
        raise refusal("stale")
    check_scope(signer, node)
    return page, signer


def claimed(data: bytes) -> Page:
    """What a page says, whoever wrote it; `Untrusted` for bytes that are no page."""
    return _page.decode(_signed.decode(data).body)


def tip_of(page: Page, data: bytes) -> Tip:
    """Where the chain ends that ends with `page`, stored as `data`."""
    return Tip(page.node, page.number, page.first + len(page.entries) - 1, digest_of(data))


def check_scope(signer: Chain, node: str) -> None:
    """That a key may speak for the audit of `node`."""
    if "node" not in signer.leaf.purposes:
        raise refusal("purpose")
    if not node.startswith(signer.leaf.path):
        raise refusal("scope")


def check_time(signer: Chain, made_ms: int, revocations: Revocations) -> None:
    """That it might when it did."""
    if not signer.leaf.not_before_ms <= made_ms <= signer.leaf.not_after_ms:
        raise refusal("validity")
    revocations.check(signer, made_ms, made_ms)
