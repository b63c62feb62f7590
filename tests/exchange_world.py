"""Tier nodes in a tree whose links lose, double, delay and cut, for the property test of the exchange.

The nodes' replicas, the exchanges and the judging of orders are the real parts; pipes, clocks and chance are moved by
`World`, and chance is one seed. `World.said` is the plain model: what was said, and which node still vouches for it.
"""

from __future__ import annotations

import heapq
import random

from fusioncmd.exchange import evidence, items, scope
from fusioncmd.exchange.evidence import NOTHING, REPORTED_AT
from fusioncmd.exchange.exchange import Exchange
from fusioncmd.exchange.items import Family, Value
from fusioncmd.exchange.pace import Pace
from fusioncmd.messages import Order, Report, RosterSlice, Selector, TownTable, encode
from tests.exchange_pipes import TOWNS, Node, Pipe, fresh, has
from tests.worlds import NOW_MS, audience_of, make_id, make_order, sealed

PLACES = ("44", "4401", "4402", "440103", "440106", "440204", "440103001", "440204001", "440103001101")
ORDERS_MAX, SLOTS, TICK_MS = 6, 24, 100
PACES = (
    Pace(message_bytes=16_384),
    Pace(message_bytes=900, in_flight_bytes=2_000, parts=3, listed_max=4),
    Pace(message_bytes=300, in_flight_bytes=1_200, parts=2, listed_max=2),
)


class Link:
    """`upper` and `lower` are places in `World.nodes`."""

    def __init__(self, world: World, upper: str, lower: str) -> None:
        self.world, self.ends, self.pace = world, (upper, lower), world.chance.choice(PACES)
        self.pipes = [Pipe(world.chance, loss=world.chance.choice([0.0, 0.1, 0.4])) for _ in range(2)]
        self.told_cut = False
        self.exchanges = [self.make(0), self.make(1)]

    def make(self, end: int) -> Exchange:
        world, own, peer = self.world, self.ends[end], self.ends[1 - end]
        made = Exchange(
            world.nodes[own].replica, scope.link(own, peer), end == 1, world.chance.randrange(1, 1 << 16),
            world.chance.random, self.pace,
        )  # fmt: skip
        made.connect(world.clock(own))
        return made

    def step(self) -> None:
        for end in (0, 1):
            own, exchange = self.ends[end], self.exchanges[end]
            for data in self.pipes[1 - end].arrived(self.world.now_ms):
                exchange.receive(data, self.world.clock(own))
            for data in exchange.due(self.world.clock(own)):
                assert len(data) <= self.pace.message_bytes
                self.pipes[end].send(data, self.world.now_ms)


