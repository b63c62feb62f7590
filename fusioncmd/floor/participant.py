"""The floor participant: one terminal that presses, speaks, waits and listens. Pure.

3GPP TS 24.380, clause 6.2.4 (floor participant state transition diagram for basic operation), in its states and with
its timers. Each method returns the messages to send to the floor control server. Beyond the standard, who gives up an
unanswered request says so by a Floor Release: a grant on its way shall find nobody waiting.
"""

from __future__ import annotations

from enum import Enum

from fusioncmd.floor.messages import POSITION_SECRET, FloorMessage, Indicator, Kind, Source
from fusioncmd.floor.timers import PARTICIPANT, ParticipantTimers

NEVER = 1 << 60


class State(Enum):
    NO_PERMISSION = "U: has no permission"
    PENDING_REQUEST = "U: pending Request"
    QUEUED = "U: queued"
    HAS_PERMISSION = "U: has permission"
    PENDING_RELEASE = "U: pending Release"


class Participant:
    """`state` is for the terminal to show, and with it `hearing` (who speaks; None: nobody), `position` in the queue,
    `cause` (of the last deny or revoke, `Denied` or `Revoked`) and `unheard` (a request that nobody answered).
    """

    def __init__(self, user: str, ssrc: int, timers: ParticipantTimers = PARTICIPANT) -> None:
        self.user, self.ssrc, self._timers = user, ssrc, timers
        self.state = State.NO_PERMISSION
        self.hearing: str | None = None
        self.position: int | None = None
        self.cause: int | None = None
        self.unheard = False
        self._priority = 0
        self._indicator = Indicator.NORMAL
        self._again = NEVER  # T100, T101 or T104, by the state
        self._count = 0
        self._t103 = NEVER

    @property
    def may_speak(self) -> bool:
        return self.state is State.HAS_PERMISSION

    def press(self, priority: int, now_ms: int, emergency: bool = False) -> list[FloorMessage]:
        """The button goes down. Pressed again in an emergency, it asks again, with more weight."""
        if self.state not in (State.NO_PERMISSION, State.PENDING_RELEASE) and not emergency:
            return []
        kind = Indicator.EMERGENCY if emergency else Indicator.NORMAL
        self._priority, self._indicator = priority, kind | Indicator.QUEUEING
        if self.state in (State.NO_PERMISSION, State.PENDING_RELEASE):
            self._enter(State.PENDING_REQUEST, now_ms + self._timers.t101_ms)
        self.cause, self.position, self.unheard = None, None, False
        return [self._request()]

    def lift(self, now_ms: int) -> list[FloorMessage]:
        """The button goes up."""
        if self.state in (State.NO_PERMISSION, State.PENDING_RELEASE):
            return []
        return self._release(now_ms)

    def heard(self, now_ms: int) -> None:
        """RTP came from who speaks."""
        if self.hearing is not None:
            self._t103 = now_ms + self._timers.t103_ms

    def receive(self, message: FloorMessage, now_ms: int) -> list[FloorMessage]:
        """A message of the floor control server."""
        out: list[FloorMessage] = []
        if message.ack:
            out.append(FloorMessage(Kind.ACK, self.ssrc, source=Source.PARTICIPANT, acknowledged=message.kind))
        asking = self.state in (State.PENDING_REQUEST, State.QUEUED)
        match message.kind:
            case Kind.GRANTED if asking:
                self._enter(State.HAS_PERMISSION)
                self.hearing, self._t103 = None, NEVER
            case Kind.GRANTED if self.state is not State.HAS_PERMISSION:
                out += self._release(now_ms)  # of what nobody asks for any more
            case Kind.DENY if asking:
                self._enter(State.NO_PERMISSION)
                self.cause = message.cause
            case Kind.REVOKE if self.state is not State.PENDING_RELEASE:
                self.cause = message.cause
                out += self._release(now_ms)
            case Kind.QUEUE_POSITION_INFO if asking:
                self._enter(State.QUEUED)
                self.position = None if message.position == POSITION_SECRET else message.position
            case Kind.IDLE:
                self.hearing, self._t103 = None, NEVER
                self._released()
            case Kind.TAKEN if self.state is not State.HAS_PERMISSION:
                self.hearing, self._t103 = message.granted_party or "", now_ms + self._timers.t103_ms
                self._released()
            case _:
                pass  # clause 6.2.4: a message that the state does not await changes nothing
        return out

    def ask_position(self, now_ms: int) -> list[FloorMessage]:
        """Which place in the queue?"""
        if self.state is not State.QUEUED:
            return []
        self._again, self._count = now_ms + self._timers.t104_ms, 1
        return [self._where()]

    def tick(self, now_ms: int) -> list[FloorMessage]:
        if now_ms >= self._t103:
            self.hearing, self._t103 = None, NEVER
        if now_ms < self._again:
            return []
        match self.state:
            case State.PENDING_REQUEST if self._more(now_ms, self._timers.t101_ms, self._timers.c101):
                return [self._request()]
            case State.PENDING_RELEASE if self._more(now_ms, self._timers.t100_ms, self._timers.c100):
                return [self._said(Kind.RELEASE)]
            case State.QUEUED if self._more(now_ms, self._timers.t104_ms, self._timers.c104):
                return [self._where()]
            case State.PENDING_REQUEST:
                self._enter(State.NO_PERMISSION)
                self.unheard = True
                return [self._said(Kind.RELEASE)]
            case State.PENDING_RELEASE:
                self._enter(State.NO_PERMISSION)
            case _:
                self._again = NEVER
        return []

    def _more(self, now_ms: int, every_ms: int, count_max: int) -> bool:
        if self._count >= count_max:
            return False
        self._count += 1
        self._again = now_ms + every_ms
        return True

    def _enter(self, state: State, again_ms: int = NEVER) -> None:
        self.state, self._again, self._count = state, again_ms, 1

    def _released(self) -> None:
        if self.state is State.PENDING_RELEASE:
            self._enter(State.NO_PERMISSION)

    def _release(self, now_ms: int) -> list[FloorMessage]:
        self._enter(State.PENDING_RELEASE, now_ms + self._timers.t100_ms)
        return [self._said(Kind.RELEASE)]

    def _request(self) -> FloorMessage:
        return FloorMessage(Kind.REQUEST, self.ssrc, priority=self._priority, user=self.user, indicator=self._indicator)

    def _said(self, kind: Kind) -> FloorMessage:
        return FloorMessage(kind, self.ssrc, user=self.user, indicator=self._indicator)

    def _where(self) -> FloorMessage:
        return FloorMessage(Kind.QUEUE_POSITION_REQUEST, self.ssrc, user=self.user)
