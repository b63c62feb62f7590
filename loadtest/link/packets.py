"""What goes through a link, and what is counted of it: profiles, packets, flows. Pure; times are in nanoseconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

QUEUE_BYTES = 64 * 1024
UDP_HEADER_BYTES = 28  # of IPv4 (RFC 791) and UDP (RFC 768)
TCP_HEADER_BYTES = 52  # of IPv4, TCP (RFC 9293) and its timestamps (RFC 7323); acknowledgements alone are not charged


@dataclass(frozen=True, slots=True)
class Profile:
    """Of one direction. Jitter is evenly spread: from delay - jitter to delay + jitter. `headers`: those of each
    packet take their time and are counted; else rates and counts are of payload."""

    delay_ns: int = 0
    jitter_ns: int = 0
    loss: float = 0.0  # share of packets, each by itself
    rate_bps: int | None = None
    burst_bytes: int = 0  # goes at once after a rest; 0: a plain line, every packet takes its time
    queue_bytes: int = QUEUE_BYTES  # waits for the line
    headers: bool = False

    def __post_init__(self) -> None:
        assert 0 <= self.jitter_ns <= self.delay_ns
        assert 0 <= self.loss < 1


class Mark(Enum):
    """What goes through an ordered flow besides bytes."""

    OPEN = "open"
    END = "end"
    RESET = "reset"


Payload = bytes | Mark


class Receiver(Protocol):
    def arrive(self, payload: Payload) -> None: ...


@dataclass(slots=True)
class Packet:
    offered_ns: int
    payload: Payload
    size: int
    losses: int  # so many times it will be lost
    jitter_ns: int


@dataclass(slots=True, eq=False)
class Flow:
    """One connection or one peer, in one direction. Its packets' fates come from `chance` (numbers in [0, 1)) alone."""

    receiver: Receiver
    ordered: bool
    chance: Callable[[], float]
    waiting: deque[Packet] = field(default_factory=deque)
    waiting_bytes: int = 0
    flying_bytes: int = 0
    tries: int = 0  # in vain, of the packet in front
    arrives_ns: int = 0  # of its latest packet
    unheard: int = 0  # bytes in the silence number `silence`
    silence: int = 0


@dataclass(slots=True)
class Counters:
    packets: int = 0
    bytes: int = 0
    carried_packets: int = 0
    carried_bytes: int = 0
    lost: int = 0
    cut_off: int = 0  # lost because of a cut
    overflowed: int = 0
    repeated: int = 0  # sendings in vain of ordered flows
    abandoned: int = 0  # their connection was over
    cuts: int = 0
    waiting_bytes_max: int = 0
    line_bytes: int = 0  # that had the line, also in vain
