"""A node over the memory bus, people who come to it to log in, and what was written down of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fusioncmd import api
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.client import Commander
from tests.hearing import Heard
from tests.nats_server import until
from tests.test_desk import PLACES
from tests.test_node import node_of, province
from tests.worlds import NOW_MS, by_key
from tiers.node import Node

PASSWORD = "correct horse battery"
NEXT = "staple and a dyke"


class Counter:
    """A node, its bus, and people who come to it; `now_s` is everybody's clock."""

    def __init__(self, data: Path, bus: MemoryBus) -> None:
        self.data, self.bus, self.now_s, self.waits = data, bus, NOW_MS / 1000, False
        node_of(bus, data)  # makes the keys
        self.node = Node(
            bus, PLACES.root, PLACES, data, clock=lambda: self.now_s, pause=self._pause, monotonic=lambda: self.now_s
        )  # fmt: skip
        self.heard = Heard(self.node.recorder, {"login", "logout", "account"})

    async def _pause(self, seconds: float) -> None:
        self.now_s += seconds if self.waits else 0
        await asyncio.sleep(0)

    async def admin(self, question: Any) -> Any:
        return await Commander(self.bus, log_in=by_key).ask(question)

    async def add(self, name: str = "chen", path: str = "4401", totp: bool = False, **more: Any) -> bytes:
        made = api.AddAccount(
            **{"name": name, "roles": ("commander",), "path": path, "password": PASSWORD, "totp": totp} | more
        )
        return (await self.admin(made)).totp

    async def login(
        self, name: str = "chen", password: str = PASSWORD, code: str = "", shown: bytes = b""
    ) -> Commander:
        made = await Commander(self.bus).ask(api.Login(name, password, code, shown))
        return Commander(self.bus, made.session)


@contextlib.asynccontextmanager
async def counter(data: Path, bus: MemoryBus | None = None) -> AsyncIterator[Counter]:
    made = Counter(data, bus or await province())
    life = asyncio.create_task(made.node.run())
    await until(lambda: made.node.ready or life.done())
    try:
        yield made
    finally:
        made.node.stop()
        await life
        made.bus.tails.clear()
