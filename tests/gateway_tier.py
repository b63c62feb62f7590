"""A NATS server and the gateway processes that a test starts on it, with a node's and an office's keys."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from pyroaring import BitMap

from fusioncmd import codes, ids, keys, messages, subjects, tickets
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import RECEIPT, Bus
from fusioncmd.messages import Audience, Order, Receipts
from fusioncmd.supervisor import die_with_parent
from fusioncmd.trust import ring, seals, witnesses
from tests.nats_server import free_port
from tests.terminals import DELIVER, HELLO, VILLAGE, WELCOME, Terminal
from tests.worlds import make_id, make_order
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary

READY_S_MAX = 10
GATEWAYS = ("gw-1", "gw-2")


class Tier:
    """A NATS server of its own, a ticket key, and the gateway processes that were started on them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.nats_port, self.port = folder, free_port(), free_port()
        self.key = keys.ensure_ticket_key(folder)
        self.keys = ring.folder_of(folder)
        ring.make(self.keys, "44", "duty", int(time.time() * 1000))
        self.bus_keys = users.folder_of(folder)
        users.ensure(self.bus_keys, users.NODE, "node", "44")
        for name in GATEWAYS:
            users.ensure(self.bus_keys, name, "gateway", "44")
        self.bus: Bus
        self._processes: list[asyncio.subprocess.Process] = []
        self._terminals: list[Terminal] = []
        self._sealed: dict[bytes, bytes] = {}

    async def start_nats(self, streams: bool = True) -> asyncio.subprocess.Process:
        config = self.folder / "nats.conf"
        config.write_text(render(NatsSettings("44", self.nats_port, self.folder / "store"), users.users(self.bus_keys)))
        server = await self._spawn(server_binary(None), "--config", str(config))
        if not hasattr(self, "bus"):
            own = users.seed_file(self.bus_keys, users.NODE)
            self.bus = await open_bus(self.nats_url, "cli", wait_s=READY_S_MAX, key=own)
            if streams:
                await self.bus.ensure_streams()
        return server

    @property
    def nats_url(self) -> str:
        return f"nats://127.0.0.1:{self.nats_port}"

    async def spawn_gateway(self, name: str, but: str = "", **changes: str) -> asyncio.subprocess.Process:
        options = {"serve": "44", "nats": self.nats_url, "port": str(self.port), "name": name, "data": str(self.folder)}
        options["bus-key"] = str(users.seed_file(self.bus_keys, name))
        argv = [word for option, value in (options | changes).items() for word in (f"--{option}", value)]
        program = f"from gateways.responder import __main__ as m; from fusioncmd import limits; {but}\n"
        return await self._spawn(sys.executable, "-c", program + "m.BUS_WAIT_S = 0.5; m.main()", *argv)

    async def start_gateway(self, name: str, but: str = "") -> asyncio.subprocess.Process:
        """`but` is a statement that changes a bound of that process."""
        process = await self.spawn_gateway(name, but)
        assert process.stderr is not None
        async with asyncio.timeout(READY_S_MAX):
            while json.loads(await process.stderr.readline())["event"] != "gateway.ready":
                pass
        return process

    async def answered(self, order: Order) -> list[BitMap]:
        """Who gave which answer, as it stands on disk."""
        found = [BitMap() for _ in order.answers]
        async for stored in self.bus.read(RECEIPT):
            for mark in messages.decode(Receipts, stored.data).marks:
                if mark.order == order.id and mark.answer is not None:
                    found[mark.answer] |= BitMap.deserialize(mark.numbers)
        return found

    async def end(self) -> None:
        for terminal in self._terminals:
            terminal.leave()
        if hasattr(self, "bus"):
            await self.bus.close()
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _spawn(self, *argv: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL if argv[0].endswith("nats-server") else asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent,
            env={**os.environ, "FUSIONCMD_LANG": "en"},
        )
        self._processes.append(process)
        return process

    async def plain(self) -> Terminal:
        self._terminals.append(Terminal(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self._terminals[-1]

    async def enter(self, number: int) -> Terminal:
        terminal = await (await self.plain()).shake()
        ticket = tickets.Ticket(number, VILLAGE, (), int(time.time()) + 600)
        terminal.say(HELLO, 2, tickets.mint(ticket, self.key))
        assert (await terminal.hear())[:2] == [WELCOME, number]
        return terminal

    async def issue(self, n: int, *numbers: int) -> Order:
        now_ms = int(time.time() * 1000)
        order = make_order(n, id=make_id(n, now_ms), issued_ms=now_ms)
        body, packed = messages.encode(order), BitMap(numbers).serialize()
        accepted = witnesses.accept(body, packed, ring.node_key(self.keys), now_ms)
        audience = messages.encode(Audience(order.id, packed, accepted))
        await self.bus.store(subjects.audience(ids.to_text(order.id)), audience)
        sealed = self._sealed[order.id] = seals.seal(body, ring.own_key(self.keys, order.status, now_ms))
        await self.bus.store(subjects.call(codes.Path("44")), sealed)
        return order

    def delivery(self, order: Order) -> list[object]:
        """The frame that brings `order`."""
        return [DELIVER, self._sealed[order.id]]
