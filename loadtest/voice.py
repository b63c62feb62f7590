"""`python -m loadtest voice`: who asks for the floor has it soon, and all who listen hear one talker, whole and soon.

Real processes: NATS, who arbitrates (`tiers.talk`), a gateway's media, and who listens; calls are opened without SIP.
*Mouth to ear* is from when a packet was due at the talker, before the network's jitter, to when it came to the
listener: what codec and packet take is the same for every system, and is not in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from fusioncmd.bus import users
from fusioncmd.errors import Unavailable
from fusioncmd.floor.messages import Kind
from fusioncmd.supervisor import die_with_parent
from fusioncmd.voice.codecs import OpusEncoder
from loadtest import measure
from loadtest.harness import free_ports, scratch
from loadtest.output import Result, note, show
from loadtest.voice_process import STAMP
from loadtest.voice_radio import VoiceRadio
from tiers.nats_config import NatsSettings, render
from tiers.nats_server import server_binary

GRANTED_MS_AIM, EAR_MS_AIM, LOST_AIM = 20.0, 80.0, 0.001
READY_S_MAX = 20.0
SILENT_S = 3.6  # of a process that arbitrates, after its start (T3), and until its beacon was heard
PACKET_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--listeners", type=int, default=1_000, help="to one talker, at one gateway (%(default)s)")
    parser.add_argument("--requests", type=int, default=200, help="for the floor, one after the other (%(default)s)")
    parser.add_argument("--seconds", type=float, default=10.0, help="that the talker speaks (%(default)s)")
    parser.add_argument("--jitter", type=float, default=60.0, help="ms, of the talker's network (%(default)s)")


async def main(given: argparse.Namespace) -> int:
    result = Result("voice", measure.conditions() | {"listeners": given.listeners, "jitter_ms": given.jitter})
    with scratch() as folder:
        async with _started(folder) as (gateway, sink):
            port = (await _line(sink))["port"]
            await asyncio.sleep(SILENT_S)
            await _floor(given, result, gateway)
            await _mouth_to_ear(given, result, gateway, sink, port)
            await _many(given, result, gateway, sink, port)
    return show(result, given.json)


async def _floor(given: argparse.Namespace, result: Result, gateway: asyncio.subprocess.Process) -> None:
    note(f"{given.requests} requests for the floor")
    radio = await VoiceRadio.called(lambda words: _ask(gateway, words), "44.floor", "opus")
    taken: list[float] = []
    await asyncio.sleep(0.3)
    for _ in range(given.requests):
        radio.floor.clear()
        began = time.perf_counter()
        radio.say(Kind.REQUEST)
        await radio.until(lambda: radio.told(Kind.GRANTED) or radio.told(Kind.DENY))
        if radio.told(Kind.DENY):
            result.failures.append("the floor was denied, though nobody had it")
            break
        taken.append(1_000 * (radio.floor_s - began))
        radio.say(Kind.RELEASE)
        await radio.until(lambda: radio.told(Kind.IDLE))
    radio.close()
    _percentiles(result, "floor request to granted", taken, GRANTED_MS_AIM)


async def _mouth_to_ear(
    given: argparse.Namespace, result: Result, gateway: asyncio.subprocess.Process, sink: asyncio.subprocess.Process,
    port: int,
) -> None:  # fmt: skip
    """One talker behind a network that jitters; one listener by Opus, and one by G.711, whose sound is decoded here."""
    note(f"mouth to ear, {given.seconds:.0f} s")
    ask = lambda words: _ask(gateway, words)  # noqa: E731
    talker = await VoiceRadio.called(ask, "44.ear", "opus")
    listener = await VoiceRadio.called(ask, "44.ear", "pcma")
    await _ask(gateway, f"open 1 opus 127.0.0.1 {port} 44.ear floor")
    await asyncio.sleep(0.3)
    await _ask(sink, "clear")
    due = await _talk(talker, given.seconds, given.jitter, Random(1))
    await asyncio.sleep(0.5)
    opus = (await _ask(sink, "clear"))["late"]
    first = listener.heard[0][1].timestamp if listener.heard else 0
    law = [
        1_000 * (when - due[n])
        for when, packet in listener.heard
        if (n := ((packet.timestamp - first) & 0xFFFFFFFF) // 160) < len(due)
    ]
    _percentiles(result, f"mouth to ear, jitter {given.jitter:.0f} ms, Opus passed on", opus, EAR_MS_AIM)
    _percentiles(result, f"mouth to ear, jitter {given.jitter:.0f} ms, decoded to G.711", law, EAR_MS_AIM)
    result.add("packets of G.711 that were not there", max(0, len(due) - len(listener.heard)), f"of {len(due)}")
    talker.close()
    listener.close()


async def _many(
    given: argparse.Namespace, result: Result, gateway: asyncio.subprocess.Process, sink: asyncio.subprocess.Process,
    port: int,
) -> None:  # fmt: skip
    note(f"one talker, {given.listeners:,} listeners, {given.seconds:.0f} s")
    talker = await VoiceRadio.called(lambda words: _ask(gateway, words), "44.many", "opus")
    for begin in range(0, given.listeners, 100):
        await _ask(gateway, f"open {min(100, given.listeners - begin)} opus 127.0.0.1 {port} 44.many voice")
    await asyncio.sleep(0.3)
    await _ask(sink, "clear")
    before = (await _ask(gateway, "status"))["cpu_s"]
    due = await _talk(talker, given.seconds, 0.0, Random(2))
    await asyncio.sleep(0.5)
    cpu_s = (await _ask(gateway, "status"))["cpu_s"] - before
    heard = await _ask(sink, "clear")
    sent, came = len(due) * given.listeners, sum(heard["counts"])
    lost = 1 - came / sent if sent else 0.0
    result.add("packets to listeners", sent)
    result.add("lost", round(100 * lost, 4), "%")
    result.add("CPU of the gateway per listener-second", 1e6 * cpu_s / (given.listeners * given.seconds), "µs")
    _percentiles(result, "mouth to ear, all listeners", heard["late"], EAR_MS_AIM)
    if lost >= LOST_AIM or len(heard["counts"]) != given.listeners:
        result.failures.append(f"{100 * lost:.2f} % of the packets were lost; {len(heard['counts']):,} listeners heard")
    talker.close()


async def _talk(talker: VoiceRadio, seconds: float, jitter_ms: float, chance: Random) -> list[float]:
    """Speaks for so long; when each packet was due."""
    talker.floor.clear()
    talker.say(Kind.REQUEST)
    await talker.until(lambda: talker.told(Kind.GRANTED))
    sound = OpusEncoder().encode(bytes(2 * 960))[0]
    begin, due = time.monotonic() + 0.05, []
    sends: list[tuple[float, int]] = []
    for n in range(int(seconds / PACKET_S)):
        due.append(begin + n * PACKET_S)
        sends.append((due[-1] + chance.random() * jitter_ms / 1_000, n))
    for when, n in sorted(sends):
        await asyncio.sleep(when - time.monotonic())
        talker.send(sound[:1] + STAMP.pack(due[n]) + bytes(60), n, 960)
    talker.say(Kind.RELEASE)
    return due


def _percentiles(result: Result, name: str, ms: list[float], aim_ms: float) -> None:
    if not ms:
        result.failures.append(f"nothing was heard: {name}")
        return
    ms.sort()
    p95 = ms[len(ms) * 95 // 100]
    result.add(f"{name}, median", median(ms), "ms")
    result.add(f"{name}, p95", p95, f"ms (aim {aim_ms:.0f})")
    if p95 > aim_ms:
        result.failures.append(f"{name}: {p95:.1f} ms for 95 %, and the aim is {aim_ms:.0f}")


@contextlib.asynccontextmanager
async def _started(folder: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, asyncio.subprocess.Process]]:
    keys, (port,) = users.folder_of(folder), free_ports(1)
    for name, role in (("node", "node"), ("floor", "floor"), ("radio-1", "talk")):
        users.ensure(keys, name, role, "44")  # type: ignore[arg-type]
    config = folder / "nats.conf"
    config.write_text(render(NatsSettings("44", port, folder / "store"), users.users(keys)), "utf-8")
    url = f"nats://127.0.0.1:{port}"
    floor = ["-m", "tiers.talk", "--node", "44", "--nats", url, "--data", folder, "--bus-key", keys / "floor.nk"]
    media = ["-m", "loadtest.voice_process", "gateway", "--nats", url, "--bus-key", keys / "radio-1.nk"]
    async with contextlib.AsyncExitStack() as stack:
        with (folder / "log").open("ab") as log:
            for argv in ([server_binary(None), "-c", config], [sys.executable, *floor]):
                await stack.enter_async_context(_child([*map(str, argv)], stdout=log, stderr=log))
                await _listening(port)
        both = [
            await stack.enter_async_context(_child([sys.executable, *map(str, argv)]))
            for argv in (media, ["-m", "loadtest.voice_process", "sink"])
        ]
        yield both[0], both[1]


async def _listening(port: int) -> None:
    give_up = time.monotonic() + READY_S_MAX
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            return writer.close()
        if time.monotonic() > give_up:
            raise Unavailable("The NATS server does not start.", "NATS 服务器无法启动。")
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _child(argv: list[str], **streams: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    streams = streams or {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "limit": 1 << 26}
    process = await asyncio.create_subprocess_exec(*argv, **streams, preexec_fn=die_with_parent)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ask(process: asyncio.subprocess.Process, words: str) -> Any:
    assert process.stdin is not None
    process.stdin.write(f"{words}\n".encode())
    return await _line(process)


async def _line(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout is not None
    async with asyncio.timeout(READY_S_MAX):
        return json.loads(await process.stdout.readline())
