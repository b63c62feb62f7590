"""The node's audit to whoever may read it: page by page, searched from its end, and whether its chain holds.

That it holds is the node's own word, for people at a screen: `fusioncmd audit verify` proves it with keys of one's own,
and heads that were kept elsewhere. The walk takes a quarter of the node's core at most, and one goes at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

from fusioncmd import api, limits, subjects
from fusioncmd.access import Actor, check_places
from fusioncmd.audit import chain, heads
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.head_file import HeadFile
from fusioncmd.audit.proof import Proof, Walk
from fusioncmd.bus.port import AUDIT, Bus
from fusioncmd.cli.audit_stream import believe
from fusioncmd.codes import Path
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from tiers.audit_page import audit_page
from tiers.serving import Answer

SCAN_PAGES_MAX = 1_024  # messages that are looked through for one question; wait: the next one goes on before them
PROOF_WORK_S = 0.004  # of the node's core at a time, and three times as long for everything else
PROOF_WAIT_S = 1.0  # then it is said how far it has come


class AuditDesk:
    """`kept` is the node's own copy of its last head."""

    def __init__(self, bus: Bus, node: Path, judge: Judge, kept: HeadFile) -> None:
        self._bus, self._node, self._judge, self._kept = bus, node, judge, kept
        self._subject = subjects.audit(node)
        self._walking: asyncio.Task[Proof] | None = None
        self._read = self._stored = self._begun_ms = 0

    def answers(self) -> dict[type[Any], Answer]:
        return {api.Audit: self.page, api.AuditFind: self.find, api.AuditProve: self.prove}

    async def page(self, question: api.Audit, who: Actor) -> api.AuditReply:
        check_places(who, (self._node.code,))
        return await audit_page(self._bus, self._node, question)

    async def find(self, question: api.AuditFind, who: Actor) -> api.AuditFound:
        check_places(who, (self._node.code,))
        edge = await self._bus.edge(AUDIT)
        end = min(question.before or edge.last + 1, edge.last + 1)
        begin, least = end, max(edge.first, end - SCAN_PAGES_MAX)
        lines: list[api.AuditLine] = []
        strange, size_bytes, window = (
            0,
            0,
            32,
        )  # a page or two holds what a screen shows; who looks for what is rare goes on in leaps
        while begin > least and len(lines) < question.limit and size_bytes <= limits.AUDIT_REPLY_BYTES_MAX:
            begin, until = max(least, begin - window), begin
            found: list[tuple[int, int, list[api.AuditLine]]] = []
            async for stored in self._bus.read(AUDIT, from_seq=begin):
                if stored.seq >= until:
                    break
                if stored.subject != self._subject:
                    continue
                try:
                    if some := [*_matching(chain.claimed(stored.data), question)]:
                        found.append((stored.seq, len(stored.data), some))
                except Untrusted:
                    strange += 1
            while found and len(lines) < question.limit and size_bytes <= limits.AUDIT_REPLY_BYTES_MAX:
                until, page_bytes, some = found.pop()
                lines += some[::-1]
                size_bytes += page_bytes
            begin = until if found else begin  # what was found before it is for the next question
            window *= 4
        return api.AuditFound(tuple(lines), begin if begin > edge.first else None, strange)

    async def prove(self, question: api.AuditProve, who: Actor) -> api.AuditProved:
        check_places(who, (self._node.code,))
        if self._walking is None or (question.anew and self._walking.done()):
            self._begun_ms, self._read, self._stored = self._judge.now_ms, 0, 0
            self._walking = asyncio.create_task(self._walk(), name="audit proof")
        await asyncio.wait({self._walking}, timeout=PROOF_WAIT_S)
        if not self._walking.done():
            return api.AuditProved(self._read, self._stored, False, self._begun_ms, 0, 0, 0)
        walked, self._walking = self._walking, self._walking if self._walking.exception() is None else None
        proof = walked.result()
        tip, broken = proof.tip, None if proof.broken is None else (proof.broken.en, proof.broken.zh)
        return api.AuditProved(
            self._read, self._stored, True, self._begun_ms, tip.entries, tip.pages, proof.signed_pages, broken
        )

    async def _walk(self) -> Proof:
        self._stored = (await self._bus.edge(AUDIT)).last
        believed = await believe(self._bus, self._judge.anchors)
        if kept := self._kept.read():
            believed.heads.append(heads.read(kept, believed.anchors, believed.revocations, self._judge.now_ms))
        walk = Walk(self._node.code, believed.anchors, believed.revocations, believed.heads)
        began = time.perf_counter()
        async for stored in self._bus.read(AUDIT):
            if stored.subject == self._subject:
                walk.take(stored.data)
            self._read = stored.seq
            if time.perf_counter() - began > PROOF_WORK_S:
                await asyncio.sleep(3 * PROOF_WORK_S)
                began = time.perf_counter()
        return walk.end()


def _matching(page: chain.Page, question: api.AuditFind) -> Iterator[api.AuditLine]:
    """Of one page, the oldest first."""
    wanted = question.query.strip().lower()

    def fits(entry: Entry) -> bool:
        return (
            question.deed in ("", entry.deed)
            and question.from_ms <= entry.at_ms <= question.until_ms
            and (bool(entry.refused) or not question.refused)
            and (wanted in entry.actor.lower() or wanted in entry.about.lower())
        )

    for number, entry in enumerate(page.entries, start=page.first):
        if fits(entry):
            yield api.AuditLine(number, page.number, entry)
