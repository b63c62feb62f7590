"""Phones that come back, enrol and renew while others attack: how many get what is theirs."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Sequence
from random import Random

from fusioncmd import devices, terminal
from fusioncmd.api.devices import CodeLine
from fusioncmd.terminal import Enrol, Enrolled, FromTerminal, Hello, Renew, Ticketed, ToTerminal, Welcome
from fusioncmd.trust import signatures
from loadtest.attackers import source
from loadtest.attempts import attempt, masked, opening

IN_S_MAX = 10.0
STAY_S = 0.2
TICK_S = 0.02
OWN_ADDRESS = "127.0.200.1"


class Honest:
    """`tickets` of people who are connected nowhere else, and `codes` to enrol with, one each."""

    def __init__(self, port: int, tickets: Sequence[tuple[int, bytes]], codes: Sequence[CodeLine], seed: int) -> None:
        self._port, self._rng = port, Random(seed)
        self._tickets, self._codes = itertools.cycle(tickets), iter(codes)
        self._enrolled: list[tuple[signatures.Signer, int, bytes]] = []
        self.tried: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    async def run(self, rate: float, seconds: float) -> None:
        """`rate` a second: reconnects from an own address and from those of attackers, enrolments, renewals."""
        began_s, done = time.monotonic(), 0
        ways = (self._back, self._back_beside_attackers, self._enrol, self._renew)
        async with asyncio.TaskGroup() as tasks:
            while (passed_s := time.monotonic() - began_s) < seconds:
                while done < passed_s * rate:
                    tasks.create_task(ways[done % len(ways)]())
                    done += 1
                await asyncio.sleep(TICK_S)

    async def enrol_some(self, count: int) -> list[tuple[int, bytes]]:
        """Devices, before anything else happens."""
        for _ in range(count):
            await self._enrol()
        return [(number, device) for _, number, device in self._enrolled]

    async def _back(self, name: str = "came back", address: str = OWN_ADDRESS) -> None:
        number, ticket = next(self._tickets)
        await self._judge(name, address, Hello(terminal.VERSION, ticket), number)

    async def _back_beside_attackers(self) -> None:
        await self._back("came back from an attacker's address", source(self._rng.randrange(10)))

    async def _enrol(self) -> None:
        line = next(self._codes)
        key = signatures.signer(self._rng.randbytes(32))
        proof = key.prove("enrol", devices.enrol_body(line.code, key.algorithm, key.public))
        first = Enrol(terminal.VERSION, line.code, key.algorithm, key.public, proof)
        device = await self._judge("enrolled", OWN_ADDRESS, first, line.number)
        if device is not None:
            self._enrolled.append((key, line.number, device))

    async def _renew(self) -> None:
        key, number, device = self._rng.choice(self._enrolled)
        at_ms = int(time.time() * 1000)
        proof = key.prove("renew", devices.renew_body(number, device, at_ms))
        await self._judge("renewed", OWN_ADDRESS, Renew(terminal.VERSION, number, device, at_ms, proof), number)

    async def _judge(self, name: str, address: str, first: FromTerminal, number: int) -> bytes | None:
        """Let in: the device that was enrolled for it, if one was; None when it was not let in."""
        self.tried[name] += 1
        got = b""

        def then(said: ToTerminal) -> FromTerminal | None:
            nonlocal got
            if isinstance(said, Enrolled | Ticketed):
                got = said.device if isinstance(said, Enrolled) else b""
                return Hello(terminal.VERSION, said.ticket)
            return None

        how = await attempt(self._port, address, opening(self._port) + masked(first), then, IN_S_MAX, STAY_S)
        good = isinstance(how, Welcome) and how.number == number
        self.done[name] += good
        if not good:
            self.failed[f"{name}: {how if isinstance(how, int | str) else type(how).__name__}"] += 1
        return got if good else None
