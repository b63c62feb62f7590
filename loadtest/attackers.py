"""`python -m loadtest.attackers`: bad authentications at a rate, from many addresses, until it is told to stop.

Of each kind in turn: tickets that are forged, tickets that have expired, noise, codes that nobody made, renewals of
devices that nobody has, renewals that somebody else signed, handshakes that never end. Written for `badauth`.
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
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from fusioncmd import limits, terminal
from fusioncmd.descriptors import raise_descriptors
from fusioncmd.terminal import Enrol, Enrolled, Hello, Renew, Ticketed, Welcome
from fusioncmd.trust import signatures
from loadtest.attempts import attempt, masked, opening
from loadtest.swarm import wire

REFUSED_S_MAX = 10.0  # to hear no
ENDLESS_S_MAX = limits.HANDSHAKE_S_MAX + 3.0
OUTSTANDING_MAX = 15_000
TICK_S = 0.01
LET_IN = (Welcome, Enrolled, Ticketed)


class Loot(Struct):
    """What an attacker got hold of: tickets that have ended, and names of devices, but no key."""

    expired: list[bytes]
    devices: list[tuple[int, bytes]]


class Attackers:
    def __init__(self, port: int, addresses: int, loot: Loot, seed: int) -> None:
        self._port, self._rng, self._loot = port, Random(seed), loot
        self._sources = [source(n) for n in range(addresses)]
        self._signer = signatures.signer(self._rng.randbytes(32))
        self.outcomes: Counter[str] = Counter()
        self.begun: Counter[str] = Counter()
        self._kinds: list[tuple[str, Callable[[], bytes]]] = [
            ("forged ticket", lambda: self._said(Hello(terminal.VERSION, self._rng.randbytes(70)))),
            ("expired ticket", lambda: self._said(Hello(terminal.VERSION, self._rng.choice(loot.expired)))),
            ("noise", lambda: opening(port) + wire.masked(self._rng.randbytes(60), bytes(4))),
            ("made-up code", lambda: self._said(self._enrol())),
            ("made-up device", lambda: self._said(self._renew(self._rng.getrandbits(32), self._rng.randbytes(8)))),
            ("another's device", lambda: self._said(self._renew(*self._rng.choice(loot.devices)))),
            ("endless handshake", lambda: opening(port)[: self._rng.randrange(1, 60)]),
        ]
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, rate: float, stop: asyncio.Event) -> None:
        """Keep to the schedule: what is late is made up for; beyond OUTSTANDING_MAX it is not."""
        began_s, done = time.monotonic(), 0
        while not stop.is_set():
            due = int((time.monotonic() - began_s) * rate)
            while done < due and len(self._tasks) < OUTSTANDING_MAX:
                name, make = self._kinds[done % len(self._kinds)]
                task = asyncio.create_task(self._try(name, make()))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                done += 1
            await asyncio.sleep(TICK_S)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _try(self, name: str, first: bytes) -> None:
        self.begun[name] += 1
        wait_s = ENDLESS_S_MAX if name == "endless handshake" else REFUSED_S_MAX
        how = await attempt(self._port, self._rng.choice(self._sources), first, lambda said: None, wait_s)
        word = str(how) if isinstance(how, int | str) else type(how).__name__
        self.outcomes["LET IN: " + name if isinstance(how, LET_IN) else f"{name}: {word}"] += 1

    def _said(self, frame: terminal.FromTerminal) -> bytes:
        return opening(self._port) + masked(frame)

    def _enrol(self) -> Enrol:
        code = self._rng.randbytes(20)
        return Enrol(terminal.VERSION, code, "ed25519", self._signer.public, self._rng.randbytes(64))

    def _renew(self, number: int, device: bytes) -> Renew:
        return Renew(terminal.VERSION, number, device, int(time.time() * 1000), self._rng.randbytes(64))


def source(n: int) -> str:
    return f"127.66.{n // 250}.{1 + n % 250}"


async def _run(given: argparse.Namespace) -> None:
    raise_descriptors()
    loot = msgspec.msgpack.decode(given.loot.read_bytes(), type=Loot)
    attackers, stop = Attackers(given.port, given.addresses, loot, given.seed), asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)  # a word, or the parent's end
    began_s = time.monotonic()
    await attackers.run(given.rate, stop)
    told: dict[str, Any] = {"begun": attackers.begun, "outcomes": attackers.outcomes}
    sys.stdout.write(json.dumps(told | {"seconds": time.monotonic() - began_s}))
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtest.attackers", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True, help="a second")
    parser.add_argument("--addresses", type=int, default=50)
    parser.add_argument("--loot", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.nice(limits.GATEWAY_NICE)  # as the gateways
    uvloop.run(_run(given))


if __name__ == "__main__":
    main()
