"""`python -m loadtest.login_attackers`: bad logins of commanders at a rate, on the bus, until it is told to stop.

Of each kind in turn: passwords guessed, codes guessed to a password that is known, names that nobody has, sessions and
proofs of keys that are forged, a proof that was used already, what is no question. Written for `badauth`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from fusioncmd import api, envelope, limits, subjects
from fusioncmd.accounts import proofs, sessions
from fusioncmd.accounts.sessions import Session
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.errors import Problem
from fusioncmd.trust import grants, signatures
from fusioncmd.trust.ring import BOTH

BUS_WAIT_S = 10.0
REPLY_S_MAX = 10.0
OUTSTANDING_MAX = 4_096
TICK_S = 0.01
CONNECTIONS = 4
KEY_DAYS_MS = 30 * 86_400_000
Asked = tuple[type[Any], bytes]  # the kind of question that it pretends to be, and what is sent


class LoginLoot(Struct):
    """What is known of the node: its place, the name of an account, its password without the app, a proof overheard."""

    node: str
    name: str
    password: str
    proof: bytes


class LoginAttackers:
    def __init__(self, buses: list[Bus], loot: LoginLoot, seed: int, now_s: float) -> None:
        self._buses, self._loot, self._rng = buses, loot, Random(seed)
        self._expires_s, self._session_key = int(now_s) + limits.SESSION_S, self._rng.randbytes(32)
        signer, now_ms = signatures.signer(self._rng.randbytes(32)), int(now_s * 1000)
        root = grants.root(signer, "office", loot.node, BOTH, now_ms - 1, now_ms + KEY_DAYS_MS)
        self._own = grants.credential(signer, (root,))  # a root that nobody here believes
        self.begun: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kinds: list[tuple[str, Callable[[], Asked]]] = [
            ("guessed password", lambda: _said(api.Login(loot.name, self._word(), self._digits()))),
            ("guessed code", lambda: _said(api.Login(loot.name, loot.password, self._digits()))),
            ("made-up name", lambda: _said(api.Login(self._word(), self._word()))),
            ("forged session", lambda: _said(api.Orders(10), self._session())),
            ("forged proof", lambda: _said(api.LoginByKey((self._proof(),)))),
            ("altered proof", lambda: _said(api.LoginByKey((self._altered(),)))),
            ("used proof", lambda: _said(api.LoginByKey((loot.proof,)))),
            ("no question", lambda: (self._rng.choice((api.Login, api.LoginByKey, api.Orders)), self._noise())),
        ]

    async def run(self, rate: float, stop: asyncio.Event) -> None:
        """Keep to the schedule: what is late is made up for; beyond OUTSTANDING_MAX it is not."""
        began_s, done = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began_s) * rate)
            while done < due and len(self._tasks) < OUTSTANDING_MAX:
                name, make = self._kinds[done % len(self._kinds)]
                task = asyncio.create_task(self._try(name, make(), self._buses[done % len(self._buses)]))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                done += 1
            await asyncio.sleep(TICK_S)
        await asyncio.gather(*self._tasks)

    async def _try(self, name: str, asked: Asked, bus: Bus) -> None:
        self.begun[name] += 1
        kind, data = asked
        verb, reply = api.VERBS[kind]
        try:
            envelope.decode_reply(reply, await bus.ask(subjects.api(verb), data, REPLY_S_MAX))
            self.outcomes["LET IN: " + name] += 1
        except Problem as problem:
            self.outcomes[f"{name}: {problem.code}"] += 1

    def _word(self) -> str:
        return self._rng.randbytes(8).hex()

    def _digits(self) -> str:
        return f"{self._rng.randrange(10**6):06}"

    def _noise(self) -> bytes:
        return self._rng.randbytes(self._rng.randrange(1, 200))

    def _session(self) -> bytes:
        made = Session(
            ident=self._rng.randbytes(sessions.IDENT_BYTES), by="account", name=self._loot.name, epoch=0, grants=(),
            roles=("administrator", "commander"), path=self._loot.node, expires_s=self._expires_s,
        )  # fmt: skip
        return sessions.mint(made, self._session_key)

    def _proof(self) -> bytes:
        nonce = self._rng.randbytes(proofs.NONCE_BYTES)
        return proofs.prove(self._own, self._loot.node, int(time.time() * 1000), nonce)

    def _altered(self) -> bytes:
        """One bit of it: most of these are refused only when a signature was checked."""
        bit = self._rng.randrange(8 * len(self._loot.proof))
        return (int.from_bytes(self._loot.proof, "big") ^ 1 << bit).to_bytes(len(self._loot.proof), "big")


def _said(question: api.Question[Any], session: bytes = b"") -> Asked:
    return type(question), envelope.encode_question(question, session)


async def _run(given: argparse.Namespace) -> None:
    loot = msgspec.msgpack.decode(given.loot.read_bytes(), type=LoginLoot)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)  # a word, or the parent's end
    async with AsyncExitStack() as stack:
        buses: list[Bus] = []
        for _ in range(CONNECTIONS):
            bus = await open_bus(given.bus, "loadtest", wait_s=BUS_WAIT_S, quiet=True, key=given.key)
            stack.push_async_callback(bus.close)
            buses.append(bus)
        attackers, began_s = LoginAttackers(buses, loot, given.seed, time.time()), time.monotonic()
        await attackers.run(given.rate, stop)
        told: dict[str, Any] = {"begun": attackers.begun, "outcomes": attackers.outcomes}
        sys.stdout.write(json.dumps(told | {"seconds": time.monotonic() - began_s}))
        sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.login_attackers", description=__doc__)
    parser.add_argument("--bus", required=True, help="URL of the NATS server")
    parser.add_argument("--key", type=Path, required=True, help="of a user of the bus who may ask the node")
    parser.add_argument("--rate", type=float, required=True, help="a second")
    parser.add_argument("--loot", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.nice(limits.GATEWAY_NICE)  # as the gateways
    uvloop.run(_run(given))


if __name__ == "__main__":
    main()
