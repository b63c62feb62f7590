"""Two real nodes with no link between them, and the last line: a province, and a kit at a town of 300.

Keys are made as operators make them; time stands still until it is moved. `carry` is a satellite that does as it is
told: it takes what one end says and brings it to the other, or does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

from pyroaring import BitMap

from fusioncmd import api, ids, subjects
from fusioncmd.access import Actor
from fusioncmd.bus import users
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.codes import Path as Place
from fusioncmd.lastline import twins
from fusioncmd.lastline.wire import Came, Modem, Next, Say, Taken, decode, encode
from fusioncmd.messages import ANSWERED, RECEIVED, Mark, Order, Receipts, Selector
from fusioncmd.messages import encode as pack_message
from fusioncmd.roster.numbers import number_of
from fusioncmd.roster.slices import Entry, merge
from fusioncmd.trust import handing, joining, ring, seals
from tests.nats_server import until
from tests.test_desk import PLACES, TABLE
from tests.worlds import NOW_MS
from tiers.node import Node

HUB, KIT = "44", "440103001"
TOWN = TABLE.towns.index(KIT)
PEOPLE = [number_of(TOWN, slot) for slot in range(300)]
CARDS = {HUB: 242_407, KIT: 242_408}
YEAR_MS = 365 * 86_400_000


def slice_of(code: str, people: int, edition: int = 1) -> Any:
    entries = [Entry(f"{code}-{n}", f"陈{n}", f"1380{n}", 0, ("flood",) if n % 2 else ()) for n in range(people)]
    part = merge(None, code, entries).slice
    assert part is not None
    return type(part)(**{name: getattr(part, name) for name in part.__struct_fields__} | {"edition": edition})


class LineWorld:
    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s, self.mono_s = folder, NOW_MS / 1000, 1_000.0
        self.monotonic: Callable[[], float] = lambda: self.mono_s
        self.buses = {code: MemoryBus() for code in (HUB, KIT)}
        self.nodes: dict[str, Node] = {}
        self._lives: list[asyncio.Task[None]] = []

    def data(self, code: str) -> Path:
        return self.folder / code

    def join(self, when: str = "always") -> None:
        """The kit asks, the province approves, the kit takes."""
        ring.make(ring.folder_of(self.data(HUB)), HUB, "广东省", NOW_MS)
        self.approve()
        for code in (HUB, KIT):
            lines = "".join(f"{peer} = {CARDS[peer]}\n" for peer in CARDS if peer != code)
            (self.data(code) / "lastline.toml").write_text(f'when = "{when}"\n[cards]\n{lines}', "utf-8")

    def approve(self) -> None:
        keys, kit = ring.folder_of(self.data(HUB)), self.data(KIT)
        asked = joining.ask(ring.folder_of(kit), users.folder_of(kit), KIT, "某镇")
        by = handing.signer_of(keys, ring.ROOT)
        joined = joining.approve(keys, users.folder_of(self.data(HUB)), HUB, asked, by, YEAR_MS, NOW_MS)
        joining.take(kit, joined, NOW_MS)

    async def start(self, code: str) -> Node:
        above = HUB if code == KIT else ""
        node = Node(
            self.buses[code], Place(code), PLACES, self.data(code), clock=lambda: self.now_s,
            monotonic=lambda: self.monotonic(), above=above,
        )  # fmt: skip
        self.nodes[code] = node
        life = asyncio.create_task(node.run())
        self._lives.append(life)
        await until(lambda: node.ready or life.done())
        await asyncio.sleep(0)  # what it serves beside is served
        return node

    async def stop(self) -> None:
        for node in self.nodes.values():
            node.stop()
        await asyncio.wait(self._lives)
        for bus in self.buses.values():
            bus.tails.clear()
        for life in self._lives:
            life.result()

    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.mono_s += seconds

    # --- the province commands, the town answers

    async def call(self, text: str = "汛情紧急，请应答。", **changes: Any) -> Order:
        node = self.nodes[HUB]
        own = ring.own_key(ring.folder_of(self.data(HUB)), changes.get("status", "exercise"), int(self.now_s * 1000))
        fields: dict[str, Any] = {
            "id": ids.make(int(self.now_s * 1000), len(node.desk.ledger.book.orders).to_bytes(10, "big")),
            "status": "exercise", "issuer": own.grant.holder, "node": HUB, "text": text,
            "answers": ("安全", "需要帮助"), "audience": Selector((HUB,)),
        }  # fmt: skip
        actor = Actor("chief", frozenset({"commander"}), Place(HUB))
        draft = api.Draft(**(fields | changes))
        body = (await node.desk.compose(api.Compose(draft), actor)).body
        return (await node.desk.issue(api.Issue(seals.seal(body, own)), actor)).order

    async def cancel(self, order: Order) -> Order:
        return await self.call("险情解除。", msg_type="cancel", refs=order.id, audience=None, answers=())

    async def answer(self, order: Order, numbers: Iterable[int], answer: int | None = 0, code: str = KIT) -> None:
        """As a gateway at that node stores it; None: they only received it."""
        stage = RECEIVED if answer is None else ANSWERED
        batch = Receipts("responder-1", (Mark(order.id, stage, answer, BitMap(numbers).serialize()),))
        await self.buses[code].store(subjects.receipt("responder-1"), pack_message(batch))

    def orders(self, code: str) -> list[Order]:
        return [*self.nodes[code].desk.ledger.book.orders.values()]

    def answered(self, order: Order, code: str = HUB) -> list[int]:
        account = self.nodes[code].desk.ledger.accounts[order.id]
        return [len(given) for given in account.marks.answers[: len(order.answers)]]

    # --- the satellite

    async def next(self, code: str, bits: int = 560, failed: bool = False) -> Say:
        """What that node says next."""
        asked = Next(Modem(CARDS[code], bits, 60, 4), failed)
        return decode(Say, await self.buses[code].ask(subjects.LINE_NEXT, encode(asked), 1.0))

    async def bring(self, code: str, data: bytes, by: int | None = None) -> bool:
        """To that node, from the other's card. Whether it has dealt with it."""
        other = CARDS[HUB if code == KIT else KIT] if by is None else by
        reply = await self.buses[code].ask(subjects.LINE_CAME, encode(Came(other, data)), 1.0)
        return decode(Taken, reply).kept

    async def carry(self, code: str, bits: int = 560) -> bytes:
        """The next message of that node, to the other. Empty: there was none."""
        say = await self.next(code, bits)
        if say.data:
            assert len(say.data) <= bits // 8
            assert await self.bring(HUB if code == KIT else KIT, say.data)
        return say.data

    def problems(self, code: str) -> str:
        return "\n".join(en for en, _ in self.nodes[code].lastline.problems())


