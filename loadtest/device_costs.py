"""What devices cost the node beside orders: a renewal of a ticket, and where a device takes push messages."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from fusioncmd import devices, subjects
from fusioncmd.api import devices as asked
from fusioncmd.codes import Path as Code
from fusioncmd.ladder.wire import Subscription, encode
from fusioncmd.trust import signatures
from loadtest import measure
from loadtest.harness import Running
from loadtest.measure import stored_bytes
from loadtest.output import Result
from loadtest.people import People

RENEWALS, SUBSCRIPTIONS = 4_000, 4_000
IN_FLIGHT = 32
ENDPOINT_CHARS = 188  # as long as those of FCM
REST_S = 2.0


async def add_devices(tier: Running, folder: Path, people: People, result: Result) -> None:
    """One device renews again and again, each time with a proof of its own; and many say where they take messages."""
    number = people.numbers[0]
    key = signatures.signer(os.urandom(32))
    code = (await tier.commander.ask(asked.MakeCodes(3_600, number=number))).lines[0].code
    enrol = key.raw(b"fusioncmd/enrol/1\0" + devices.enrol_body(code, "ed25519", key.public))
    new = await tier.commander.ask(asked.Enrol(code, "ed25519", key.public, enrol))
    now_ms = int(time.time() * 1000)
    proofs = []
    for i in range(RENEWALS):
        body = devices.renew_body(number, new.device, now_ms + i)
        proofs.append(asked.Renew(number, new.device, now_ms + i, key.raw(b"fusioncmd/renew/1\0" + body)))
    room = asyncio.Semaphore(IN_FLIGHT)

    async def renew(question: asked.Renew) -> None:
        async with room:
            await tier.commander.ask(question)

    before = measure.costs(tier.pids())
    await asyncio.gather(*map(renew, proofs))
    now = measure.costs(tier.pids())
    for name, words in (("node", "node"), ("nats", "NATS")):
        result.add(f"{words} CPU per renewal", 1e6 * (now[name].cpu_s - before[name].cpu_s) / RENEWALS, "µs")
    await _subscriptions(tier, folder, people, result)


async def _subscriptions(tier: Running, folder: Path, people: People, result: Result) -> None:
    before = stored_bytes(folder, "FC_PUSH")
    made = min(SUBSCRIPTIONS, len(people.numbers))
    for i in range(made):
        endpoint = f"https://push.example/{os.urandom(ENDPOINT_CHARS).hex()}"[:ENDPOINT_CHARS]
        said = Subscription(people.numbers[i], endpoint, b"\x04" + os.urandom(64), os.urandom(16))
        subject = subjects.push(Code(people.places[i][:9]), people.numbers[i], os.urandom(8))
        await tier.played["played-0"].store(subject, encode(said))
    await asyncio.sleep(REST_S)
    result.add("push stream per subscription", (stored_bytes(folder, "FC_PUSH") - before) / made, "B")
