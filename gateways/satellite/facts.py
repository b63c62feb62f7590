"""What a link says of itself: for health, logs and measurements. Pure."""

from __future__ import annotations

from msgspec import Struct


class Facts(Struct, frozen=True, kw_only=True):
    """One end of one link. Bytes are those on the wire, headers of IP and UDP included; times are seconds."""

    peer: str  # code of the node at the other end
    up: bool
    since_s: float  # for how long it has been up, or has not
    way: str = ""  # the kit's: which of its ways is in use
    rate_bps: int = 0  # that it sends at now
    provisioned_bps: int = 0
    round_trip_s: float = 0.0
    loss: float = 0.0  # share of what was sent lately
    sent_bytes: int = 0
    heard_bytes: int = 0
    waiting: dict[str, int] = {}  # bytes by class that wait to be sent
    shed: dict[str, int] = {}  # letters by class that found no room, or were late
    connections: int = 0  # handshakes that were finished
    resumed: int = 0  # of them by a ticket, in no round trip
    clock_off_ms: int | None = None  # the other end's clock minus ours, when they last said
    refused: str = ""  # the last refusal, a sentence; empty: none
    refused_zh: str = ""
