"""Short tones to single calls: an answer counts (two notes, up), or was not taken (one, low). No socket."""

from __future__ import annotations

from array import array
from collections import deque
from math import pi, sin

from fusioncmd.voice.codecs import G711, G711_HZ, OpusEncoder
from fusioncmd.voice.frames import CLOCK_HZ
from fusioncmd.voice.rtp import RtpPacket, build
from gateways.radio.calls import Codec
from gateways.radio.leg import Leg

MS = 20
LASTS_MS = 240
WAITING_MAX = 4_096  # calls; shed
_LOUD = 8_000
_NOTES = {True: (660, 880), False: (220, 220)}


class Tones:
    def __init__(self) -> None:
        self._made: dict[tuple[Codec, bool], list[bytes]] = {}
        self._playing: deque[tuple[Leg, bool, int]] = deque()  # and which packet is next
        self._next_ms = 0

    def begin(self, leg: Leg, good: bool) -> None:
        if leg.listens and len(self._playing) < WAITING_MAX:
            self._playing.append((leg, good, 0))

    def due(self, now_ms: int) -> list[tuple[Leg, bytearray]]:
        """To be called each few milliseconds: each 20 ms a packet of each tone."""
        if not self._playing or now_ms < self._next_ms:
            return []
        self._next_ms = now_ms + MS
        out = []
        for _ in range(len(self._playing)):
            leg, good, n = self._playing.popleft()
            packets = self._packets(leg.offer.codec, good)
            per_ms = (CLOCK_HZ if leg.offer.codec == "opus" else G711_HZ) // 1_000
            # A stream of its own beside the talkgroup's: it may come in the middle of what somebody says.
            packet = RtpPacket(
                leg.offer.payload_type, leg.next_sequence(), now_ms * per_ms & 0xFFFFFFFF, leg.ssrc, packets[n], n == 0
            )
            out.append((leg, bytearray(build(packet))))
            if n + 1 < len(packets):
                self._playing.append((leg, good, n + 1))
        return out

    def _packets(self, codec: Codec, good: bool) -> list[bytes]:
        made = self._made.get((codec, good))
        if made is None:
            rate = CLOCK_HZ if codec == "opus" else G711_HZ
            half = LASTS_MS * rate // 2_000
            notes = [int(_LOUD * sin(2 * pi * hz * n / rate)) for hz in _NOTES[good] for n in range(half)]
            samples = array("h", notes).tobytes()
            if codec == "opus":
                made = OpusEncoder().encode(samples)
            else:
                whole, size = G711(codec).encode(samples), MS * G711_HZ // 1_000
                made = [whole[n : n + size] for n in range(0, len(whole), size)]
            self._made[codec, good] = made
        return made
