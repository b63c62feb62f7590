"""A gateway's part in one talkgroup: it asks whoever arbitrates, and holds the floor for at most one of its own. Pure.

A grant lasts HOLD_MS after the last Ask that was answered by it had been *sent*, by this gateway's own clock, however
late the answer comes; so the floor is lost here before any arbiter gives it to somebody else, and no clocks need to
agree, if each only goes forward. The gateway lets through nobody's voice but that of who holds it (`speaker`).
"""

from __future__ import annotations

from dataclasses import replace

from fusioncmd import limits
from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec
from fusioncmd.floor.bursts import Burst, Told
from fusioncmd.floor.frames import BEFORE_MAX, Answer, Ask, Beacon, Frame
from fusioncmd.floor.messages import Denied, FloorMessage, Kind, Revoked
from fusioncmd.floor.sides import Nodes
from fusioncmd.floor.timers import ASK_MS, HOLD_MS, SERVER, UNANSWERED_MS, WAIT_MS

Out = list[Frame | Told]


class Relay:
    """`first_number` is greater than any that a gateway of this name has used before, such as the time."""

    def __init__(self, gateway: str, home: str, ssrc: int, first_number: int) -> None:
        self.gateway = gateway
        self.refused = 0  # answers with something in them that is no floor control message
        self._ssrc, self._number = ssrc, first_number
        self._nodes = Nodes(home)
        self._followed: str | None = None
        self._before: dict[str, int] = {}  # nodes that were followed before, and until when
        self._bursts: dict[int, Burst] = {}
        self._last: dict[str, tuple[int, str | None]] = {}  # of a participant, the burst that ended last; bounded
        self._holder: Burst | None = None
        self._refusing: dict[str, int | None] = {}  # whose voice does not pass, and when they were told
        self._standing: FloorMessage | None = None  # the last Floor Taken or Floor Idle

    def hear(self, beacon: Beacon, now_ms: int) -> None:
        self._nodes.hear(beacon.node, now_ms)

    def follows(self, now_ms: int) -> str | None:
        """The node that arbitrates, as far as can be heard here."""
        best = self._nodes.best(now_ms)
        if best is not None and best != self._followed:
            if self._followed is not None:
                self._before.pop(self._followed, None)
                self._before[self._followed] = now_ms
            self._followed = best
        return best

    def speaker(self, now_ms: int) -> str | None:
        """The participant whose voice may pass."""
        holder = self._holder
        return holder.participant if holder is not None and now_ms < holder.until_ms else None

    @property
    def holder(self) -> Burst | None:
        """The burst that is let through, or was until a moment ago (`speaker`)."""
        return self._holder

    def media(self, participant: str, now_ms: int) -> bool:
        """RTP came from that participant: may it pass? If not, the next `tick` tells it so."""
        if self._holder is None or self.speaker(now_ms) != participant:
            if len(self._refusing) < limits.FLOOR_ASKING_MAX:
                self._refusing.setdefault(participant, None)
            return False
        self._holder.heard_ms, self._holder.spoke = now_ms, True
        return True

    def join(self, participant: str) -> Out:
        """Late entry: who comes into a burst is told who speaks."""
        return [] if self._standing is None else [Told(self._standing, participant)]

    def receive(self, participant: str, message: FloorMessage, priority: int, now_ms: int) -> Out:
        """A floor control message of one of the gateway's own, and the priority that it has by right."""
        burst = next((one for one in self._bursts.values() if one.participant == participant), None)
        match message.kind:
            case Kind.REQUEST:
                return self._request(participant, burst, replace(message, priority=priority), now_ms)
            case Kind.RELEASE if burst is not None:
                return self._end(burst, now_ms)
            case Kind.RELEASE if participant in self._last:
                number, node = self._last[participant]
                return self._send(node, number, self._release(message), now_ms)
            case Kind.QUEUE_POSITION_REQUEST if burst is not None:
                burst.position = None
                return self._send(burst.asked, burst.number, message, now_ms)
            case _:
                return []

    def answer(self, answer: Answer, now_ms: int) -> Out:
        """An arbiter says something."""
        if not answer.others and answer.gateway != self.gateway:
            return []
        try:
            message = codec.decode(answer.message)
        except BadMessage:
            self.refused += 1
            return []
        if answer.others:
            return self._to_all(answer, message, now_ms)
        burst = self._bursts.get(answer.number)
        if burst is None:
            return self._to_ended(answer, message, now_ms)
        if answer.node != burst.asked:
            return []  # it asks another one by now
        if not burst.holding:
            burst.heard_ms = now_ms
        match message.kind:
            case Kind.GRANTED:
                return self._granted(burst, answer, message, now_ms)
            case Kind.REVOKE:
                return [*self._end(burst, now_ms), Told(message, burst.participant)]
            case Kind.DENY if not burst.holding:
                self._drop(burst)
                return [Told(message, burst.participant)]
            case Kind.QUEUE_POSITION_INFO if not burst.holding and burst.position != message.position:
                burst.position = message.position
                return [Told(message, burst.participant)]
            case _:
                return []

    def tick(self, now_ms: int) -> Out:
        """To be called at least each 50 ms."""
        out = self._revoke_refused(now_ms)
        follows = self.follows(now_ms)
        for burst in list(self._bursts.values()):
            if burst.holding and now_ms >= burst.until_ms:
                out += self._lose(burst, Kind.REVOKE, Revoked.NO_RESOURCES, now_ms)
            elif burst.holding and now_ms - burst.heard_ms >= SERVER.t1_ms:
                out += self._lose(burst, Kind.REVOKE, Revoked.OTHER, now_ms)
            elif not burst.holding and now_ms - burst.heard_ms >= UNANSWERED_MS:
                out += self._lose(burst, Kind.DENY, Denied.NO_RESOURCES, now_ms)
            else:
                out += self._tell_granted(burst) if burst.is_told_again(now_ms) else []
                if burst.asked != follows or now_ms - burst.asked_ms >= (ASK_MS if burst.holding else WAIT_MS):
                    out += self._ask(burst, follows, now_ms)
        return out

    def _revoke_refused(self, now_ms: int) -> Out:
        """At once, and again each T8 as long as voice comes."""
        out: Out = []
        for who, told_ms in list(self._refusing.items()):
            if told_ms is None and self.speaker(now_ms) != who:
                self._refusing[who] = now_ms
                out.append(Told(self._message(Kind.REVOKE, Revoked.NO_PERMISSION), who))
            elif told_ms is None or now_ms - told_ms >= SERVER.t8_ms:
                del self._refusing[who]
        return out

    def _request(self, participant: str, burst: Burst | None, message: FloorMessage, now_ms: int) -> Out:
        if burst is None:
            if len(self._bursts) >= limits.FLOOR_ASKING_MAX:
                return [Told(self._message(Kind.DENY, Denied.NO_RESOURCES), participant)]
            self._number += 1
            burst = Burst(self._number, participant, message, now_ms, now_ms)
            self._bursts[burst.number] = burst
        burst.request = message
        told: Out = [] if burst.granted is None else [Told(burst.granted, participant)]
        return told + self._ask(burst, self.follows(now_ms), now_ms)

    def _granted(self, burst: Burst, answer: Answer, message: FloorMessage, now_ms: int) -> Out:
        until_ms = answer.stamp_ms + HOLD_MS
        if now_ms >= until_ms:
            return []  # too late: the arbiter hears that it goes on asking, and says it again
        if burst.holding:
            burst.until_ms = max(burst.until_ms, until_ms)
            return []
        out: Out = []
        before = self._holder
        if before is not None:  # by the word of an arbiter before this one
            out = self._lose(before, Kind.REVOKE, Revoked.PRE_EMPTED, now_ms)
        burst.granted, burst.until_ms, burst.began_ms, burst.heard_ms = message, until_ms, now_ms, now_ms
        self._holder = burst
        return [*out, *self._tell_granted(burst), *self._ask(burst, self.follows(now_ms), now_ms)]

    def _tell_granted(self, burst: Burst) -> Out:
        burst.told += 1
        return [] if burst.granted is None else [Told(burst.granted, burst.participant)]

    def _to_all(self, answer: Answer, message: FloorMessage, now_ms: int) -> Out:
        if answer.node != self.follows(now_ms):
            return []
        self._standing = message
        burst = self._bursts.get(answer.number) if answer.gateway == self.gateway else self._holder
        return [Told(message, but=None if burst is None else burst.participant)]

    def _to_ended(self, answer: Answer, message: FloorMessage, now_ms: int) -> Out:
        if message.kind in (Kind.GRANTED, Kind.REVOKE, Kind.QUEUE_POSITION_INFO):
            return self._send(answer.node, answer.number, FloorMessage(Kind.RELEASE, self._ssrc), now_ms)
        whose = next((who for who, (number, _) in self._last.items() if number == answer.number), None)
        return [] if whose is None or message.kind is Kind.DENY else [Told(message, whose)]

    def _ask(self, burst: Burst, node: str | None, now_ms: int) -> Out:
        burst.asked, burst.asked_ms = node, now_ms
        talked_ms = now_ms - burst.began_ms if burst.holding else 0
        return self._send(node, burst.number, burst.request, now_ms, burst.holding, talked_ms)

    def _send(
        self,
        node: str | None,
        number: int,
        message: FloorMessage,
        now_ms: int,
        holding: bool = False,
        talked_ms: int = 0,
    ) -> Out:
        if node is None:
            return []
        before = tuple(
            (other, self._nodes.silent_ms(other, now_ms))
            for other, left_ms in self._before.items()
            if now_ms - left_ms < SERVER.t3_ms and other != node
        )[-BEFORE_MAX:]
        return [Ask(node, self.gateway, number, now_ms, codec.encode(message), holding, talked_ms, before)]

    def _lose(self, burst: Burst, kind: Kind, cause: Denied | Revoked, now_ms: int) -> Out:
        return [*self._end(burst, now_ms), Told(self._message(kind, cause), burst.participant)]

    def _end(self, burst: Burst, now_ms: int) -> Out:
        """It is over here, and the arbiter is told so."""
        self._drop(burst)
        return self._send(burst.asked, burst.number, self._release(burst.request), now_ms)

    def _drop(self, burst: Burst) -> None:
        del self._bursts[burst.number]
        if self._holder is burst:
            self._holder = None
        self._last.pop(burst.participant, None)
        self._last[burst.participant] = burst.number, burst.asked
        if len(self._last) > limits.FLOOR_ASKING_MAX:
            del self._last[next(iter(self._last))]

    def _release(self, message: FloorMessage) -> FloorMessage:
        return FloorMessage(Kind.RELEASE, message.ssrc, user=message.user)

    def _message(self, kind: Kind, cause: Denied | Revoked) -> FloorMessage:
        return FloorMessage(kind, self._ssrc, cause=cause)
