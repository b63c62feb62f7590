"""Which packets of a source are missing, and which of them to ask for again, when. Pure."""

from __future__ import annotations

from gateways.video.media_bounds import ASKED_AGAIN_MS, ASKED_MS_MAX, ASKED_TRIES_MAX, MISSING_MAX


class _One:
    __slots__ = ("asked_ms", "since_ms", "tries")

    def __init__(self, since_ms: float) -> None:
        self.since_ms = since_ms
        self.asked_ms = 0.0
        self.tries = 0


class Missing:
    """Sequence numbers are counted on. `again_ms`: how long an answer takes, as measured."""

    def __init__(self) -> None:
        self._all: dict[int, _One] = {}
        self.again_ms = ASKED_AGAIN_MS
        self.given_up = 0  # packets
        self.asked = 0

    def __len__(self) -> int:
        return len(self._all)

    def skipped(self, first: int, end: int, now_ms: float) -> bool:
        """From `first` up to before `end` nothing came. False when these are too many, and nothing is asked for."""
        if len(self._all) + end - first > MISSING_MAX:
            self.given_up += len(self._all) + end - first
            self._all.clear()
            return False
        for sequence in range(first, end):
            self._all[sequence] = _One(now_ms)
        return True

    def came(self, sequence: int, now_ms: float) -> None:
        one = self._all.pop(sequence, None)
        if one is not None and one.tries == 1:
            took_ms = min(max(now_ms - one.asked_ms, 5.0), ASKED_MS_MAX / 2)
            self.again_ms += (1.5 * took_ms + 10 - self.again_ms) / 8

    def to_ask(self, now_ms: float) -> tuple[list[int], bool]:
        """What to ask for now, in order; and whether something was given up."""
        if not self._all:
            return [], False
        wanted: list[int] = []
        gone: list[int] = []
        for sequence, one in self._all.items():
            if now_ms - one.since_ms > ASKED_MS_MAX or (
                one.tries >= ASKED_TRIES_MAX and now_ms - one.asked_ms >= self.again_ms
            ):
                gone.append(sequence)
            elif one.tries < ASKED_TRIES_MAX and (one.tries == 0 or now_ms - one.asked_ms >= self.again_ms):
                one.tries, one.asked_ms = one.tries + 1, now_ms
                wanted.append(sequence)
        for sequence in gone:
            del self._all[sequence]
        self.given_up += len(gone)
        self.asked += len(wanted)
        return wanted, bool(gone)

    def clear(self) -> None:
        self._all.clear()
