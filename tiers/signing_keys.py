"""The life of signing keys at a node: ends and heartbeats come in, are kept and judged by, and health tells of them.

A revocation counts from the moment that it is heard, and is on disk before anyone is told so. Each lies on a subject of
its own, so that the set only grows: no later statement takes the place of an earlier end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import structlog

from fusioncmd import ids, limits, subjects
from fusioncmd.access import Actor
from fusioncmd.api.keys import Beat, Beaten, Keys, KeysReply, Revoke, Revoked
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.errors import Unavailable
from fusioncmd.messages import Order
from fusioncmd.trust import expiry, heartbeats, ring
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.notices import HEARTBEAT, REVOCATION, Notices
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.trust.revocations import digest_of
from fusioncmd.trust.roll import Said, in_use_words, unusable_words
from tiers.key_watch import KeyWatch
from tiers.ledger import Ledger
from tiers.serving import Answer

log = structlog.get_logger("node")


class SigningKeys:
    """`folder` has the node's own keys; `own` is the one in use, and is replaced when a later one is put there."""

    def __init__(self, bus: Bus, judge: Judge, ledger: Ledger, folder: Path, recorder: Recorder) -> None:
        self._bus, self._judge, self._ledger, self._folder, self._recorder = bus, judge, ledger, folder, recorder
        self.own = ring.node_key(folder)
        self._watch = KeyWatch(judge, ledger, folder)
        self._stored_ms: dict[bytes, int] = {}  # the last heartbeat on disk, by grant
        self._beaten_ms = 0
        self._refused = 0
        self._ready = False

    def listen(self, notices: Notices) -> None:
        notices.on(REVOCATION, self._guarded(self._fold_revocation))
        notices.on(HEARTBEAT, self._guarded(self._fold_heartbeat))

    async def begin(self) -> None:
        """All is read: judge what a snapshot held by what was revoked meanwhile, and show that the own key works."""
        self._ready = True
        self._rejudge()
        await self.tend()

    async def tend(self) -> None:
        """Each hour, and always while the own key is unusable: take up a new one, look what is due, and beat."""
        now_ms = self._judge.now_ms
        if now_ms - self._beaten_ms < limits.KEY_BEAT_EVERY_S * 1000 and self._own_problem() is None:
            return
        self._watch.look(now_ms)
        self._take_up_own()
        if self._own_problem() is not None:
            return
        try:
            await self._keep_beat(heartbeats.beat(self.own, now_ms))
            self._beaten_ms = now_ms
        except Unavailable as problem:
            log.warning("node.beat_not_stored", problem=problem.en)

    def own_key(self) -> Credential:
        """The key that states what the node accepts; `Unavailable` while there is none that is good."""
        if (said := self._own_problem()) is not None:
            raise Unavailable(*said)
        return self.own

    # --- questions

    def answers(self) -> dict[type[Any], Answer]:
        return {Revoke: self.revoke, Beat: self.beat, Keys: self.keys}

    async def revoke(self, request: Revoke, who: Actor | None) -> Revoked:
        revocations = self._judge.revocations
        try:
            target, revoker, since_ms = revocations.read(request.statement)
            news = revocations.add(request.statement)
        except Untrusted as problem:
            self._note_refusal("revocation", who, problem)
            raise
        fell = self._rejudge()
        subject = subjects.revocation(target.name, digest_of(request.statement))
        stored = revocations.holds(request.statement) and await self._bus.last(subject) is None
        if stored:
            await self._bus.store(subject, request.statement)
        if news or stored:
            details = {"revoked": target.leaf.holder, "since_ms": str(since_ms), "by_key_of": revoker.leaf.holder}
            entry = Entry(self._judge.now_ms, _name(who), "key", target.name.hex(), "", details)
            await self._recorder.record_after(entry)
        earliest_ms = revocations.since_ms(target)
        assert earliest_ms is not None
        return Revoked(target.name, target.leaf.holder, earliest_ms, tuple(order.id for order in fell))

    async def beat(self, request: Beat, who: Actor | None) -> Beaten:
        try:
            chain = await self._keep_beat(request.statement)
        except Untrusted as problem:
            if problem.reason == "revoked":
                self._judge.note_ended([heartbeats.whose(request.statement, self._judge.anchors)])
            self._note_refusal("heartbeat", who, problem)
            raise
        return Beaten(chain.name, chain.leaf.holder, self._watch.roll.heard_ms[chain.name])

    async def keys(self, request: Keys, who: Actor) -> KeysReply:
        return KeysReply(tuple(self._watch.lines()), self._judge.now_ms, tuple(self.problems()))

    # --- health

    def problems(self) -> Iterator[Said]:
        """What a person has to look after, the most urgent first."""
        if (own := self._own_problem()) is not None:
            yield own
        for chain, times in self._judge.ended_in_use.values():
            yield in_use_words(chain, times)
        if self._refused:
            yield (
                f"{self._refused} statements about keys were refused (see the log)",
                f"已拒绝 {self._refused} 条关于密钥的声明（见日志）",
            )
        yield from self._watch.problems()

    # --- the own key

    def _own_problem(self) -> Said | None:
        chain = self._judge.anchors.prove(self.own.name, self.own.chain)
        return unusable_words(chain, self._judge.revocations.since_ms(chain), self._judge.now_ms)

    def _take_up_own(self) -> None:
        """Of the node's keys that lie in the folder now, the one to use."""
        found = {own.name: own for own in ring.node_keys(self._folder)}
        chains = (self._judge.anchors.prove(own.name, own.chain) for own in found.values())
        best = expiry.to_use(chains, self._judge.revocations, self._judge.now_ms)
        if best is not None and best.name != self.own.name:
            self.own = found[best.name]
            log.info("node.key_replaced", key=best.name.hex(), holder=best.leaf.holder)

    # --- the stream

    def _guarded(self, fold: Callable[[Stored], None]) -> Callable[[Stored], None]:
        """One that proves nothing changes nothing, is counted, and keeps no other out."""

        def handle(stored: Stored) -> None:
            try:
                fold(stored)
            except Untrusted as problem:
                self._refused += 1
                log.error("node.statement_refused", subject=stored.subject, seq=stored.seq, reason=problem.reason)

        return handle

    def _fold_revocation(self, stored: Stored) -> None:
        if self._judge.revocations.add(stored.data) and self._ready:
            self._rejudge()

    def _fold_heartbeat(self, stored: Stored) -> None:
        judge = self._judge
        try:
            chain, at_ms = heartbeats.hear(stored.data, judge.anchors, judge.revocations, judge.now_ms)
        except Untrusted as problem:
            if problem.reason == "revoked":  # kept when the key was good
                return
            raise
        if stored.subject != subjects.heartbeat(chain.name):
            raise refusal("subject")
        self._watch.roll.hear(chain, at_ms)
        self._stored_ms[chain.name] = at_ms

    async def _keep_beat(self, statement: bytes) -> Chain:
        """Hear it, and keep it where it is news: heartbeats that come close together are confirmed alike."""
        judge = self._judge
        chain, at_ms = heartbeats.hear(statement, judge.anchors, judge.revocations, judge.now_ms)
        self._watch.roll.know(chain)
        if at_ms - self._stored_ms.get(chain.name, 0) >= limits.KEY_BEATS_APART_S_MIN * 1000:
            await self._bus.store(subjects.heartbeat(chain.name), statement)
            self._stored_ms[chain.name] = at_ms
        self._watch.roll.hear(chain, at_ms)
        return chain

    def _rejudge(self) -> list[Order]:
        """What stands on keys that had ended is given to nobody new from now on, and has to be cancelled."""
        fell = self._ledger.rejudge()
        now_ms, node = self._judge.now_ms, self.own.grant.holder
        for order in fell:
            name = ids.to_text(order.id)
            log.error("node.order_fallen", order=name, issuer=order.issuer, text=order.text[:64])
            if now_ms < order.expires_ms:
                self._recorder.note(Entry(now_ms, node, "order", name, "revoked", {"issuer": order.issuer}))
        if self._own_problem() is not None:
            self._take_up_own()  # the next one may be there already
        if (own := self._own_problem()) is not None:
            log.critical("node.own_key_unusable", key=self.own.name.hex(), problem=own[0])
        return fell

    def _note_refusal(self, about: str, who: Actor | None, problem: Untrusted) -> None:
        log.error("node.statement_refused", about=about, actor=_name(who), reason=problem.reason)
        self._recorder.note(Entry(self._judge.now_ms, _name(who), "refusal", about, problem.reason))


def _name(who: Actor | None) -> str:
    return "" if who is None else who.name
