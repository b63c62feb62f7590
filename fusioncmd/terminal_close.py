"""Why the gateway closes a terminal's connection, and what the terminal does then (PROTOCOL.md). Pure."""

from __future__ import annotations

from enum import IntEnum


class Close(IntEnum):
    """WebSocket close codes. 40xx: retry at once, with jitter. 41xx: stop. 42xx: wait the seconds given as reason."""

    RESTART = 4000  # the gateway goes down; another one, or the same, is there soon
    SILENT = 4001  # nothing was heard for SILENCE_S_MAX
    LATE = 4002  # no hello came in time
    CLOCK = 4003  # a renewal of another time; the reason is ours, in milliseconds since 1970
    REPLACED = 4100  # the same number connected again
    BAD_FRAME = 4101  # not this protocol: mend the terminal
    BAD_TICKET = 4102  # forged or malformed
    EXPIRED_TICKET = 4103  # get a new one
    WRONG_GATEWAY = 4104  # the ticket's place is not served here
    NO_HELLO = 4105  # the first frame was not a hello
    LOST_DEVICE = 4106  # it was revoked
    NOT_ENROLLED = 4107  # a code or a device that is not taken; the reason says why
    FULL = 4200  # no room for one more terminal
    BUSY = 4201  # enrolments and renewals: too many at once, or the node does not answer
    FAILURES = 4202  # enrolments and renewals: too many from this address were bad


def advice(code: int) -> str:
    """What a terminal does after a close with `code`: `retry`, `stop` or `wait`. Standard codes mean retry, but
    those that say the terminal itself is at fault (RFC 6455, 7.4.1)."""
    if 4100 <= code < 4200 or code in (1002, 1003, 1007, 1009):
        return "stop"
    return "wait" if 4200 <= code < 4300 else "retry"
