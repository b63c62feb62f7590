"""The floor control server of one talkgroup: who may speak, who waits, and that the floor is always freed. Pure.

3GPP TS 24.380, clause 6.3.4 (general floor control operation), in its states and with its timers. Requests and times go
in, floor control messages come out. Beyond the standard it takes over a burst that another arbiter had granted
(`Asker.holding`), and grants nothing while somebody outside may still speak (`withheld_ms`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from fusioncmd.floor.messages import (
    POSITION_NONE,
    Denied,
    FloorMessage,
    Indicator,
    Kind,
    Revoked,
)
from fusioncmd.floor.priority import EMERGENCY, pre_empts
from fusioncmd.floor.queue import Asker, Queue
from fusioncmd.floor.timers import SERVER, ServerTimers

NEVER = 1 << 60


class State(Enum):
    IDLE = "G: Floor Idle"
    TAKEN = "G: Floor Taken"
    REVOKING = "G: pending Floor Revoke"


@dataclass(frozen=True, slots=True)
class Said:
    """`message` to the burst `to`; None: to everyone but the burst `but`."""

    message: FloorMessage
    to: str | None = None
    but: str | None = None


class Arbiter:
    def __init__(self, ssrc: int, now_ms: int, timers: ServerTimers = SERVER) -> None:
        self._ssrc, self._timers = ssrc, timers
        self.state = State.IDLE
        self.speaker: Asker | None = None
        self.queue = Queue()
        self.withheld_ms = now_ms  # no grant before
        self._sequence = 0
        self._t1 = self._t2 = self._t3 = self._t7 = self._t8 = self._t20 = NEVER
        self._t4 = now_ms + timers.t4_ms
        self._c7 = self._c20 = 0
        self._cause = Revoked.OTHER
        self._too_long: tuple[str, int] | None = None  # which user, until when (T9)

    def request(self, asker: Asker, now_ms: int) -> list[Said]:
        """A Floor Request, also one again; or that a burst goes on."""
        speaker = self.speaker
        if speaker is not None and speaker.key == asker.key:
            return self._again(asker, now_ms)
        if speaker is None:
            if asker.holding or (now_ms >= self.withheld_ms and not len(self.queue)):
                self.queue.drop(asker.key)
                return self._denied_for_now(asker, now_ms) or self._grant(asker, now_ms)
            return self._wait(asker, now_ms, told=asker.can_wait)
        if pre_empts(asker.priority, speaker.priority):
            said = self._wait(asker, now_ms, told=asker.can_wait)
            if self.state is State.TAKEN and self.queue.position(asker.key) is not None:
                said += self._revoke(Revoked.PRE_EMPTED, now_ms)
            return said
        if asker.holding:
            return [Said(self._message(Kind.REVOKE, cause=Revoked.PRE_EMPTED), asker.key)]
        denied = self._denied_for_now(asker, now_ms)
        if denied or not asker.can_wait:
            return denied or [self._deny(asker, Denied.TAKEN)]
        return self._wait(asker, now_ms, told=True)

    def release(self, key: str, now_ms: int) -> list[Said]:
        """A Floor Release; who only waited, waits no more. Whoever sends it is told how the floor stands."""
        if self.speaker is not None and self.speaker.key == key:
            return self._free(now_ms)
        self.queue.drop(key)
        return [self.standing(key)]

    def media(self, key: str, now_ms: int) -> None:
        """RTP of that burst came."""
        if self.state is State.TAKEN and self.speaker is not None and self.speaker.key == key:
            self._t1, self._t20 = now_ms + self._timers.t1_ms, NEVER

    def where(self, key: str) -> Said:
        """The answer to a Floor Queue Position Request."""
        position = self.queue.position(key)
        level = next((asker.priority for asker in self.queue.waiting() if asker.key == key), 0)
        shown = POSITION_NONE if position is None else position
        return Said(self._message(Kind.QUEUE_POSITION_INFO, position=shown, level=level), key)

    def standing(self, key: str | None = None) -> Said:
        """How the floor stands, for who joins late or has to hear it again (clause 6.3.4.4.2)."""
        but = None if self.speaker is None else self.speaker.key
        return Said(self._idle() if self.speaker is None else self._taken(self.speaker), key, but)

    @property
    def inactive(self) -> bool:
        """T4 has passed: nobody spoke for so long that a call may end."""
        return self._t4 == NEVER and self.state is State.IDLE

    def tick(self, now_ms: int) -> list[Said]:
        """What is due. To be called again and again; how often is how late things happen."""
        said = [self._deny(asker, Denied.OTHER) for asker in self.queue.forget(now_ms - self._timers.waiting_ms)]
        if self.state is State.TAKEN:
            said += self._tick_taken(now_ms)
        elif self.state is State.REVOKING:
            said += self._tick_revoking(now_ms)
        if self.state is State.IDLE:
            said += self._tick_idle(now_ms)
        return said

    def _tick_taken(self, now_ms: int) -> list[Said]:
        assert self.speaker is not None
        if now_ms >= self._t1:
            return self._free(now_ms)
        if now_ms >= self._t2:
            self._too_long = (self.speaker.user, now_ms + self._timers.t9_ms)
            return self._revoke(Revoked.TOO_LONG, now_ms)
        if now_ms >= self._t20:
            self._c20 += 1
            self._t20 = now_ms + self._timers.t20_ms if self._c20 < self._timers.c20 else NEVER
            return [self._granted(now_ms)]
        return []

    def _tick_revoking(self, now_ms: int) -> list[Said]:
        assert self.speaker is not None
        if now_ms >= self._t3:
            return self._free(now_ms)
        if now_ms >= self._t8:
            self._t8 = now_ms + self._timers.t8_ms
            return [Said(self._message(Kind.REVOKE, cause=self._cause), self.speaker.key)]
        return []

    def _tick_idle(self, now_ms: int) -> list[Said]:
        first = self.queue.first()
        if first is not None and now_ms >= self.withheld_ms:
            self.queue.drop(first.key)
            return self._grant(first, now_ms)
        if now_ms >= self._t4:
            self._t4 = NEVER
        if now_ms >= self._t7:
            self._c7 += 1
            self._t7 = now_ms + self._timers.t7_ms if self._c7 < self._timers.c7 else NEVER
            return [Said(self._idle())]
        return []

    def _again(self, asker: Asker, now_ms: int) -> list[Said]:
        if self.state is State.REVOKING:
            return [Said(self._message(Kind.REVOKE, cause=self._cause), asker.key)]
        if asker.holding:
            self.media(asker.key, now_ms)
        if self.speaker is not None and asker.priority > self.speaker.priority:
            self.speaker = replace(self.speaker, priority=asker.priority)  # the emergency button, in mid-burst
        return [self._granted(now_ms)]

    def _grant(self, asker: Asker, now_ms: int) -> list[Said]:
        self.state, self.speaker = State.TAKEN, asker
        self._t1, self._t2 = now_ms + self._timers.t1_ms, now_ms + max(0, self._timers.t2_ms - asker.talked_ms)
        self._t20, self._c20 = NEVER if asker.holding else now_ms + self._timers.t20_ms, 0
        self._t3 = self._t4 = self._t7 = self._t8 = NEVER
        self._sequence = (self._sequence + 1) & 0xFFFF
        return [self._granted(now_ms), Said(self._taken(asker), but=asker.key)]

    def _revoke(self, cause: Revoked, now_ms: int) -> list[Said]:
        assert self.speaker is not None
        self.state, self._cause = State.REVOKING, cause
        self._t3, self._t8 = now_ms + self._timers.t3_ms, now_ms + self._timers.t8_ms
        self._t1 = self._t2 = self._t20 = NEVER
        return [Said(self._message(Kind.REVOKE, cause=cause), self.speaker.key)]

    def _free(self, now_ms: int) -> list[Said]:
        """Nobody has the floor any more: who waits first gets it, if anybody may."""
        self.state, self.speaker = State.IDLE, None
        self._t1 = self._t2 = self._t3 = self._t8 = self._t20 = NEVER
        self._t4, self._t7, self._c7 = now_ms + self._timers.t4_ms, now_ms + self._timers.t7_ms, 0
        first = self.queue.first()
        if first is not None and now_ms >= self.withheld_ms:
            self.queue.drop(first.key)
            return self._grant(first, now_ms)
        self._sequence = (self._sequence + 1) & 0xFFFF
        return [Said(self._idle())]

    def _wait(self, asker: Asker, now_ms: int, told: bool) -> list[Said]:
        loser = self.queue.keep(asker, now_ms)
        denied = [] if loser is None else [self._deny(loser, Denied.QUEUE_FULL)]
        return denied + ([self.where(asker.key)] if told and loser != asker else [])

    def _denied_for_now(self, asker: Asker, now_ms: int) -> list[Said]:
        if self._too_long is None or asker.holding or asker.priority >= EMERGENCY:
            return []
        user, until_ms = self._too_long
        return [self._deny(asker, Denied.RETRY_AFTER)] if user == asker.user and now_ms < until_ms else []

    def _granted(self, now_ms: int) -> Said:
        assert self.speaker is not None
        message = self._message(
            Kind.GRANTED,
            duration_s=min(0xFFFE, max(1, (self._t2 - now_ms) // 1_000)),
            granted_ssrc=self.speaker.ssrc,
            priority=self.speaker.priority,
            queue_size=len(self.queue),
        )
        return Said(message, self.speaker.key)

    def _taken(self, speaker: Asker) -> FloorMessage:
        return self._message(
            Kind.TAKEN,
            granted_party=speaker.user,
            permitted=True,
            sequence=self._sequence,
            granted_ssrc=speaker.ssrc,
        )

    def _idle(self) -> FloorMessage:
        return self._message(Kind.IDLE, sequence=self._sequence)

    def _deny(self, asker: Asker, cause: Denied) -> Said:
        return Said(self._message(Kind.DENY, cause=cause), asker.key)

    def _message(self, kind: Kind, **fields: object) -> FloorMessage:
        emergency = self.speaker is not None and self.speaker.priority >= EMERGENCY
        indicator = (Indicator.EMERGENCY if emergency else Indicator.NORMAL) | Indicator.QUEUEING
        return replace(FloorMessage(kind, self._ssrc, indicator=indicator), **fields)  # type: ignore[arg-type]
