"""What every process asks of the bus, and nothing more. `nats.py` and `memory.py` implement it alike.

Durable: `store` returns only when the message is on disk. Live: `say`, `hear`, `ask`, `serve` keep nothing.
A `tail` delivers a stream from a sequence on, in order, without gaps, across every loss of the connection.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from fusioncmd import limits, subjects
from fusioncmd.alarm import subjects as alarm_subjects
from fusioncmd.alarm.bounds import ALARM_STREAM_BYTES_MAX, EXPERT_STREAM_BYTES_MAX, PLACE_STREAM_BYTES_MAX
from fusioncmd.ladder import bounds


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A durable stream: file storage, limits retention; new messages are refused when it is full, unless it `sheds`."""

    name: str
    subjects: tuple[str, ...]
    bytes_max: int
    per_subject_max: int = -1  # 1 keeps the last message of each subject
    sheds: bool = False  # when it is full, the oldest go, and new ones are taken
    lets_end: bool = False  # a message may be stored for a time only


CALL = StreamSpec("FC_CALL", (subjects.CALL_ALL, subjects.AUDIENCE_ALL), limits.CALL_STREAM_BYTES_MAX, lets_end=True)
RECEIPT = StreamSpec("FC_RECEIPT", (subjects.RECEIPT_ALL,), limits.RECEIPT_STREAM_BYTES_MAX)
ROSTER = StreamSpec("FC_ROSTER", (subjects.ROSTER_ALL,), limits.ROSTER_STREAM_BYTES_MAX, per_subject_max=1)
REPORT = StreamSpec("FC_REPORT", (subjects.REPORT_ALL,), limits.REPORT_STREAM_BYTES_MAX)
PICTURE = StreamSpec(
    "FC_PICTURE", (subjects.PICTURE_ALL,), limits.PICTURE_STREAM_BYTES_MAX, per_subject_max=1, sheds=True
)
TRUST = StreamSpec("FC_TRUST", (subjects.TRUST_ALL,), limits.TRUST_STREAM_BYTES_MAX, per_subject_max=1)
ACCOUNT = StreamSpec("FC_ACCOUNT", (subjects.ACCOUNT_ALL,), limits.ACCOUNT_STREAM_BYTES_MAX, per_subject_max=1)
AUDIT = StreamSpec("FC_AUDIT", (subjects.AUDIT_ALL,), limits.AUDIT_STREAM_BYTES_MAX)
LADDER = StreamSpec("FC_LADDER", (subjects.LADDER_ALL,), bounds.LADDER_STREAM_BYTES_MAX, per_subject_max=1)
PUSH = StreamSpec("FC_PUSH", (subjects.PUSH_ALL,), bounds.PUSH_STREAM_BYTES_MAX, per_subject_max=1)
ALARM = StreamSpec(
    "FC_ALARM", (alarm_subjects.ALARM_ALL, alarm_subjects.DECIDED_ALL), ALARM_STREAM_BYTES_MAX, sheds=True
)
EXPERT = StreamSpec(
    "FC_EXPERT", (alarm_subjects.EXPERT_ALL, alarm_subjects.DRAW_ALL), EXPERT_STREAM_BYTES_MAX, per_subject_max=1
)
PLACE = StreamSpec("FC_PLACE", (alarm_subjects.PLACE_ALL,), PLACE_STREAM_BYTES_MAX, per_subject_max=1)
STREAMS = (CALL, RECEIPT, ROSTER, REPORT, PICTURE, TRUST, ACCOUNT, AUDIT, LADDER, PUSH, ALARM, EXPERT, PLACE)


@dataclass(frozen=True, slots=True)
class Stored:
    """A message of a stream, where it stands in it (the first is 1), and when it was put there (ms since 1970; 0: not
    said)."""

    subject: str
    data: bytes
    seq: int
    at_ms: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class StreamEdge:
    """The first and last sequence that a stream holds; `first > last` when it is empty. And how much room it takes."""

    first: int
    last: int
    size_bytes: int = field(default=0, compare=False)


class Tail(Protocol):
    """A running delivery. `caught_up` waits until everything stored when the tail began has been handled."""

    async def caught_up(self) -> None: ...

    async def stop(self) -> None: ...


class Hearing(Protocol):
    """What is heard of a subject, until `stop`: then nobody here wants it, and no link carries it for us."""

    async def stop(self) -> None: ...


Handler = Callable[[Stored], None]
Heard = Callable[[str, bytes], None]
Server = Callable[[bytes], Awaitable[bytes]]


class Bus(Protocol):
    async def ensure_streams(self) -> None:
        """Create what is missing; leave what exists."""

    async def store(
        self, subject: str, data: bytes, *, expect_last: int | None = None, ends_s: int | None = None
    ) -> int:
        """Put a message on disk and return its sequence.

        `expect_last`: only if the subject's last sequence is this (0: none yet), else `Conflict`. `StorageFull` when
        a bound or the disk is reached; `BusDown` when no answer comes: the message may or may not be stored.
        `ends_s`: it is gone after so many seconds; for a stream that `lets_end`.
        """

    async def edge(self, stream: StreamSpec) -> StreamEdge: ...

    async def last(self, subject: str) -> Stored | None: ...

    def read(self, stream: StreamSpec, from_seq: int = 1) -> AsyncIterator[Stored]:
        """Everything that the stream holds now, from `from_seq` on, in order, and then end."""

    async def forget(self, stream: StreamSpec, below_seq: int) -> None:
        """Remove the messages before `below_seq`; where the stream ends does not change."""

    async def bound(self, stream: StreamSpec, bytes_max: int) -> None:
        """Hold so many bytes of a stream that `sheds` from now on: the oldest go at once."""

    async def tail(
        self,
        stream: StreamSpec,
        handler: Handler,
        *,
        from_seq: int | None = None,
        from_ms: int | None = None,
        filters: tuple[str, ...] = (),
    ) -> Tail:
        """Deliver from `from_seq`, or from the time `from_ms`, on to `handler`, which must not block."""

    async def say(self, subject: str, data: bytes) -> None: ...

    async def hear(self, subject: str, heard: Heard) -> Hearing: ...

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        """A reply, or `BusDown` / `Unavailable` when nobody gives one."""

    async def serve(self, subject: str, server: Server) -> None: ...

    async def close(self) -> None: ...
