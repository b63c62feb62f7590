"""A tier node's seat at one talkgroup: when it arbitrates, and what it answers to gateways. Pure.

It takes the chair when it has heard no better node for SILENT_MS, and leaves it at the first beacon of one. Nothing is
handed over: gateways ask whoever arbitrates now, each says what it holds, and that burst goes on if the floor is free.
Whoever is heard speaking by the word of another arbiter keeps the floor from being granted here until that word has
lapsed for certain (HOLD_MS after the gateway asked for the last time, by a clock a twelfth slower).
"""

from __future__ import annotations

from fusioncmd.errors import BadMessage
from fusioncmd.floor import codec
from fusioncmd.floor.arbiter import Arbiter, Said
from fusioncmd.floor.frames import Answer, Ask, Beacon, Frame, from_key, key
from fusioncmd.floor.messages import POSITION_SECRET, FloorMessage, Indicator, Kind
from fusioncmd.floor.queue import Asker
from fusioncmd.floor.sides import Nodes
from fusioncmd.floor.timers import BEACON_MS, SERVER, SILENT_MS, STANDING_MS, ServerTimers

NEVER_MS = -(1 << 60)
FOREIGN_MAX = 64  # bursts by others' word that are known; beyond, the longest counts for all


class Seat:
    """Of `node`, at a talkgroup that belongs to `home`. It says nothing until whatever it granted before it was
    started has lapsed. `listens_ms`: since when it would hear a better node, where that is later.
    """

    def __init__(
        self, node: str, home: str, ssrc: int, now_ms: int, timers: ServerTimers = SERVER, listens_ms: int = NEVER_MS
    ) -> None:
        self.node = node
        self.arbiter: Arbiter | None = None  # while it arbitrates
        self.refused = 0  # asks with something in them that is no floor control message
        self._ssrc, self._timers = ssrc, timers
        self._nodes = Nodes(home)
        self._ready_ms = now_ms + timers.t3_ms
        # When a better node was heard for the last time, or may have been there unheard.
        self._better_ms = max(self._ready_ms - SILENT_MS, listens_ms)
        self._beacon_ms = self._ready_ms
        self._standing_ms = 0  # who speaks is told again: to gateways that came late or missed it
        self._foreign: dict[str, int] = {}  # bursts by others' word, and until when they may go on
        self._stamps: dict[str, int] = {}  # of each burst that speaks or waits here, its last

    def hear(self, beacon: Beacon, now_ms: int) -> None:
        if beacon.node == self.node:
            return
        self._nodes.hear(beacon.node, now_ms)
        if self._nodes.better_than(self.node, now_ms):
            self._better_ms = now_ms
            self.arbiter = None
            self._stamps.clear()

    def ask(self, ask: Ask, now_ms: int) -> list[Frame]:
        """A gateway asks: this node, or another one, which tells this node who speaks."""
        burst = key(ask.gateway, ask.number)
        try:
            message = codec.decode(ask.message)
        except BadMessage:
            self.refused += 1
            return []
        if message.kind is Kind.RELEASE:
            self._foreign.pop(burst, None)
        elif ask.holding:
            self._keep_foreign(burst, now_ms)
        if ask.to != self.node or self.arbiter is None:
            return []
        self._stamps[burst] = max(ask.stamp_ms, self._stamps.get(burst, 0))
        self.arbiter.withheld_ms = self._withheld_ms(burst, now_ms)
        return self._answers(self._said(ask, message, burst, now_ms), now_ms)

    def tick(self, now_ms: int) -> list[Frame]:
        """To be called at least each 100 ms."""
        out: list[Frame] = []
        if now_ms >= self._ready_ms and self.arbiter is None and now_ms - self._better_ms >= SILENT_MS:
            self.arbiter = Arbiter(self._ssrc, now_ms, self._timers)
        if now_ms >= self._beacon_ms:
            self._beacon_ms = now_ms + BEACON_MS
            out.append(Beacon(self.node))
        if self.arbiter is not None:
            first = self.arbiter.queue.first()
            self.arbiter.withheld_ms = self._withheld_ms("" if first is None else first.key, now_ms)
            said = self.arbiter.tick(now_ms)
            if self.arbiter.speaker is not None and now_ms >= self._standing_ms:
                said.append(self.arbiter.standing())
                self._standing_ms = now_ms + STANDING_MS
            out += self._answers(said, now_ms)
        return out

    def _said(self, ask: Ask, message: FloorMessage, burst: str, now_ms: int) -> list[Said]:
        assert self.arbiter is not None
        match message.kind:
            case Kind.REQUEST:
                queueing = message.indicator is not None and Indicator.QUEUEING in message.indicator
                if not ask.holding and not all(self._nodes.as_near(*left, now_ms) for left in ask.before):
                    return [self._later(burst)] if queueing else []
                asker = Asker(
                    burst, message.user or "", message.ssrc, message.priority or 0, queueing, ask.holding, ask.talked_ms
                )
                return self.arbiter.request(asker, now_ms)
            case Kind.RELEASE:
                return self.arbiter.release(burst, now_ms)
            case Kind.QUEUE_POSITION_REQUEST:
                return [self.arbiter.where(burst)]
            case _:
                return []

    def _later(self, burst: str) -> Said:
        """It comes from a side that was not heard until lately: somebody may be speaking there who has not asked here
        yet. It asks again (WAIT_MS), and after T3 at most nobody is."""
        return Said(FloorMessage(Kind.QUEUE_POSITION_INFO, self._ssrc, position=POSITION_SECRET), burst)

    def _keep_foreign(self, burst: str, now_ms: int) -> None:
        self._foreign = {other: until for other, until in self._foreign.items() if until > now_ms}
        if len(self._foreign) < FOREIGN_MAX or burst in self._foreign:
            self._foreign[burst] = now_ms + self._timers.t3_ms
        else:
            self._foreign[max(self._foreign, key=self._foreign.__getitem__)] = now_ms + self._timers.t3_ms

    def _withheld_ms(self, burst: str, now_ms: int) -> int:
        """Until when nothing is granted to `burst`: as long as another one, not the speaker here, may go on."""
        assert self.arbiter is not None
        speaker = self.arbiter.speaker
        mine = {burst} if speaker is None else {burst, speaker.key}
        return max((until for other, until in self._foreign.items() if other not in mine), default=0)

    def _answers(self, said: list[Said], now_ms: int) -> list[Frame]:
        assert self.arbiter is not None
        out: list[Frame] = []
        for one in said:
            about = one.to or one.but
            gateway, number = from_key(about) if about else ("", 0)
            stamp = self._stamps.get(about, 0) if about else 0
            out.append(Answer(self.node, gateway, number, stamp, codec.encode(one.message), one.to is None))
        speaking = set() if self.arbiter.speaker is None else {self.arbiter.speaker.key}
        alive = speaking | {asker.key for asker in self.arbiter.queue.waiting()}
        self._stamps = {burst: stamp for burst, stamp in self._stamps.items() if burst in alive}
        return out