class World:
    def __init__(self, seed: int) -> None:
        self.chance, self.now_ms = random.Random(seed), 0
        chosen = {"44", *self.chance.sample(PLACES, self.chance.randrange(2, 7))}
        self.nodes = {code: Node(code, fresh()) for code in sorted(chosen)}
        self.links: list[Link] = []
        for code in sorted(chosen - {"44"}):
            above = [place for place in chosen if code.startswith(place) and place != code]
            parents = {max(above, key=len)} | ({self.chance.choice(above)} if self.chance.random() < 0.3 else set())
            self.links += [Link(self, parent, code) for parent in sorted(parents)]
        self.said: dict[bytes, list[tuple[Value, set[str]]]] = {}  # by key: what, and the nodes that hold it for sure
        self.orders: list[Order] = []
        self.editions = dict.fromkeys(TOWNS, 0)

    def clock(self, code: str) -> int:
        return NOW_MS + self.now_ms + self.nodes[code].clock_off_ms

    def say(self, code: str, key: bytes, value: Value) -> None:
        self.nodes[code].replica.put(key, value)
        self.said.setdefault(key, []).append((value, {code}))

    def anywhere(self) -> Node:
        return self.nodes[self.chance.choice(list(self.nodes))]

    # --- what people do

    def order(self) -> None:
        node = self.anywhere()
        if len(self.orders) >= ORDERS_MAX:
            return
        n, known = len(self.orders) + 1, sorted(node.replica.book.orders.values(), key=lambda o: o.id)
        before = self.chance.choice(known) if known and self.chance.random() < 0.3 else None
        if before is not None and before.audience.nodes[0].startswith(node.code):
            order = make_order(n, msg_type="update", refs=before.id, root=before.root or before.id,
                               audience=before.audience)  # fmt: skip
        else:
            below = [place for place in (*PLACES, *TOWNS) if place.startswith(node.code)]
            order = make_order(n, audience=Selector((self.chance.choice(below),)))
        meant = [
            town << 16 | slot
            for town, code in enumerate(TOWNS)
            if code.startswith(order.audience.nodes[0][:9]) and self.chance.random() < 0.9
            for slot in range(SLOTS)
        ]
        self.orders.append(order)
        self.say(
            node.code, items.order_key(order.id), items.pack_order(sealed(order), encode(audience_of(order, meant)))
        )

    def answers(self) -> None:
        node = self.anywhere()
        places = [
            (order, town)
            for order in node.replica.book.orders.values()
            for town, code in enumerate(node.replica.towns)
            if scope.Scope(node.code, False).holds((code,)) and scope.Scope(code, False).holds(order.audience.nodes)
        ]
        if not places:
            return
        order, town = self.chance.choice(sorted(places, key=lambda p: (p[0].id, p[1])))
        rungs = list(NOTHING)
        for _ in range(self.chance.choice([1, 1, 2, 12])):
            rungs[self.chance.choice([0, 1, 3, 3, 4, 5])] |= 1 << self.chance.randrange(SLOTS)
        self.say(node.code, items.container_key(order.id, town), evidence.reduced(rungs))

    def report(self) -> None:
        node = self.anywhere()
        towns = [t for t, code in enumerate(node.replica.towns) if scope.Scope(node.code, False).holds((code,))]
        towns = [t for t in towns if node.replica.book.orders]
        if towns:
            town, slot = self.chance.choice(towns), self.chance.randrange(SLOTS)
            fitting = [o for o in node.replica.book.orders.values()
                       if scope.Scope(TOWNS[town], False).holds(o.audience.nodes)]  # fmt: skip
            if fitting:
                order = self.chance.choice(sorted(fitting, key=lambda o: o.id))
                ident, number = make_id(900 + self.chance.randrange(2)), town << 16 | slot // 12
                at_ms = NOW_MS + self.chance.randrange(5)
                made = Report(ident, order.id, number, at_ms, f"Road {self.chance.randrange(3)} cut.", None, None)
                self.say(node.code, items.report_key(order.id, number, ident), encode(made))
                rungs = list(NOTHING)
                rungs[REPORTED_AT] = 1 << (number & 0xFFFF)
                self.say(node.code, items.container_key(order.id, town), tuple(rungs))

    def roster(self) -> None:
        """An edition of a town's slice, now and then the same edition at two nodes."""
        node = self.anywhere()
        towns = [code for code in TOWNS if scope.Scope(node.code, False).holds((code,))]
        code = self.chance.choice(towns)
        self.editions[code] += self.chance.choice([0, 1, 1])
        name = f"Person {self.chance.randrange(3)}" * self.chance.choice([1, 40])
        made = RosterSlice(code, self.editions[code], ["1"], [name], [""], [0], ["flood"], [1], [])
        self.say(node.code, items.roster_key(code), encode(made))

    def statement(self) -> None:
        node = self.anywhere()
        data = self.chance.randbytes(self.chance.choice([40, 200]))
        if self.chance.random() < 0.5:
            self.say(node.code, items.statement_key(Family.REVOKED, node.code, items.name_of(data)), data)
        else:
            height = self.chance.randrange(5).to_bytes(8, "big")
            self.say(node.code, items.statement_key(Family.HEAD, node.code, b"audit"), height + data)

    def towns(self) -> None:
        """The province numbers another town."""
        held = self.nodes["44"].replica.towns
        if len(held) < len(TOWNS):
            table = encode(TownTable(len(held), TOWNS[: len(held) + 1]))
            self.say("44", items.statement_key(Family.TOWNS, "44", b""), len(held).to_bytes(8, "big") + table)

    # --- what happens to links and nodes

    def cut(self) -> None:
        """Both ways or one way; the ends are told, or have to find out."""
        link = self.chance.choice(self.links)
        for pipe in self.chance.choice([link.pipes, link.pipes[:1], link.pipes[1:]]):
            pipe.cut = True
        if link.pipes[0].cut and link.pipes[1].cut and self.chance.random() < 0.5:
            link.told_cut = True
            for end, exchange in zip(link.ends, link.exchanges, strict=True):
                exchange.cut(self.clock(end))

    def mend(self, link: Link | None = None) -> None:
        link = link or self.chance.choice(self.links)
        for pipe in link.pipes:
            pipe.cut = False
        if link.told_cut:
            link.told_cut = False
            for end, exchange in zip(link.ends, link.exchanges, strict=True):
                exchange.connect(self.clock(end))

    def restart(self) -> None:
        """A node's process ends; its state is on disk, or it was on a machine that is lost."""
        node, wiped = self.anywhere(), self.chance.random() < 0.4
        before, node.replica = node.replica, fresh()
        if wiped:
            for key, versions in self.said.items():
                for value, holders in versions:
                    holders |= {
                        other.code for other in self.nodes.values() if other is not node and has(other, key, value)
                    }
                    holders.discard(node.code)
            table = items.statement_key(Family.TOWNS, "44", b"")
            if node.code == "44" and (value := before.get(table)) is not None:
                self.say("44", table, value)  # nobody below may give it: the operator's copy
        else:
            for key in before.held():  # in the order in which they came: orders before what follows them
                value = before.get(key)
                assert value is not None
                node.replica.put(key, value)
        for link in self.links:
            for end in (0, 1):
                if link.ends[end] == node.code:
                    link.exchanges[end] = link.make(end)
                    if link.told_cut:
                        link.exchanges[end].cut(self.clock(node.code))

    def set_clock(self) -> None:
        self.anywhere().clock_off_ms += self.chance.choice([-3_600_000, 3_600_000, 7_200_000])

    def cut_short(self) -> None:
        """A message of which only the beginning arrives."""
        pipe = self.chance.choice(self.chance.choice(self.links).pipes)
        if pipe.flying:
            at_ms, order, data = self.chance.choice(pipe.flying)
            heapq.heappush(pipe.flying, (at_ms, order + 1, data[: int(len(data) * self.chance.random())]))

    def run(self, ms: int) -> None:
        for _ in range(ms // TICK_MS):
            self.now_ms += TICK_MS
            for link in self.links:
                link.step()

    # --- what must hold

    def agreed(self) -> bool:
        """Each link's ends hold the same of what concerns it, and neither has anything left to say."""
        return all(
            link.exchanges[0].index.digests == link.exchanges[1].index.digests and all(e.idle for e in link.exchanges)
            for link in self.links
        )
