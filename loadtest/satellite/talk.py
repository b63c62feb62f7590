"""Somebody speaks at the kit, in bursts as people do, and whoever listens at the hub notes what comes and when."""

from __future__ import annotations

import asyncio
import math
import time

from fusioncmd.codes import parse
from fusioncmd.voice.frames import Speaker, VoiceFrame, decode, encode
from loadtest.satellite.speech import BURST_PACKETS, PACKET_MS, SAMPLES
from loadtest.satellite.world import HUB, KIT, World

PAUSE_PACKETS = 30  # 1.8 s between bursts
LATE_S = 1.0  # what comes later, nobody waits for
REST_S = 3.0  # after the last word, until what is under way has come
SUBJECT = f"fc.voice.{parse(HUB).dotted}.main"


class Talk:
    """One voice from the kit to the hub, by a talkgroup of the hub's place."""

    def __init__(self, world: World) -> None:
        self._world = world
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
        opus = b"" if last else self._world.speech[packet % len(self._world.speech)]
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
