"""A burst of something like speech, for who speaks over the link: syllables of noise and tone, by Opus."""

from __future__ import annotations

import math
from array import array
from random import Random

from fusioncmd.voice.codecs import OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ

BITS_PER_S, PACKET_MS = 12_000, 60
SAMPLES = PACKET_MS * CLOCK_HZ // 1_000
BURST_PACKETS = 130  # 7.8 s


def speech(seed: int) -> list[bytes]:
    random, samples = Random(f"speech/{seed}"), array("h")
    for n in range(BURST_PACKETS * SAMPLES):
        at_s = n / CLOCK_HZ
        loud = max(0.0, math.sin(2 * math.pi * 2.3 * at_s)) * 9_000
        samples.append(int(loud * (0.6 * math.sin(2 * math.pi * 170 * at_s) + 0.4 * random.uniform(-1, 1))))
    return OpusEncoder(BITS_PER_S, PACKET_MS).encode(samples.tobytes())
