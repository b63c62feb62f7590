"""How long each side of floor control waits, in milliseconds: 3GPP TS 24.380, clause 11.1. Pure.

What the standard leaves to the operator, and what several arbiters need beside it, says so. The relations that keep a
floor from having two holders are asserted at the end.
"""

from __future__ import annotations

from dataclasses import dataclass

# How an arbiter is followed (sides.py, relay.py, seat.py); ours.
BEACON_MS = 250  # a node says that it is there
SILENT_MS = 1_500  # a node that was not heard for longer is out of reach
ASK_MS = 150  # a gateway says again that its participant speaks
WAIT_MS = 500  # … or waits
STANDING_MS = 1_000  # an arbiter says again who speaks
HOLD_MS = 2_750  # a grant lasts for so long after the last Ask that was answered had been sent
UNANSWERED_MS = 5_000  # a request that no arbiter answers is denied
RETURN_MS = 5_000  # after the return of a link so long at most until one arbiter and one holder are left


@dataclass(frozen=True, slots=True)
class ServerTimers:
    """Of the floor control server; C: how often at most."""

    t1_ms: int = 4_000  # end of RTP media
    t2_ms: int = 30_000  # stop talking; also told as Duration
    t3_ms: int = 3_000  # stop talking grace
    t4_ms: int = 30_000  # inactivity
    t7_ms: int = 5_000  # Floor Idle again
    c7: int = 10
    t8_ms: int = 1_000  # Floor Revoke again
    t9_ms: int = 2_000  # retry after: who spoke too long is denied for so long
    t20_ms: int = 1_000  # Floor Granted again
    c20: int = 3
    waiting_ms: int = 4_000  # ours: who waits behind a gateway and was not heard of for so long, waits no more

    def __post_init__(self) -> None:
        assert self.t1_ms > self.t20_ms * self.c20
        assert self.t3_ms > self.t8_ms


@dataclass(frozen=True, slots=True)
class ParticipantTimers:
    """Of the floor participant."""

    t100_ms: int = 1_000  # Floor Release again
    c100: int = 3
    t101_ms: int = 1_000  # Floor Request again
    c101: int = 3
    t103_ms: int = 4_000  # end of RTP media: nothing was heard of who speaks
    t104_ms: int = 1_000  # Floor Queue Position Request again
    c104: int = 3


SERVER, PARTICIPANT = ServerTimers(), ParticipantTimers()

# An arbiter gives the floor away only when whoever had it has lost it by its own clock: clocks may differ by a twelfth.
assert HOLD_MS * 13 // 12 < SERVER.t3_ms < SERVER.t1_ms
assert SERVER.waiting_ms > HOLD_MS
# A burst outlives its arbiter: by then another one has taken the chair and heard of it, several times.
assert SILENT_MS + 4 * ASK_MS < HOLD_MS
assert SILENT_MS > 5 * BEACON_MS and SILENT_MS + HOLD_MS < RETURN_MS
