"""What a node does with what came by the last line: orders become its own, answers go into its receipts.

Whoever made the message is proved already, by the key that both nodes share; what they may say is asked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as Folder

import msgspec
from pyroaring import BitMap

from fusioncmd import api, ids, subjects
from fusioncmd.access import COMMANDING, Actor
from fusioncmd.audit.entries import Entry, Recorder
from fusioncmd.bus.port import Bus
from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.exchange.evidence import ANSWERS_AT, RECEIVED_AT, REPORTED_AT
from fusioncmd.lastline import answer_maps, order_codes, reports, signed, twins
from fusioncmd.lastline.answer_maps import Section
from fusioncmd.lastline.bits import Reader
from fusioncmd.lastline.templates import Table
from fusioncmd.messages import ANSWERED, RECEIVED, REPORTED, Mark, Order, Receipts, encode
from fusioncmd.roster.numbers import town_of
from fusioncmd.trust import ring, seals
from fusioncmd.trust.form import check_form, order_of
from fusioncmd.trust.grants import SignedChain
from fusioncmd.trust.judge import Judge
from tiers import line_orders
from tiers.desk import Desk
from tiers.holdings import numbers_in
from tiers.line_orders import Told
from tiers.line_state import LineState

GATEWAY = "line"  # by which name receipts of the last line stand in the stream
TOWN_DIGITS = 9


@dataclass(slots=True)
class Hearing:
    bus: Bus
    desk: Desk
    judge: Judge
    recorder: Recorder
    state: LineState
    keys: Folder
    table: Table

    # --- from above: orders

    async def order(self, said: Reader, peer: str) -> None:
        """Issue what a code says, or end it. The same once more changes nothing. `Problem` when it is not issued."""
        code = order_codes.read(said, self.desk.node.code)
        if code.cancel:
            self.state.end(code.short)
            await self.end(code.short, peer)
        elif not self._is_here(code.short):
            await self._issue(line_orders.by_code(code, self.table), peer)

    async def signed(self, said: Reader, peer: str) -> None:
        """The same of an order as it was signed: whoever signed it is proved, and named to who sees it. Where their
        grants did not fit and are not known here, it is the word of the node above, as a code is."""
        body, sealed = signed.read(said, self._chain_of)
        order, signer = order_of(body), ""
        if sealed is not None:
            verified = self.judge.fresh(sealed)
            order, signer = verified.order, verified.signer.leaf.holder
        else:
            check_form(order)
        told = line_orders.by_signature(order, signer, self.desk.node.code)
        if not self._is_here(told.code.short):
            await self._issue(told, peer)

    def _is_here(self, short: bytes) -> bool:
        return self.state.has_ended(short) or bool(twins.found(self.desk.ledger.book.orders.values(), short))

    async def _issue(self, told: Told, peer: str) -> None:
        now_ms, place = self.desk.now_ms, self.desk.node
        own = ring.own_key(self.keys, told.code.status, now_ms)
        roles = [role for role, numbers in self.desk.roster.by_role.items() if numbers]
        draft = line_orders.draft(told, peer, place.code, roles, own, now_ms)
        await self._signed_and_issued(draft, peer, told.signer)

    async def end(self, short: bytes, peer: str) -> None:
        """Cancel what stands in for that order here."""
        for order in self._stand_ins(short):
            own = ring.own_key(self.keys, order.status, self.desk.now_ms)
            text = f"【短报文 来自{peer}】指令已取消。\n[by short message from {peer}] The order is cancelled."
            draft = api.Draft(
                id=ids.make(self.desk.now_ms, twins.entropy_of_end(order.id)), msg_type="cancel", status=order.status,
                refs=order.id, issuer=own.grant.holder, node=own.grant.path, text=text, severity=order.severity,
            )  # fmt: skip
            await self._signed_and_issued(draft, peer, "")

    def _stand_ins(self, short: bytes) -> list[Order]:
        """Those of this node that are open."""
        book, now_ms = self.desk.ledger.book, self.desk.now_ms
        return [
            order for order in twins.found(book.orders.values(), short)
            if twins.is_stand_in(order.id) and order.node == self.desk.node.code and book.state(order, now_ms) == "open"
        ]  # fmt: skip

    async def _signed_and_issued(self, draft: api.Draft, peer: str, signer: str) -> None:
        actor = Actor(f"last line ({peer})", COMMANDING, self.desk.node)
        composed = await self.desk.compose(api.Compose(draft), actor)
        own = ring.own_key(self.keys, draft.status, self.desk.now_ms)
        issued = await self.desk.issue(api.Issue(seals.seal(composed.body, own)), actor)
        details = {
            "by": "short message",
            "from": peer,
            "people": str(issued.targeted),
            "signer": signer or "not proved",
        }
        order = ids.to_text(issued.order.id)
        self.recorder.note(Entry(self.desk.now_ms, actor.name, "order", order, details=details))

    def _chain_of(self, name: bytes) -> SignedChain | None:
        """What a key was granted, from the orders that are here."""
        for account in self.desk.ledger.accounts.values():
            for seal in signed.seals_in(account.sealed) if account.sealed else ():
                if seal.by == name:
                    return seal.chain
        return None

    # --- from below: answers

    async def answers(self, said: Reader, peer: str) -> tuple[bytes, bool]:
        """Keep what was answered there, on disk. Returns the short id of the order, and whether it was counted by the
        edition of the roster that is here. `Problem` for what cannot be counted."""
        short, sections = answer_maps.read(said)
        order = self._meant(short, peer)
        marks, same_edition = list[Mark](), True
        for section in sections:
            town = self._town(section, peer)
            marks += self._marks(order, section, town, peer)
            known = self.desk.roster.edition(self.desk.roster.towns[town]) % (1 << answer_maps.EDITION_BITS)
            same_edition &= known == section.edition
        await self.bus.store(subjects.receipt(GATEWAY), encode(Receipts(GATEWAY, tuple(marks))))
        return twins.short_of(order.id), same_edition

    async def report(self, said: Reader, peer: str) -> bytes:
        short, report = reports.read(said)
        order, towns = self._meant(short, peer), self.desk.roster.towns
        town = towns[town_of(report.number)] if town_of(report.number) < len(towns) else ""
        if not town.startswith(peer) and town != peer[:TOWN_DIGITS]:
            raise _elsewhere(peer)
        kept = msgspec.structs.replace(report, order=order.id)
        await self.bus.store(subjects.report(Path(town)), encode(kept))
        return twins.short_of(order.id)

    def _meant(self, short: bytes, peer: str) -> Order:
        book = self.desk.ledger.book
        found = [o for o in twins.found(book.orders.values(), short) if not twins.is_stand_in(o.id)]
        found = [o for o in found if o.msg_type != "cancel"]
        still = [o for o in found if book.state(o, self.desk.now_ms) == "open"]
        if len(found) != 1 and len(still) != 1:
            raise NotFound(
                f"Answers came from {peer} to an order that is not known here, or to one of several.",
                f"{peer} 的短报文答复所指指令本地未知或不唯一。",
            )
        return (still if len(still) == 1 else found)[0]

    def _town(self, section: Section, peer: str) -> int:
        towns = self.desk.roster.towns
        if section.town is None:
            if peer[:TOWN_DIGITS] not in towns:
                raise _elsewhere(peer)
            return towns.index(peer[:TOWN_DIGITS])
        if section.town >= len(towns) or not towns[section.town].startswith(peer):
            raise _elsewhere(peer)
        return section.town

    def _marks(self, order: Order, section: Section, town: int, peer: str) -> Iterator[Mark]:
        """Of a village, of its own people alone."""
        own = self.desk.roster.members(Path(peer)) if len(peer) > TOWN_DIGITS else None
        for at, rung in enumerate(section.value):
            if not rung:
                continue
            if at >= ANSWERS_AT + len(order.answers):
                raise BadInput(
                    f"{peer} counted an answer that the order does not have.", f"{peer} 的答复项超出该指令的选项。"
                )
            numbers = numbers_in(rung, town)
            numbers = numbers if own is None else numbers & own
            if not numbers:
                continue
            stage = {RECEIVED_AT: RECEIVED, REPORTED_AT: REPORTED}.get(at, ANSWERED)
            yield Mark(order.id, stage, at - ANSWERS_AT if stage == ANSWERED else None, _packed(numbers))


def _packed(numbers: BitMap) -> bytes:
    numbers.run_optimize()
    packed: bytes = numbers.serialize()
    return packed


def _elsewhere(peer: str) -> BadInput:
    return BadInput(f"{peer} counted people of another place.", f"{peer} 的短报文涉及其管辖之外的人员。")
