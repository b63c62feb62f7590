"""How true the link is to what it was told: delay, rate, loss and cuts, measured from outside over real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from random import Random
from statistics import median, quantiles

from loadtest import measure
from loadtest.link.link import Link
from loadtest.link.packets import Profile
from loadtest.link.probes import Arrivals, counted, echo
from loadtest.link.quantities import MS, S
from loadtest.link.schedule import cut_from
from loadtest.output import Result, note

DELAY_NS = 80 * MS
DELAY_ERROR_MS_MAX = 5.0  # of the median
PROBES = 200
RATE_BPS = 2_000_000
RATE_S = 5
RATE_ERROR_MAX = 0.05
LOSS = 0.1
LOSS_DATAGRAMS = 2_000
DATAGRAM_BYTES = 1_000
CUTS = ("300ms+1s", "1800ms+200ms*3")
STREAM_BYTES = 1_000_000


async def measured(seed: int) -> Result:
    result = Result("link --check", measure.conditions())
    for name, step in (("delay", _delay), ("rate", _rates), ("loss", _loss), ("cuts", _cuts)):
        note(f"{name} …")
        await step(result, seed)
    return result


async def _delay(result: Result, seed: int) -> None:
    """One way, from the time that a datagram carries; and a round trip over TCP."""
    async with Arrivals() as there, Link(there.address, Profile(DELAY_NS), carries="udp", seed=seed) as link:
        sender = _sender(link.port)
        for _ in range(PROBES):
            sender.send(time.monotonic_ns().to_bytes(8, "big"))
            await asyncio.sleep(0.01)
        await asyncio.sleep(2 * DELAY_NS / S)
        sender.close()
        _off(result, "UDP, one way", [(at - int.from_bytes(sent, "big") - DELAY_NS) / MS for at, sent in there.came])
    async with echo() as address, Link(address, Profile(DELAY_NS), seed=seed) as link:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        errors = []
        for _ in range(PROBES // 8):
            sent_ns = time.monotonic_ns()
            writer.write(b"?")
            await reader.readexactly(1)
            errors.append((time.monotonic_ns() - sent_ns - 2 * DELAY_NS) / MS)
        writer.close()
    _off(result, "TCP, there and back", errors[1:])  # the first waited for the connection behind the link


def _off(result: Result, name: str, errors_ms: list[float]) -> None:
    middle = median(errors_ms)
    result.add(f"{name}: late, median", middle, "ms")
    result.add(f"{name}: late, p95", quantiles(errors_ms, n=20)[-1], "ms")
    result.add(f"{name}: early at most", max(0.0, -min(errors_ms)), "ms")
    if not -DELAY_ERROR_MS_MAX < middle < DELAY_ERROR_MS_MAX:
        result.failures.append(f"{name}: the delay is off by {middle:.1f} ms.")


async def _rates(result: Result, seed: int) -> None:
    """Of bytes that came over a span of time; UDP is offered twice what fits."""
    narrow = Profile(rate_bps=RATE_BPS)
    async with Arrivals() as there, Link(there.address, narrow, carries="udp", seed=seed) as link:
        sender, until_ns = _sender(link.port), time.monotonic_ns() + RATE_S * S
        sent, began_ns = 0, time.monotonic_ns()
        while (now_ns := time.monotonic_ns()) < until_ns:
            due = 2 * RATE_BPS * (now_ns - began_ns) // (8 * S * DATAGRAM_BYTES)
            for _ in range(due - sent):
                sender.send(bytes(DATAGRAM_BYTES))
            sent = due
            await asyncio.sleep(0.005)
        sender.close()
        await asyncio.sleep(0.5)
        _ratio(result, "UDP", [(at, len(payload)) for at, payload in there.came])
        result.add("UDP: dropped, queue full", link.counters("up").overflowed)
    async with counted() as (address, came), Link(address, narrow, seed=seed) as link:
        _, writer = await asyncio.open_connection("127.0.0.1", link.port)
        until_ns = time.monotonic_ns() + RATE_S * S
        while time.monotonic_ns() < until_ns:
            writer.write(bytes(16 * 1024))
            await asyncio.sleep(0)
            while writer.transport.get_write_buffer_size() and time.monotonic_ns() < until_ns:
                await asyncio.sleep(0.01)
        writer.transport.abort()
        _ratio(result, "TCP", came)


def _ratio(result: Result, name: str, came: list[tuple[int, int]]) -> None:
    span_ns = came[-1][0] - came[0][0]
    ratio = sum(size for _, size in came[1:]) * 8 * S / span_ns / RATE_BPS
    result.add(f"{name}: rate over {span_ns / S:.1f} s, as a share of what was told", ratio)
    if abs(ratio - 1) > RATE_ERROR_MAX:
        result.failures.append(f"{name}: the rate is {ratio:.3f} of what was told.")


async def _loss(result: Result, seed: int) -> None:
    """Which datagrams come is what the seed alone says: known before they are sent."""
    chance = Random(f"link/{seed}/up/1").random
    fates = [(1.0 - chance() <= LOSS, chance()) for _ in range(LOSS_DATAGRAMS)]
    expected = [number for number, (lost, _) in enumerate(fates) if not lost]
    async with Arrivals() as there, Link(there.address, Profile(loss=LOSS), carries="udp", seed=seed) as link:
        sender = _sender(link.port)
        for number in range(LOSS_DATAGRAMS):
            sender.send(number.to_bytes(8, "big"))
            if number % 20 == 0:
                await asyncio.sleep(0.002)
        await asyncio.sleep(0.5)
        sender.close()
        came = [int.from_bytes(payload, "big") for _, payload in there.came]
    result.add(f"lost of {LOSS_DATAGRAMS:,} at {LOSS:.0%}", LOSS_DATAGRAMS - len(came))
    result.add("by the seed", LOSS_DATAGRAMS - len(expected))
    if came != expected:
        result.failures.append("Other datagrams came than the seed says.")


async def _cuts(result: Result, seed: int) -> None:
    """A stream through cuts comes whole, and nothing of it comes while the link is cut."""
    cuts = [cut_from(text) for text in CUTS]
    data = Random(seed).randbytes(STREAM_BYTES)
    profile = Profile(rate_bps=4 * RATE_BPS, delay_ns=20 * MS)
    async with echo() as address, Link(address, profile, cuts=cuts, seed=seed, retry_ns_max=S) as link:
        began_ns = time.monotonic_ns()
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(data)
        writer.write_eof()
        back, during = b"", 0
        while piece := await reader.read(65_536):
            back += piece
            at_ns = time.monotonic_ns() - began_ns
            during += len(piece) * (600 * MS < at_ns < 1_250 * MS)
        writer.close()
        repeated = link.counters("up").repeated
    result.add("a stream through four cuts: came back whole", "yes" if back == data else "no")
    result.add("SHA-256", hashlib.sha256(back).hexdigest()[:16])
    result.add("came during a cut", during, "B")
    result.add("segments sent in vain", repeated)
    if back != data or during or not repeated:
        result.failures.append("The stream through cuts is not as it was sent, or did not feel the cuts.")


def _sender(port: int) -> socket.socket:
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.connect(("127.0.0.1", port))
    return sender
