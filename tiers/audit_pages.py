"""A node's audit on the bus: the next page stored where the last one was, and the signed head beside it.

A page of which it is not known whether it is stored is stored again, the very same, until that is known: so the chain
has no gap and nothing twice, whatever replies are lost. Whoever else writes there is found by the next page.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fusioncmd import limits, subjects
from fusioncmd.audit import chain, heads
from fusioncmd.audit.chain import Tip
from fusioncmd.audit.entries import Entry
from fusioncmd.audit.head_file import HeadFile
from fusioncmd.bus.port import AUDIT, Bus, Stored
from fusioncmd.codes import Path
from fusioncmd.errors import Conflict
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.grants import Credential
from tiers.audit_tip import TipFinder, Trouble


@dataclass(frozen=True, slots=True)
class Written:
    """A page on its way: its bytes, and where the chain ends with it."""

    data: bytes
    tip: Tip


class Pages:
    """`own` gives the node's key that is in use; `kept` its own copy of the last head; `tell` hears what others did to
    the audit."""

    def __init__(
        self,
        bus: Bus,
        node: Path,
        own: Callable[[], Credential],
        anchors: Anchors,
        kept: HeadFile,
        tell: Callable[[Trouble], None],
    ) -> None:
        self._bus, self._own, self._kept, self._tell = bus, own, kept, tell
        self._subject, self._head_subject = subjects.audit(node), subjects.audit_head(node)
        self._finder = TipFinder(bus, node, anchors)
        self.tip = self._signed = Tip(node.code)  # `_signed`: as the head says that is stored
        self.last_seq = 0
        self.given_up = b""  # the last page that was not stored because there was no room

    @property
    def head_is_due(self) -> bool:
        return self.tip != self._signed

    async def begin(self) -> None:
        """Find where the chain ends. `Unavailable` while the bus cannot say."""
        self.last_seq, self.tip, troubles = await self._finder.find(self._kept.read())
        self._signed = self.tip
        for trouble in troubles:
            self._tell(trouble)

    def write(self, entries: Sequence[Entry], now_ms: int) -> Written:
        return Written(*chain.write(self.tip, entries, self._own(), now_ms))

    async def store(self, written: Written) -> bool:
        """True when it is on disk; False when the chain did not end as it was left: write the page anew. `StorageFull`:
        it is not stored; another `Unavailable`: nobody knows, so store it again before any other."""
        try:
            seq = await self._bus.store(self._subject, written.data, expect_last=self.last_seq)
        except Conflict:
            last = await self._bus.last(self._subject)
            if last is None or last.data != written.data:
                self._come_to_terms(last)
                return False
            seq = last.seq  # it was stored the time before, and the reply was lost
        self.tip, self.last_seq = written.tip, seq
        return True

    def _come_to_terms(self, last: Stored | None) -> None:
        """Go on after what is there, and tell of it. Only what this node's key signed is taken into the chain."""
        self.last_seq = 0 if last is None else last.seq
        page = None if last is None else self._finder.page_of(last)
        if last is None:
            zh = f"节点运行期间，审计的 {self.tip.pages} 页被删除"
            self._tell(Trouble("gone", f"{self.tip.pages} pages of the audit were removed while the node ran", zh))
        elif page is not None and page.number > self.tip.pages:
            self.tip = chain.tip_of(page, last.data)
            if last.data != self.given_up:
                zh = "另一程序正以本节点的密钥写入其审计"
                self._tell(Trouble("another_writer", "Another program writes this node's audit, with its key", zh))
        elif page is not None and chain.digest_of(last.data) == self.tip.digest:
            zh = "节点运行期间，审计被他人重新写入"
            self._tell(Trouble("moved", "The audit was stored anew by somebody else while the node ran", zh))
        elif page is not None:
            zh = f"节点运行期间，审计第 {page.number} 页之后的内容被删除"
            self._tell(
                Trouble("cut", f"Pages of the audit after page {page.number} were removed while the node ran", zh)
            )
        else:
            zh = f"审计的第 {last.seq} 条消息由他人写入"
            self._tell(Trouble("strange", f"Message {last.seq} of the audit was put there by somebody else", zh))

    async def room_left(self) -> bool:
        """False when the stream is nearly full."""
        edge = await self._bus.edge(AUDIT)
        return edge.size_bytes * 100 < AUDIT.bytes_max * limits.AUDIT_FULL_PERCENT

    async def sign_head(self, now_ms: int) -> None:
        """For the chain as it is; first beside the keys, then on the bus."""
        tip = self.tip
        data = heads.sign(tip, self._own(), now_ms)
        self._kept.write(data)
        await self._bus.store(self._head_subject, data)
        self._signed = tip
