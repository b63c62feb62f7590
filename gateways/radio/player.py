"""Who speaks an order in a talkgroup: a participant like any other, whose sound lies ready. No socket."""

from __future__ import annotations

from collections.abc import Callable

from fusioncmd.voice.bounds import SPEAK_WITHIN_S, SPEECH_S_MAX
from fusioncmd.voice.codecs import OPUS_MS, OPUS_SAMPLES
from gateways.radio.calls import CallUp
from gateways.radio.leg import Leg
from gateways.radio.uplink import Sound

_PACKETS_MAX = SPEECH_S_MAX * 1_000 // OPUS_MS


class Player(Leg):
    """`packets` of Opus, 20 ms each, speak `order`; `over` is told when it is said, or could not be in time."""

    def __init__(
        self, call: CallUp, ssrc: int, packets: list[bytes], order: bytes, now_ms: int, over: Callable[[Player], None]
    ) -> None:
        super().__init__(call, None, ssrc, None)
        self.button, self.listens, self.order, self.over = "keys", False, order, over
        self.until_ms = now_ms + SPEAK_WITHIN_S * 1_000 + len(packets) * OPUS_MS
        self._packets = packets[:_PACKETS_MAX]
        self._said = 0
        self._began_ms: int | None = None

    @property
    def done(self) -> bool:
        return self._said >= len(self._packets)

    def uplink_of(self, now_ms: int) -> list[Sound]:
        """What is due, numbered from the burst's beginning: what was revoked begins where it was."""
        if self._began_ms is None:
            self._began_ms = now_ms - self._said * OPUS_MS
        due = min(len(self._packets), (now_ms - self._began_ms) // OPUS_MS + 1)
        out = [Sound(n, n * OPUS_SAMPLES, self._packets[n]) for n in range(self._said, due)]
        self._said = max(self._said, due)
        return out
