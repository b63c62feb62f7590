"""Commanders who log in and ask while others attack: how many get what is theirs, and how long it takes.

Most have a session and ask with it. Some log in by key; some by password and code, from new machines and from those on
which they were logged in before, also under the name that is attacked.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

from fusioncmd import api, limits
from fusioncmd.accounts import passwords, proofs
from fusioncmd.bus import users
from fusioncmd.bus.nats import open_bus
from fusioncmd.bus.port import Bus
from fusioncmd.client import Commander, key_login
from fusioncmd.errors import Forbidden, NoSession, Problem
from fusioncmd.trust import ring
from fusioncmd.trust.grants import Credential
from loadtest.harness import BUS_WAIT_S, Running
from loadtest.login_attackers import LoginLoot

TICK_S = 0.02
JUDGED_S_MAX = 3  # after a code was read off the app, which has to be good still
ACCOUNTS = 12
ATTACKED = "zhang.wei"
WAIT = re.compile(r"try again in (\d+) s")
Times = dict[str, list[float]]  # of what succeeded, seconds each


@dataclass(slots=True)
class Person:
    """An account, its app, and the session of the last login."""

    name: str
    password: str
    totp: bytes
    session: bytes = b""
    step: int = 0  # of the last code

    def code(self, now_s: float) -> str | None:
        """None when the app shows no code that has not been used."""
        now = int(now_s) // passwords.TOTP_STEP_S
        step = max(self.step + 1, now - passwords.TOTP_STEPS_APART)
        if step > now + passwords.TOTP_STEPS_APART:
            return None
        self.step = step
        return passwords.code_now(self.totp, step * passwords.TOTP_STEP_S)


def wait_s(now_s: float) -> float:
    """Before the oldest code that is good is read off: it will be when it is judged."""
    left_s = passwords.TOTP_STEP_S - now_s % passwords.TOTP_STEP_S
    return left_s if left_s <= JUDGED_S_MAX else 0.0


class HonestCommanders:
    """`keys` are the office's, `bus` is that of a commander's user."""

    def __init__(self, bus: Bus, keys: list[Credential], seed: int) -> None:
        self._bus, self._keys, self._rng = bus, keys, Random(seed)
        self.owner = Person(ATTACKED, "", b"")
        self._others: list[Person] = []
        self.tried: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self._times: Times = defaultdict(list)

    async def prepare(self, administrator: Commander, place: str) -> None:
        """Make the accounts, and log each in once."""
        for name in (ATTACKED, *(f"commander-{n}" for n in range(ACCOUNTS))):
            password = self._rng.randbytes(9).hex()
            asked = api.AddAccount(name=name, roles=("commander",), path=place, password=password, totp=True)
            person = Person(name, password, (await administrator.ask(asked)).totp)
            await asyncio.sleep(wait_s(time.time()))
            await self._log_in(person, b"")
            if name == ATTACKED:
                self.owner = person
            else:
                self._others.append(person)

    async def overheard(self) -> LoginLoot:
        """What an attacker might get hold of: a proof that was used, and the password of an account with an app."""
        node, now_ms = (await Commander(self._bus).ask(api.Health())).node, int(time.time() * 1000)
        proof = proofs.prove(self._keys[0], node, now_ms, self._rng.randbytes(proofs.NONCE_BYTES))
        await Commander(self._bus).ask(api.LoginByKey((proof,)))
        return LoginLoot(node, self.owner.name, self.owner.password, proof)

    async def run(self, rate: float, seconds: float) -> Times:
        """`rate` a second; how long each took."""
        self._times = defaultdict(list)
        began_s, begun = time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while (passed_s := time.monotonic() - began_s) < seconds:
                while begun < passed_s * rate:
                    tasks.create_task(self._next(begun))
                    begun += 1
                await asyncio.sleep(TICK_S)
        return self._times

    async def _next(self, turn: int) -> None:
        """Of twenty in turn, two log in by key and one by password; all others ask."""
        kind = turn % 20
        if kind in (3, 13):
            await self._judge("logged in by key", self._by_key)
        elif kind == 7:
            await self._by_password(turn // 20)
        elif kind % 5 == 1:
            await self._judge("asked under the attacked name", lambda: self._asked(self.owner))
        else:
            await self._judge("asked", lambda: self._asked(self._rng.choice(self._others)))

    async def _by_key(self) -> None:
        await key_login(Commander(self._bus), self._keys)

    async def _by_password(self, turn: int) -> None:
        """The owner of the attacked name comes from where they were logged in, the others from anywhere."""
        person = self.owner if turn % 4 == 0 else self._others[turn % len(self._others)]
        shown = person.session if turn % 4 < 2 else b""
        word = "under the attacked name" if person is self.owner else "by password"
        if (code := person.code(time.time())) is not None:
            await self._judge(f"logged in {word}", lambda: self._log_in(person, shown, code))

    async def _log_in(self, person: Person, shown: bytes, code: str | None = None) -> None:
        """Told to wait once, they do, and are let in then."""
        asked = api.Login(person.name, person.password, code or person.code(time.time()) or "", shown)
        at = Commander(self._bus)
        try:
            made = await at.ask(asked)
        except Forbidden as problem:
            wait = WAIT.search(problem.en)
            if wait is None or int(wait[1]) > limits.LOGIN_DELAY_S_MAX:
                raise
            self.failed[f"at once, but after {wait[1]} s: {person.name}"] += 1
            await asyncio.sleep(int(wait[1]))
            made = await at.ask(asked)
        person.session = made.session

    async def _asked(self, person: Person) -> None:
        commander = Commander(self._bus, person.session)
        if (await commander.ask(api.WhoAmI())).name != person.name:
            raise NoSession("It is another's session.", "是他人的会话。")
        lines = (await commander.ask(api.Orders(1))).lines
        if lines:
            await commander.ask(api.Tally(lines[0].order.id))

    async def _judge(self, name: str, way: Callable[[], Awaitable[None]]) -> None:
        self.tried[name] += 1
        began_s = time.monotonic()
        try:
            await way()
        except Problem as problem:
            self.failed[f"{name}: {problem.en}"] += 1
            return
        self.done[name] += 1
        self._times[name].append(time.monotonic() - began_s)


@asynccontextmanager
async def commanders_of(tier: Running, seed: int) -> AsyncIterator[HonestCommanders]:
    """With their accounts at the tier, on a connection of their own."""
    way = tier.tier
    bus = await open_bus(way.nats_url, "loadtest", wait_s=BUS_WAIT_S, quiet=True, key=way.bus_key(users.COMMANDER))
    try:
        keys = ring.login_keys(ring.folder_of(way.data), tier.commander.judge.now_ms)
        made = HonestCommanders(bus, keys, seed)
        await made.prepare(tier.commander, way.node)
        yield made
    finally:
        await bus.close()
