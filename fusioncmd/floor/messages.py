"""The words of floor control as 3GPP TS 24.380 has them: one message, its causes and its indicators. Pure.

What a message carries is listed in `CARRIES`, in the order in which it is written (clauses 8.2.4 to 8.2.13, less Track
Info, functional aliases and locations, which nothing here uses).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Kind(IntEnum):
    """The subtype without its first bit, which asks for a Floor Ack (table 8.2.2.1-1)."""

    REQUEST = 0
    GRANTED = 1
    TAKEN = 2
    DENY = 3
    RELEASE = 4
    IDLE = 5
    REVOKE = 6
    QUEUE_POSITION_REQUEST = 8
    QUEUE_POSITION_INFO = 9
    ACK = 10


class Denied(IntEnum):
    """Why a Floor Deny (clause 8.2.6.2)."""

    TAKEN = 1
    INTERNAL_ERROR = 2
    ONLY_ONE = 3
    RETRY_AFTER = 4
    RECEIVE_ONLY = 5
    NO_RESOURCES = 6
    QUEUE_FULL = 7
    OTHER = 255


class Revoked(IntEnum):
    """Why a Floor Revoke (clause 8.2.10.2)."""

    ONLY_ONE = 1
    TOO_LONG = 2
    NO_PERMISSION = 3
    PRE_EMPTED = 4
    NO_RESOURCES = 6
    OTHER = 255


class Indicator(IntFlag):
    """What kind of call it is (clause 8.2.3.15). `QUEUEING`: who asks can wait in the queue."""

    NORMAL = 0x8000
    BROADCAST = 0x4000
    SYSTEM = 0x2000
    EMERGENCY = 0x1000
    IMMINENT_PERIL = 0x0800
    QUEUEING = 0x0400
    DUAL_FLOOR = 0x0200
    TEMPORARY_GROUP = 0x0100
    MULTI_TALKER = 0x0080


class Source(IntEnum):
    """Who sent a Floor Ack (clause 8.2.3.12)."""

    PARTICIPANT = 0
    PARTICIPATING = 1
    CONTROLLING = 2
    NON_CONTROLLING = 3


POSITION_NONE = 254  # not queued (clause 8.2.3.5)
POSITION_SECRET = 255  # queued, and the server does not tell where


@dataclass(frozen=True, slots=True)
class FloorMessage:
    """One floor control message. None: the field is not there.

    `ssrc` is the sender's; `granted_ssrc` of who speaks. `duration_s` is for how long it may (65,535: no limit).
    `position` and `level` are Queue Info. `permitted` says in a Floor Taken whether the receiver may ask for the floor.
    """

    kind: Kind
    ssrc: int
    ack: bool = False  # a Floor Ack is asked for
    priority: int | None = None  # 0 (lowest) to 255
    duration_s: int | None = None
    cause: int | None = None  # `Denied` in a Floor Deny, `Revoked` in a Floor Revoke; others may be unknown here
    phrase: str = ""
    position: int | None = None
    level: int = 0
    granted_party: str | None = None
    permitted: bool | None = None
    user: str | None = None
    queue_size: int | None = None
    sequence: int | None = None
    queued_user: str | None = None
    source: Source | None = None
    acknowledged: Kind | None = None
    indicator: Indicator | None = None
    granted_ssrc: int | None = None


ACK_MAY_BE_ASKED = frozenset((Kind.GRANTED, Kind.TAKEN, Kind.DENY, Kind.RELEASE, Kind.IDLE, Kind.QUEUE_POSITION_INFO))

# Each by the name of its attribute; Reject Cause brings its phrase, and Queue Info both of its numbers.
CARRIES: dict[Kind, tuple[str, ...]] = {
    Kind.REQUEST: ("priority", "user", "indicator"),
    Kind.GRANTED: ("duration_s", "granted_ssrc", "priority", "user", "queue_size", "queued_user", "indicator"),
    Kind.TAKEN: ("granted_party", "permitted", "user", "sequence", "indicator", "granted_ssrc"),
    Kind.DENY: ("cause", "user", "indicator"),
    Kind.RELEASE: ("user", "indicator"),
    Kind.IDLE: ("sequence", "indicator"),
    Kind.REVOKE: ("cause", "indicator"),
    Kind.QUEUE_POSITION_REQUEST: ("user",),
    Kind.QUEUE_POSITION_INFO: ("user", "queued_user", "position", "indicator"),
    Kind.ACK: ("source", "acknowledged"),
}

# Without these a message says nothing.
NEEDS: dict[Kind, tuple[str, ...]] = {
    Kind.GRANTED: ("duration_s",),
    Kind.DENY: ("cause",),
    Kind.REVOKE: ("cause",),
    Kind.QUEUE_POSITION_INFO: ("position",),
    Kind.ACK: ("acknowledged",),
}
