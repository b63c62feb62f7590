"""A node whose clock is moved by hand, over the bus in memory, and a commander with keys that its office granted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fusioncmd import api
from fusioncmd.audit import chain
from fusioncmd.audit.entries import Entry
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.bus.port import AUDIT
from fusioncmd.client import Commander, key_login
from fusioncmd.codes import Path as Place
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.orders import Book, compose
from fusioncmd.trust import handing, ring, seals
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.handing import Terms
from tests.hearing import Heard
from tests.nats_server import until
from tests.test_desk import PLACES
from tests.worlds import NOW_MS, make_draft, make_id
from tiers.node import Node

CITY = "4401"


class Tier:
    """A node whose clock is moved by hand, the folder of its keys, and that of a commander of Guangzhou, Chen Wei."""

    def __init__(self, folder: Path) -> None:
        self.now_ms, self.folder = NOW_MS, folder
        self.bus = MemoryBus()
        self.office, self.mine = ring.folder_of(folder / "data"), folder / "mine"
        self.decided: list[Entry] = []
        self._orders = 0

    def grant(self, days: int) -> None:
        """Chen Wei asks for keys, the office grants them, Chen Wei takes them."""
        _, request = handing.ask_for(self.mine, "own", "Chen Wei", both_in_one=False)
        terms = Terms(CITY, ring.BOTH, (), False, days * DAY_MS)
        root = handing.signer_of(self.office, "root")
        handing.take(self.mine, handing.grant(self.office, request, root, terms, self.now_ms))

    def rotate_node(self) -> None:
        """The node gets its next key."""
        _, request = handing.ask_for(self.office, ring.NODE, "duty node", both_in_one=True)
        terms = Terms("44", ring.BOTH, ("node",), False, 731 * DAY_MS)
        root = handing.signer_of(self.office, "root")
        handing.take(self.office, handing.grant(self.office, request, root, terms, self.now_ms))

    @property
    def own(self) -> Credential:
        return ring.own_key(self.mine, "exercise", self.now_ms)

    @property
    def duty(self) -> Credential:
        return ring.own_key(self.office, "exercise", self.now_ms)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        clock = lambda: self.now_ms / 1000  # noqa: E731
        node = Node(self.bus, PLACES.root, PLACES, self.folder / "data", 0.005, clock=clock)
        Heard(node.recorder, {"order", "key", "refusal"}, self.decided)
        life = asyncio.create_task(node.run())
        await until(lambda: node.ready or life.done())
        try:
            yield node
        finally:
            node.stop()
            await life
            self.bus.tails.clear()

    async def ask(self, question: Any) -> Any:
        return await self._commander(self.duty).ask(question, timeout_s=2.0)

    async def administer(self, question: Any) -> Any:
        """As who holds the office's key for accounts."""
        keys = ring.login_keys(self.office, self.now_ms)
        admin = next(own for own in keys if "administer" in own.grant.purposes)
        return await self._commander(admin).ask(question, timeout_s=2.0)

    async def audited_by(self) -> list[bytes]:
        """Which key signed each page of the audit."""
        anchors = ring.anchors(self.office)
        return [chain.written_by(m.data, "44", anchors)[1].name async for m in self.bus.read(AUDIT)]

    def _commander(self, own: Credential) -> Commander:
        async def by_key(commander: Commander) -> bytes:
            return (await key_login(commander, (own,), lambda: self.now_ms / 1000)).session

        return Commander(self.bus, log_in=by_key)

    async def issue(self, own: Credential, **changes: Any) -> Order:
        self._orders += 1
        draft = make_draft(
            self._orders, **{"id": make_id(self._orders, self.now_ms), "audience": Selector((CITY,))} | changes
        )
        return (await self._commander(own).issue(draft, own, timeout_s=2.0)).order

    def signed_now(self) -> bytes:
        """An order of Chen Wei's, composed without the node."""
        draft = make_draft(99, id=make_id(99, self.now_ms), audience=Selector((CITY,)), issuer="Chen Wei")
        return seals.seal(encode(compose(draft, Book(), Place(CITY), self.now_ms)), self.own)

    async def later(self, days: float) -> list[str]:
        """What health says of Chen Wei's key for exercises after so many days."""
        self.now_ms += int(days * DAY_MS)
        return await self.said("exercise key of Chen Wei")

    async def said(self, words: str) -> list[str]:
        return [line for line in (await self.ask(api.Health())).problems if words in line]

    async def state(self, order: Order) -> str:
        return str((await self.ask(api.Tally(order.id))).line.state)
