"""Something like speech, from a seed: syllables of a buzzing voice with pauses between, as 20 ms packets of Opus.

Its harmonics, its loudness and its consonants (noise) change as speech does, so a codec needs as many bits for it.
"""

from __future__ import annotations

import math
from array import array
from functools import cache
from random import Random

from fusioncmd.voice.codecs import OPUS_SAMPLES, OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ, Speaker, VoiceFrame

WHO = Speaker(17, "440106001", "张三 0017")


@cache
def samples(seconds: float, seed: int = 1) -> bytes:
    """16-bit, mono, 48,000 a second."""
    chance, out = Random(seed), array("h")
    while len(out) < seconds * CLOCK_HZ:
        count, period = int(chance.uniform(0.1, 0.25) * CLOCK_HZ), int(CLOCK_HZ / chance.uniform(90, 180))
        formants = [(chance.uniform(300, 800), 1.0), (chance.uniform(900, 2_300), 0.6), (2_700.0, 0.3)]
        hertz = [n * CLOCK_HZ / period for n in range(1, 24)]
        weights = [sum(w / (1 + ((f - at) / 120) ** 2) for f, w in formants) for at in hertz]
        voice = [
            sum(w * math.sin(2 * math.pi * n * k / period) for k, w in enumerate(weights, 1)) for n in range(period)
        ]
        breath = [chance.gauss(0, 0.08) for _ in range(1_543)]
        consonant = count // 4 if chance.random() < 0.5 else 0
        for n in range(count):
            sound = 3 * breath[n % 1_543] if n < consonant else voice[n % period] * 0.3 + breath[n % 1_543]
            out.append(int(max(-1.0, min(1.0, sound * math.sin(math.pi * n / count))) * 20_000))
    return out[: int(seconds * CLOCK_HZ)].tobytes()


@cache
def packets(seconds: float, seed: int = 1) -> tuple[bytes, ...]:
    return tuple(OpusEncoder().encode(samples(seconds, seed)))


def burst(
    seconds: float,
    gateway: str = "440106001-radio-1",
    number: int = 1_764_380_000_000,
    priority: int = 64,
    seed: int = 1,
) -> list[VoiceFrame]:
    """As a gateway says it, with its last frame."""
    said = [
        VoiceFrame(gateway, number, n, n * OPUS_SAMPLES, "44", priority, WHO, packet)
        for n, packet in enumerate(packets(seconds, seed))
    ]
    end = len(said)
    return [*said, VoiceFrame(gateway, number, end, end * OPUS_SAMPLES, "44", priority, WHO, b"", True)]
