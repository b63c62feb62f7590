"""Devices at a gateway: enrolments and renewals on their way to the node and back, and those that are lost.

What a gateway can judge itself, it does: a code or a device that is not one of ours costs the node nothing. A terminal
that is connected keeps its connection, and its old ticket, when the node does not answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import structlog

from fusioncmd import api, devices, envelope, limits, subjects, terminal
from fusioncmd.api import devices as asked
from fusioncmd.bus.port import Bus, Stored
from fusioncmd.devices import BadEnrolment, LostDevice
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.terminal import Close
from gateways.responder import replies
from gateways.responder.doorway import Denial
from gateways.responder.engine import Engine
from gateways.responder.lost import LostDevices
from gateways.responder.seats import Seats

log = structlog.get_logger("relay")

Said = terminal.Enrol | terminal.Renew


class Relay:
    """`key` is the tier's ticket key; `clock` gives seconds since 1970."""

    def __init__(
        self, bus: Bus, engine: Engine, seats: Seats, lost: LostDevices, key: bytes, clock: Callable[[], float]
    ) -> None:
        self._bus, self._engine, self._seats, self._lost = bus, engine, seats, lost
        self._key, self._clock = key, clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: dict[int, asyncio.Task[None]] = {}  # those of them whose terminal is still there

    def take(self, fd: int, said: Said) -> None:
        denial = self._denied(fd, said)
        if denial is not None:
            self._deny(fd, denial)
            return
        task = self._asking[fd] = asyncio.create_task(self._ask(fd, said))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def gone(self, fd: int) -> None:
        if self._asking:
            self._asking.pop(fd, None)

    def fold_lost(self, stored: Stored) -> None:
        """A device was revoked: whoever is connected with it has to go."""
        try:
            loss = self._lost.take(stored, self._clock())
        except BadEnrolment as problem:
            log.error("relay.bad_loss", subject=stored.subject, seq=stored.seq, problem=problem.en)
            return
        fd = self._seats.fd_of.get(loss.number)
        if fd is not None and self._seats.is_at(fd, loss.number, loss.device):
            self._engine.close(fd, Close.LOST_DEVICE, "this device was revoked")

    async def drain(self, wait_s: float) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=wait_s)

    def _denied(self, fd: int, said: Said) -> Denial | None:
        if said.version != terminal.VERSION:
            return Denial(Close.BAD_FRAME, f"version {terminal.VERSION} is spoken here")
        if fd in self._asking:
            return Denial(Close.BAD_FRAME, "one at a time")
        if (denial := self._forged(fd, said)) is not None:
            return denial
        if self._engine.peers.is_struck(fd):
            return Denial(Close.FAILURES, str(limits.FAILURES_WAIT_S))
        if len(self._tasks) >= limits.RELAYS_IN_FLIGHT_MAX:
            return Denial(Close.BUSY, str(limits.RELAY_WAIT_S))
        return None

    def _forged(self, fd: int, said: Said) -> Denial | None:
        """What needs no node to be refused."""
        now_s = self._clock()
        if isinstance(said, terminal.Enrol):
            try:
                devices.read_code(said.code, self._key, now_s)
            except BadEnrolment as problem:
                return Denial(Close.NOT_ENROLLED, problem.en)
            return None
        if not devices.is_ours(said.number, said.device, self._key):
            return Denial(Close.NOT_ENROLLED, "There is no such device.")
        if self._seats.number_at[fd] >= 0 and not self._seats.is_at(fd, said.number, said.device):
            return Denial(Close.BAD_FRAME, "another device's renewal")
        if said.device in self._lost:
            return Denial(Close.LOST_DEVICE, "this device was revoked")
        if abs(int(now_s * 1000) - said.at_ms) > limits.RENEWAL_SKEW_MS_MAX:
            return Denial(Close.CLOCK, str(int(now_s * 1000)))
        return None

    async def _ask(self, fd: int, said: Said) -> None:
        try:
            frame, expires_s = await self._answer(said)
        except Problem as problem:
            if self._is_mine(fd):
                self._deny(fd, _denial(problem))
            return
        if self._is_mine(fd):
            if self._seats.number_at[fd] >= 0:
                self._seats.renew(fd, expires_s)
            self._engine.send(fd, frame)

    def _is_mine(self, fd: int) -> bool:
        """The terminal that asked is still there, and the descriptor nobody else's."""
        mine = self._asking.get(fd) is asyncio.current_task()
        if mine:
            del self._asking[fd]
        return mine

    async def _answer(self, said: Said) -> tuple[bytes, int]:
        """The frame for the terminal; of a renewal, when its ticket ends."""
        if isinstance(said, terminal.Enrol):
            new = await self._node(asked.Enrol(said.code, said.algorithm, said.public, said.proof))
            return replies.enrolled(cast(asked.Enrolled, new)), 0
        renewed = cast(asked.Renewed, await self._node(asked.Renew(said.number, said.device, said.at_ms, said.proof)))
        return replies.ticketed(renewed.ticket, renewed.renew_after_s), renewed.expires_s

    async def _node(self, question: asked.Enrol | asked.Renew) -> object:
        verb, kind = api.VERBS[type(question)]
        reply = await self._bus.ask(subjects.api(verb), envelope.encode_question(question), limits.RELAY_S_MAX)
        return cast(object, envelope.decode_reply(kind, reply))

    def _deny(self, fd: int, denial: Denial) -> None:
        if denial.code in (Close.BUSY, Close.FAILURES) and self._seats.number_at[fd] >= 0:
            self._engine.send(fd, replies.ticketed(b"", int(denial.reason)))
        else:
            self._engine.close(fd, *denial)


def _denial(problem: Problem) -> Denial:
    if isinstance(problem, Unavailable):
        log.warning("relay.not_answered", error=problem.en)
        return Denial(Close.BUSY, str(limits.RELAY_WAIT_S))
    if isinstance(problem, LostDevice):
        return Denial(Close.LOST_DEVICE, problem.en)
    return Denial(Close.NOT_ENROLLED, problem.en)
