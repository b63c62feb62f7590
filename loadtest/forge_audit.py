"""Every refusal of a forge run, kept as a node keeps it: in signed pages, which are proved at the end."""

from __future__ import annotations

from fusioncmd import limits
from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Entry, fitted
from fusioncmd.audit.proof import Walk
from fusioncmd.audit.refused import refused_order
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations
from loadtest.forgeries import Attempt
from loadtest.offices import NOW_MS, Offices


class ForgeAudit:
    """The audit of the city's node in the made-up province of `offices`."""

    def __init__(self, offices: Offices) -> None:
        self._offices, self._tip = offices, Tip(offices.node.grant.path)
        self._entries: list[Entry] = []
        self._pages: list[bytes] = []

    def refuse(self, attempt: Attempt, problem: Untrusted) -> None:
        self._entries.append(fitted(refused_order(attempt.now_ms, "forger", attempt.data, problem)))
        if len(self._entries) == limits.AUDIT_PAGE_ENTRIES_MAX:
            self._write()

    def proved(self) -> int:
        """How many refusals the audit holds, read back from its pages; 0 when it does not prove to be whole."""
        if self._entries:
            self._write()
        anchors, none = self._offices.anchors, Revocations(self._offices.anchors)
        head = heads.read(heads.sign(self._tip, self._offices.node, NOW_MS), anchors, none, NOW_MS)
        walk, found = Walk(self._tip.node, anchors, none, [head]), 0
        for data in self._pages:
            walk.take(data)
            found += sum(bool(entry.refused) for entry in chain.claimed(data).entries)
        proof = walk.end()
        return found if proof.broken is None and proof.signed_pages == len(self._pages) else 0

    def _write(self) -> None:
        data, self._tip = chain.write(self._tip, self._entries, self._offices.node, NOW_MS)
        self._pages.append(data)
        self._entries = []
