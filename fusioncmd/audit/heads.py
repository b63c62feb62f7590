"""Signed heads: a node says how long its audit is and how it ends, for others to keep. Pure; time is an argument.

Whoever keeps a head can tell later that the audit was cut or rewritten, also when everything at the node was: what a
head named cannot be taken back. So tiers above keep copies, and `fusioncmd audit head` writes one to a file.
"""

from __future__ import annotations

from msgspec import Struct

from fusioncmd import limits
from fusioncmd.audit.chain import Count, Digest, Tip, check_scope, check_time
from fusioncmd.errors import BadInput
from fusioncmd.messages import Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations


class Head(Struct, frozen=True, array_like=True, tag="audit-head.1"):
    node: PlaceCode
    pages: Count
    entries: Count
    digest: Digest  # of the last page
    at_ms: Millis

    @property
    def tip(self) -> Tip:
        return Tip(self.node, self.pages, self.entries, self.digest)


class Contradiction(BadInput):
    """Two heads of one node cannot both be true: its audit was cut, or written anew. The one that was kept stays."""


_form = Form(Head, 256)


def sign(tip: Tip, own: Credential, now_ms: int) -> bytes:
    head = Head(tip.node, tip.pages, tip.entries, tip.digest, now_ms)
    return statements.state("audit", _form.encode(head), own)


def read(data: bytes, anchors: Anchors, revocations: Revocations, now_ms: int) -> Head:
    """What a node said of its audit while its key was good; `Untrusted` when none did, or in the future."""
    body, signer = statements.read(data, "audit", anchors)
    head = _form.decode(body)
    check_scope(signer, head.node)
    check_time(signer, head.at_ms, revocations)
    if head.at_ms > now_ms + limits.CLOCK_SKEW_MS_MAX:
        raise refusal("future")
    return head


def written_by(data: bytes, node: str, anchors: Anchors) -> Head:
    """What `node` itself once signed, whatever became of the key; `Untrusted` for anything else."""
    body, signer = statements.read(data, "audit", anchors)
    head = _form.decode(body)
    check_scope(signer, node)
    if head.node != node:
        raise refusal("stale")
    return head


class Heads:
    """The longest head of each node that was heard; two that exchange what they hold come to hold the same."""

    def __init__(self, anchors: Anchors, revocations: Revocations) -> None:
        self._anchors, self._revocations = anchors, revocations
        self._held: dict[str, tuple[Head, bytes]] = {}

    def hear(self, data: bytes, now_ms: int) -> bool:
        """True when it says more than was known. `Contradiction` names a node whose audit went back or was rewritten;
        `Untrusted` for what no node said."""
        head = read(data, self._anchors, self._revocations, now_ms)
        held = self._held.get(head.node)
        if held is None:
            if len(self._held) >= limits.AUDIT_HEADS_MAX:
                raise refusal("full")
        elif not _follows(*sorted((held[0], head), key=lambda h: (h.at_ms, h.pages))):
            raise _contradiction(held[0], head)
        elif (head.pages, head.at_ms) <= (held[0].pages, held[0].at_ms):
            return False
        self._held[head.node] = (head, data)
        return True

    @property
    def statements(self) -> tuple[bytes, ...]:
        return tuple(data for _, (_, data) in sorted(self._held.items()))

    def of(self, node: str) -> Head | None:
        held = self._held.get(node)
        return None if held is None else held[0]


def _follows(earlier: Head, later: Head) -> bool:
    if earlier.pages == later.pages:
        return (earlier.entries, earlier.digest) == (later.entries, later.digest)
    return earlier.pages < later.pages and earlier.entries < later.entries


def _contradiction(held: Head, head: Head) -> Contradiction:
    return Contradiction(
        f"The audit of {head.node} contradicts itself: {held.pages} pages ending in {held.digest.hex()[:16]} were "
        f"signed before, and now {head.pages} ending in {head.digest.hex()[:16]}.",
        f"{head.node} 的审计前后矛盾：此前签名为 {held.pages} 页、末页 {held.digest.hex()[:16]}，"
        f"现为 {head.pages} 页、末页 {head.digest.hex()[:16]}。",
    )
