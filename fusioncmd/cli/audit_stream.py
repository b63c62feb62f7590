"""The audits on a bus, read as they are stored: every page of every node there, and what is needed to prove them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from fusioncmd import subjects
from fusioncmd.audit import heads
from fusioncmd.audit.heads import Head
from fusioncmd.audit.proof import Proof, Walk
from fusioncmd.bus.port import AUDIT, TRUST, Bus, Stored
from fusioncmd.errors import BadCode, Problem
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations

HEADS_AND_REVOCATIONS = (subjects.HEAD_ALL, subjects.REVOCATION_ALL)


@dataclass(slots=True)
class Believed:
    """`refused`: what lay where heads are kept, by subject, and why it is none."""

    anchors: Anchors
    revocations: Revocations
    heads: list[Head] = field(default_factory=list)
    refused: list[tuple[str, Problem]] = field(default_factory=list)

    def hear(self, data: bytes) -> Head:
        head = heads.read(data, self.anchors, self.revocations, int(time.time() * 1000))
        self.heads.append(head)
        return head


async def pages(bus: Bus, node: str = "") -> AsyncIterator[tuple[str, Stored]]:
    """What is stored as the audit of `node`, or of each, with the code of the node; in order."""
    async for stored in bus.read(AUDIT):
        with contextlib.suppress(BadCode):  # a subject that is no node's: nobody's audit
            code = subjects.path_of(stored.subject).code
            if node in ("", code):
                yield code, stored


async def believe(bus: Bus, anchors: Anchors) -> Believed:
    """The heads on the bus, and the revocations that they are judged by."""
    held: list[Stored] = []
    tail = await bus.tail(TRUST, held.append, filters=HEADS_AND_REVOCATIONS)
    await tail.caught_up()
    await tail.stop()
    found = Believed(anchors, Revocations(anchors))
    found.revocations.update(s.data for s in held if not s.subject.startswith(subjects.HEAD_ALL[:-1]))
    for stored in held:
        if stored.subject.startswith(subjects.HEAD_ALL[:-1]):
            try:
                found.hear(stored.data)
            except Untrusted as problem:
                found.refused.append((stored.subject, problem))
    return found


async def prove(bus: Bus, node: str, believed: Believed, after: Sequence[Head]) -> list[Proof]:
    """One proof for each audit that is there, or that a head says should be there."""

    def walk(code: str) -> Walk:
        kept = next((head for head in after if head.node == code), None)
        return Walk(code, believed.anchors, believed.revocations, believed.heads, kept)

    walks = {head.node: walk(head.node) for head in believed.heads if node in ("", head.node)}
    async for code, stored in pages(bus, node):
        if code not in walks:
            walks[code] = walk(code)
        walks[code].take(stored.data)
    return [walks[code].end() for code in sorted(walks)]