@contextlib.asynccontextmanager
async def line_world(
    folder: Path, hub_edition: int = 1, monotonic: Callable[[], float] | None = None, when: str = "always",
    files: dict[str, str] | None = None,
) -> AsyncIterator[LineWorld]:  # fmt: skip
    """`files`: more of the province's data folder, or others."""
    world = LineWorld(folder)
    world.monotonic = monotonic or world.monotonic
    world.join(when)
    for name, text in (files or {}).items():
        (world.data(HUB) / name).write_text(text, "utf-8")
    for code, bus in world.buses.items():
        await bus.store(subjects.roster(PLACES.root), pack_message(TABLE))
        edition = hub_edition if code == HUB else 1
        await bus.store(subjects.roster(Place(KIT)), pack_message(slice_of(KIT, 300, edition)))
        await world.start(code)
    try:
        yield world
    finally:
        await world.stop()


async def stand_in(world: LineWorld, order: Order) -> Order:
    """The province's order arrives at the kit by one message."""
    assert await world.carry(HUB)
    (found,) = [o for o in world.orders(KIT) if twins.are_one(o, order)]
    return found


async def counted(world: LineWorld, order: Order, *wanted: int) -> None:
    await until(lambda: world.answered(order) == [*wanted])


__all__ = ["CARDS", "HUB", "KIT", "PEOPLE", "TOWN", "LineWorld", "counted", "line_world", "slice_of", "stand_in"]
