"""The bus in one process's memory: the twin of `nats.py` that tests and simulations run on.

Same promises, no network: what is stored is delivered in order to every tail. `fail` makes the next stores raise, so
that a full disk or a lost server is an input like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from fusioncmd.bus.port import STREAMS, Handler, Heard, Server, Stored, StreamEdge, StreamSpec
from fusioncmd.errors import BusDown, Conflict, Problem


@dataclass
class _Stream:
    spec: StreamSpec
    kept: dict[int, Stored] = field(default_factory=dict)
    last_of: dict[str, int] = field(default_factory=dict)
    last: int = 0


class _MemoryTail:
    def __init__(self, bus: MemoryBus, stream: StreamSpec, handler: Handler, filters: tuple[str, ...]) -> None:
        self._bus, self.stream, self._handler, self._filters = bus, stream, handler, filters

    def offer(self, stored: Stored) -> None:
        if not self._filters or any(matches(f, stored.subject) for f in self._filters):
            self._handler(stored)

    async def caught_up(self) -> None:
        await asyncio.sleep(0)

    async def stop(self) -> None:
        self._bus.tails.remove(self)


class MemoryBus:
    """Implements `port.Bus`."""

    def __init__(self) -> None:
        self.tails: list[_MemoryTail] = []
        self.fail: list[Problem] = []  # each is raised by one `store`, in turn
        self._streams = {spec.name: _Stream(spec) for spec in STREAMS}
        self._heard: list[tuple[str, Heard]] = []
        self._servers: dict[str, Server] = {}

    async def ensure_streams(self) -> None:
        pass

    async def store(self, subject: str, data: bytes, *, expect_last: int | None = None) -> int:
        await asyncio.sleep(0)
        if self.fail:
            raise self.fail.pop(0)
        stream = next(s for s in self._streams.values() if any(matches(f, subject) for f in s.spec.subjects))
        before = stream.last_of.get(subject, 0)
        if expect_last is not None and before != expect_last:
            raise Conflict(f"{subject} was written by somebody else.", f"{subject} 已被他人写入。")
        stream.last += 1
        stored = Stored(subject, data, stream.last)
        if stream.spec.per_subject_max == 1:
            stream.kept.pop(before, None)
        stream.kept[stored.seq] = stored
        stream.last_of[subject] = stored.seq
        for tail in list(self.tails):
            if tail.stream.name == stream.spec.name:
                tail.offer(stored)
        return stored.seq

    async def edge(self, stream: StreamSpec) -> StreamEdge:
        held = self._streams[stream.name]
        return StreamEdge(min(held.kept, default=held.last + 1), held.last)

    async def last(self, subject: str) -> Stored | None:
        for stream in self._streams.values():
            if subject in stream.last_of:
                return stream.kept.get(stream.last_of[subject])
        return None

    async def read(self, stream: StreamSpec) -> AsyncIterator[Stored]:
        for stored in list(self._streams[stream.name].kept.values()):
            yield stored

    async def forget(self, stream: StreamSpec, below_seq: int) -> None:
        held = self._streams[stream.name]
        held.kept = {seq: stored for seq, stored in held.kept.items() if seq >= below_seq}

    async def tail(
        self,
        stream: StreamSpec,
        handler: Handler,
        *,
        from_seq: int | None = None,
        from_ms: int | None = None,
        filters: tuple[str, ...] = (),
    ) -> _MemoryTail:
        tail = _MemoryTail(self, stream, handler, filters)
        for stored in list(self._streams[stream.name].kept.values()):
            if stored.seq >= (from_seq or 0):
                tail.offer(stored)
        self.tails.append(tail)
        return tail

    async def say(self, subject: str, data: bytes) -> None:
        for pattern, heard in list(self._heard):
            if matches(pattern, subject):
                heard(subject, data)

    async def hear(self, subject: str, heard: Heard) -> None:
        self._heard.append((subject, heard))

    async def ask(self, subject: str, data: bytes, timeout_s: float) -> bytes:
        server = self._servers.get(subject)
        if server is None:
            raise BusDown("No tier node answers.", "没有层级节点应答。")
        return await server(data)

    async def serve(self, subject: str, server: Server) -> None:
        self._servers[subject] = server

    async def close(self) -> None:
        self.tails.clear()


def matches(pattern: str, subject: str) -> bool:
    """NATS subject matching: `*` is one token, `>` is one or more at the end."""
    wanted, given = pattern.split("."), subject.split(".")
    for i, token in enumerate(wanted):
        if token == ">":
            return len(given) > i
        if i >= len(given) or token not in ("*", given[i]):
            return False
    return len(wanted) == len(given)
