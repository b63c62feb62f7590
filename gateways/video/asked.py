"""What the gateways that watch a source ask of it, taken together. Pure."""

from __future__ import annotations

from fusioncmd.video.bounds import SILENT_S
from fusioncmd.video.source import Ask
from gateways.video.media_bounds import ASKING_MAX


class Asked:
    def __init__(self) -> None:
        self._asks: dict[str, tuple[Ask, float]] = {}

    def take(self, ask: Ask, now_ms: float) -> bool:
        """Whether a new picture is wanted. What was not said again for `SILENT_S` is asked no more."""
        if ask.gateway not in self._asks and len(self._asks) >= ASKING_MAX:
            self._live(now_ms)
            if len(self._asks) >= ASKING_MAX:
                return ask.keyframe
        self._asks[ask.gateway] = (ask, now_ms)
        return ask.keyframe

    def viewers(self, now_ms: float) -> int:
        return sum(ask.viewers for ask in self._live(now_ms))

    def bits_per_s(self, now_ms: float) -> int:
        """The least that a gateway's viewers can carry; 0: whatever the source sends."""
        return min((ask.bits_per_s for ask in self._live(now_ms) if ask.bits_per_s and ask.viewers), default=0)

    def _live(self, now_ms: float) -> list[Ask]:
        self._asks = {name: one for name, one in self._asks.items() if now_ms - one[1] <= SILENT_S * 1_000}
        return [ask for ask, _ in self._asks.values()]
