"""Where a node's audit ends when it starts, and whether that is where the node left it.

The node's own word counts: where the last head that it signed names more pages than there are, or another last page, it
goes on after that head. So what is missing stays missing: a gap that `fusioncmd audit verify` names, and that no later
head covers up.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from fusioncmd import subjects
from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Page, Tip
from fusioncmd.audit.heads import Head
from fusioncmd.bus.port import AUDIT, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.refusals import Untrusted


@dataclass(frozen=True, slots=True)
class Trouble:
    """Somebody touched the audit; `kind` is the stable word for it."""

    kind: str
    en: str
    zh: str


class TipFinder:
    def __init__(self, bus: Bus, node: Path, anchors: Anchors) -> None:
        self._bus, self._anchors, self._node = bus, anchors, node.code
        self._subject, self._head_subject = subjects.audit(node), subjects.audit_head(node)

    async def find(self, kept: bytes) -> tuple[int, Tip, list[Trouble]]:
        """The sequence of the last message, where the chain goes on, and what is wrong. `kept` is the node's copy of
        its last head, or empty."""
        last = await self._bus.last(self._subject)
        tip, troubles = Tip(self._node), []
        if last is not None:
            page = self.page_of(last)
            if page is not None:
                tip = chain.tip_of(page, last.data)
            else:
                tip = await self._last_own()
                zh = "审计末尾的内容不是本节点写入的"
                troubles.append(Trouble("strange", "The audit ends in something that this node did not write", zh))
        for head in self._heads(kept, await self._bus.last(self._head_subject)):
            if head.pages > tip.pages:
                zh = f"审计有 {tip.pages} 页，少于已签名的 {head.pages} 页"
                troubles.append(
                    Trouble("cut", f"The audit has {tip.pages} pages, of {head.pages} that were signed", zh)
                )
                tip = head.tip
            elif head.pages == tip.pages and head.tip != tip:
                zh = f"审计第 {head.pages} 页与签名的不符"
                troubles.append(Trouble("rewritten", f"Page {head.pages} of the audit is another than was signed", zh))
                tip = head.tip
        return (0 if last is None else last.seq), tip, troubles

    def page_of(self, stored: Stored) -> Page | None:
        """The page of this node that was stored; None when it is none."""
        try:
            return chain.written_by(stored.data, self._node, self._anchors)[0]
        except Untrusted:
            return None

    async def _last_own(self) -> Tip:
        found = Tip(self._node)
        async for stored in self._bus.read(AUDIT):
            page = self.page_of(stored) if stored.subject == self._subject else None
            if page is not None and page.number > found.pages:
                found = chain.tip_of(page, stored.data)
        return found

    def _heads(self, kept: bytes, stored: Stored | None) -> Iterator[Head]:
        """Those that this node signed."""
        for data in (kept, b"" if stored is None else stored.data):
            with contextlib.suppress(Untrusted):
                yield heads.written_by(data, self._node, self._anchors)
