"""The keys that a node watches: those in its folder, those granted from it, and each that signed an order or beat.

Health says which of them will end, which fell silent, and which are revoked and still in use.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import structlog

from fusioncmd import ids
from fusioncmd.api.keys import KeyLine
from fusioncmd.errors import Problem
from fusioncmd.messages import Order
from fusioncmd.trust import ring
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.roll import Roll, Said, ending_words
from tiers.ledger import Ledger

log = structlog.get_logger("node")

ORDERS_NAMED_MAX = 5  # in a sentence


class KeyWatch:
    def __init__(self, judge: Judge, ledger: Ledger, folder: Path) -> None:
        self._judge, self._ledger, self._folder = judge, ledger, folder
        self.roll = Roll(judge.revocations)
        self._orders_read = 0
        self._looked_ms: int | None = None

    def look(self, now_ms: int) -> None:
        """Read what is new, and say once, in the log, what has become due since one looked last."""
        self._read_folder()
        self._read_orders()
        due = self.roll.warnings(now_ms)
        if self._looked_ms is not None:
            due = self.roll.newly_due(self._looked_ms, now_ms)
        for ending in due:
            en = ending_words(ending)[0]
            log.warning("node.key_expires", key=ending.chain.name.hex(), days=ending.days, problem=en)
        self._looked_ms = now_ms

    def lines(self) -> list[KeyLine]:
        self._read_orders()
        return sorted(map(self._line, self.roll.chains.values()), key=lambda line: (line.chain, line.grant))

    def problems(self) -> Iterator[Said]:
        """What a person has to look after, the most urgent first."""
        self._read_orders()
        now_ms, book = self._judge.now_ms, self._ledger.book
        shown = [book.orders[i] for i in sorted(book.fallen) if self._is_shown(book.orders[i], now_ms)]
        if shown:
            named = ", ".join(ids.to_text(order.id) for order in shown[:ORDERS_NAMED_MAX])
            yield (
                f"{len(shown)} orders that are still shown were signed with a revoked key; cancel them: {named}",
                f"{len(shown)} 条仍在显示的指令由已撤销的密钥签发，请取消：{named}",
            )
        yield from self.roll.problems(now_ms)

    def _is_shown(self, order: Order, now_ms: int) -> bool:
        """On terminals that have it: only a cancel, or an update, ends it there."""
        is_over = order.msg_type == "cancel" or now_ms >= order.expires_ms
        return not is_over and self._ledger.book.state(order, now_ms) == "revoked"

    def _read_folder(self) -> None:
        for name, chain in ring.chains(self._folder, self._judge.anchors):
            if isinstance(chain, Problem):
                log.warning("node.grants_unusable", name=name, problem=chain.en)
            else:
                self._know(chain)

    def _know(self, chain: Chain) -> bool:
        try:
            self.roll.know(chain)
        except Untrusted as problem:
            log.warning("node.key_not_watched", key=chain.name.hex(), problem=problem.en)
            return False
        return True

    def _read_orders(self) -> None:
        """Each order that was accepted since one looked last shows that its keys work."""
        orders = self._ledger.book.orders
        for order in islice(orders.values(), self._orders_read, None):
            account = self._ledger.accounts[order.id]
            for chain in self._judge.signers(account.sealed):
                if self._know(chain):
                    self.roll.hear(chain, account.accepted_ms)
        self._orders_read = len(orders)

    def _line(self, chain: Chain) -> KeyLine:
        leaf = chain.leaf
        return KeyLine(
            chain.name, tuple(grant.holder for grant in chain.grants), leaf.path, leaf.purposes, leaf.statuses,
            leaf.not_before_ms, leaf.not_after_ms, self.roll.heard_ms.get(chain.name),
            self._judge.revocations.since_ms(chain),
        )  # fmt: skip
