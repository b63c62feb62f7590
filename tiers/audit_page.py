"""A node's audit, page by page, to whoever asks: read from the stream, as it is stored."""

from __future__ import annotations

from hashlib import sha256

from fusioncmd import api, limits, subjects
from fusioncmd.audit import chain
from fusioncmd.bus.port import AUDIT, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.trust.refusals import Untrusted


async def audit_page(bus: Bus, node: Path, question: api.Audit) -> api.AuditReply:
    """Whether it was edited is not asked here: `fusioncmd audit verify` does that, with keys of its own."""
    subject, entries, size_bytes = subjects.audit(node), 0, 0
    pages: list[api.AuditPage] = []
    last = (await bus.edge(AUDIT)).last
    async for stored in bus.read(AUDIT, from_seq=question.after + 1):
        if stored.subject != subject:
            continue
        size_bytes += len(stored.data)
        if pages and (entries >= question.limit or size_bytes > limits.AUDIT_REPLY_BYTES_MAX):
            return api.AuditReply(tuple(pages), pages[-1].seq, last)
        pages.append(_shown(stored))
        entries += len(pages[-1].entries)
    return api.AuditReply(tuple(pages), None, last)


def _shown(stored: Stored) -> api.AuditPage:
    try:
        page = chain.claimed(stored.data)
    except Untrusted as problem:
        return api.AuditPage(stored.seq, 0, 0, sha256(stored.data).digest(), (), problem.en)
    return api.AuditPage(stored.seq, page.number, page.first, chain.digest_of(stored.data), page.entries)
