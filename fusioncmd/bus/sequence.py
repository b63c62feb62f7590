"""Has a tail missed anything? Pure: sequences and times in, a decision out.

A consumer numbers what it delivers without gaps, so a jump means loss (a slow consumer, a server that restarted), and
a heartbeat that names a later number than the last one seen means loss at the end. Either way, and when nothing is
heard for too long, the tail starts a new consumer right after the last message that was handled.
"""

from __future__ import annotations

from dataclasses import dataclass

HEARTBEAT_S = 2.0  # each second would wake dozens of gateway processes on few cores for nothing
SILENCE_S_MAX = 6.0


@dataclass(slots=True)
class Sequence:
    """Where a tail stands: the stream sequence handled last, and the consumer's own count."""

    handled: int = 0
    delivered: int = 0
    heard_s: float = 0.0

    def begin(self, now_s: float) -> None:
        """A new consumer counts from one again."""
        self.delivered = 0
        self.heard_s = now_s

    def take(self, stream_seq: int, consumer_seq: int, now_s: float) -> bool:
        """True when this message is the next one; False means a gap: begin again."""
        self.heard_s = now_s
        if consumer_seq != self.delivered + 1:
            return False
        self.delivered = consumer_seq
        self.handled = stream_seq
        return True

    def heartbeat(self, last_consumer_seq: int, now_s: float) -> bool:
        self.heard_s = now_s
        return last_consumer_seq == self.delivered

    def silent_in_s(self, now_s: float) -> float:
        """How long it may still hear nothing; below 0: for too long already."""
        return self.heard_s + SILENCE_S_MAX - now_s
