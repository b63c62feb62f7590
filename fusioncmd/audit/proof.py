"""Proves the audit of a node page by page, or names the first link that is broken. Pure.

What is proved: that the node's key signed each page, that each follows the one before without a gap, and that the pages
named by signed heads are there. What was added after the last head can be cut off without a trace; `signed_pages` says
where that is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from fusioncmd.audit import chain
from fusioncmd.audit.chain import Page, Tip
from fusioncmd.audit.heads import Head
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations

Why = Literal["beginning", "page", "missing", "again", "link", "count", "head", "cut"]


@dataclass(frozen=True, slots=True)
class Break:
    """`page` and `entry` are the first that are not proved; what follows may be whatever it is."""

    page: int
    entry: int
    why: Why
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Proof:
    """`tip` is as far as it holds. `begins` is its first page; 1, unless older ones are missing."""

    node: str
    begins: int
    tip: Tip
    signed_pages: int  # as far as a signed head reaches that holds
    stored: int  # messages that were there
    broken: Break | None


def elsewhere(proofs: Sequence[Proof], named: Collection[str]) -> list[Proof]:
    """Those whose audit lies on the bus of their own node: only a head came from there, by a link, while the audit of
    another node is here. Not of `named` nodes, which are asked for, or whose head somebody kept."""
    here = any(proof.stored for proof in proofs)
    return [proof for proof in proofs if here and not proof.stored and proof.node not in named]


class Walk:
    """Given the stored messages of one node in their order; `heads` are those that are believed. `after`: where older
    pages were taken away on purpose, the head that was kept of them."""

    def __init__(
        self, node: str, anchors: Anchors, revocations: Revocations, heads: Iterable[Head], after: Head | None = None
    ) -> None:
        self._after, self._node, self._anchors, self._revocations = after, node, anchors, revocations
        self._heads: dict[int, list[Head]] = {}
        for head in heads:
            if head.node == node:
                self._heads.setdefault(head.pages, []).append(head)
        self._tip, self._stored, self._begins, self._signed = Tip(node), 0, 1, 0
        self._broken: Break | None = None
        self._beginning: Break | None = None
        self._check_heads()

    def take(self, data: bytes) -> None:
        self._stored += 1
        if self._broken is not None:
            return
        number = self._tip.pages + 1
        try:
            page = chain.read(data, self._node, self._anchors, self._revocations)
        except Untrusted as problem:
            self._break(number, "page", f"Page {number} is not what the node wrote. {problem.en}",
                        f"第 {number} 页不是节点所写。{problem.zh}")  # fmt: skip
            return
        if self._stored == 1 and page.number > 1:
            self._begin_at(page)
        if self._follows(page, data):
            self._tip = chain.tip_of(page, data)
            self._check_heads()

    def end(self) -> Proof:
        longest = max(self._heads, default=0)
        if self._broken is None and longest > self._tip.pages:
            number = self._tip.pages + 1
            self._break(number, "cut", f"Pages {number} to {longest} are missing at the end: a signed head names them.",
                        f"末尾缺少第 {number} 至 {longest} 页：已签名的链头记有这些页。")  # fmt: skip
        broken = self._beginning or self._broken
        return Proof(self._node, self._begins, self._tip, self._signed, self._stored, broken)

    def _begin_at(self, page: Page) -> None:
        """Older pages are gone. The head that was kept of them proves that these are the ones that follow."""
        before = Tip(self._node, page.number - 1, page.first - 1, page.before)
        self._begins, self._tip = page.number, before
        if self._after is not None and self._after.tip == before:
            return
        last = page.number - 1
        self._beginning = Break(
            1, 1, "beginning", f"Pages 1 to {last} are missing at the beginning, and no head was kept that ends there.",
            f"开头缺少第 1 至 {last} 页，且没有保存的链头止于该处。",
        )  # fmt: skip

    def _follows(self, page: Page, data: bytes) -> bool:
        tip, number = self._tip, self._tip.pages + 1
        if page.number > number:
            last = page.number - 1
            self._break(number, "missing", f"Pages {number} to {last} are missing.", f"缺少第 {number} 至 {last} 页。")
        elif page.number == tip.pages and chain.digest_of(data) != tip.digest:
            first = min(page.first, tip.entries)
            self._break(page.number, "again", f"There are two different pages {page.number}.",
                        f"有两个不同的第 {page.number} 页。", first)  # fmt: skip
        elif page.number < number:
            self._break(number, "again", f"Where page {number} should be, page {page.number} stands again.",
                        f"第 {number} 页处重复出现第 {page.number} 页。")  # fmt: skip
        elif page.before != tip.digest:
            named = max(tip.pages, 1)
            self._break(named, "link", f"Page {named} is not the one that page {number} was written after.",
                        f"第 {named} 页不是第 {number} 页所承接的那一页。")  # fmt: skip
        elif page.first != tip.entries + 1:
            self._break(number, "count", f"Page {number} does not begin with entry {tip.entries + 1}.",
                        f"第 {number} 页不是从第 {tip.entries + 1} 条开始。")  # fmt: skip
        return self._broken is None

    def _check_heads(self) -> None:
        for head in self._heads.get(self._tip.pages, ()):
            if head.tip != self._tip:
                number = max(self._tip.pages, 1)
                self._break(number, "head", f"Page {number} is not the one that the node signed as its last.",
                            f"第 {number} 页不是节点签名链头所记的末页。")  # fmt: skip
                return
            self._signed = self._tip.pages

    def _break(self, page: int, why: Why, en: str, zh: str, entry: int | None = None) -> None:
        self._broken = Break(page, self._tip.entries + 1 if entry is None else entry, why, en, zh)
