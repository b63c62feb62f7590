"""Somebody speaks at the kit, in bursts as people do, and whoever listens at the hub notes what comes and when."""

from __future__ import annotations

import asyncio
import math
import time
from array import array
from random import Random

from fusioncmd.codes import parse
from fusioncmd.voice.codecs import OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ, Speaker, VoiceFrame, decode, encode
from loadtest.satellite.world import HUB, KIT, World

BITS_PER_S, PACKET_MS = 12_000, 60
SAMPLES = PACKET_MS * CLOCK_HZ // 1_000
BURST_PACKETS, PAUSE_PACKETS = 130, 30  # 7.8 s, and 1.8 s between
LATE_S = 1.0  # what comes later, nobody waits for
REST_S = 3.0  # after the last word, until what is under way has come
SUBJECT = f"fc.voice.{parse(HUB).dotted}.main"


class Talk:
    """One voice from the kit to the hub, by a talkgroup of the hub's place."""

    def __init__(self, world: World, seed: int) -> None:
        self._world, self._packets = world, speech(seed)
        self.said: dict[tuple[int, int], float] = {}  # by burst and packet: when it was due
        self.came: dict[tuple[int, int], float] = {}

    async def listen(self) -> None:
        await self._world.talk[0].hear(SUBJECT, self._hear)

    async def speak(self, seconds: float) -> None:
        """Bursts for so long; and until the last of it should have come."""
        packet_s, began_s = PACKET_MS / 1_000, time.monotonic() + 0.1
        period = BURST_PACKETS + PAUSE_PACKETS
        for n in range(int(seconds / packet_s)):
            burst, packet = divmod(n, period)
            if packet > BURST_PACKETS:
                continue
            due_s = began_s + n * packet_s
            await asyncio.sleep(due_s - time.monotonic())
            last = packet == BURST_PACKETS
            if not last:
                self.said[burst, packet] = due_s
            await self._world.talk[1].say(SUBJECT, encode(self._frame(burst, packet, last)))
        await asyncio.sleep(REST_S)

    def _frame(self, burst: int, packet: int, last: bool) -> VoiceFrame:
        opus = b"" if last else self._packets[packet % len(self._packets)]
        who = Speaker(None, KIT, "手台 12")
        return VoiceFrame("loadtest", burst + 1, packet, packet * SAMPLES, HUB, 1, who, opus, last)

    def _hear(self, subject: str, data: bytes) -> None:
        frame = decode(data)
        if not frame.last and frame.gateway == "loadtest":
            self.came.setdefault((frame.burst - 1, frame.sequence), time.monotonic())

    def missing(self, since_s: float = 0.0, until_s: float = math.inf) -> int:
        """Packets that were due in that time, and did not come within LATE_S."""
        asked = [key for key, due_s in self.said.items() if since_s <= due_s < until_s]
        return sum(self.came.get(key, math.inf) - self.said[key] > LATE_S for key in asked)

    def delays_s(self) -> list[float]:
        return [at_s - self.said[key] for key, at_s in self.came.items() if key in self.said]


def speech(seed: int) -> list[bytes]:
    """A burst of something like speech, by Opus: syllables of noise and tone."""
    random, samples = Random(f"speech/{seed}"), array("h")
    for n in range(BURST_PACKETS * SAMPLES):
        at_s = n / CLOCK_HZ
        loud = max(0.0, math.sin(2 * math.pi * 2.3 * at_s)) * 9_000
        samples.append(int(loud * (0.6 * math.sin(2 * math.pi * 170 * at_s) + 0.4 * random.uniform(-1, 1))))
    return OpusEncoder(BITS_PER_S, PACKET_MS).encode(samples.tobytes())
