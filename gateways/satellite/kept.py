"""Recorded video over a thin link, when it is asked for: what the recorder above asks goes down, what the kit
answers comes up, sized to the link. Pure.

Nothing waits in the pipe that could wait here, so that a still or a newer question passes. What is asked for when the
link is idle (`AskBytes.idle`) goes while nothing else waits. After a cut the hub asks again what was not answered.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Sequence

from fusioncmd.errors import BadMessage
from fusioncmd.video import copying, subjects
from fusioncmd.video.copying import AskBytes, AskRows, Bytes, Here, Message, Rows, encode
from gateways.satellite.carrying import Kind, Letter, Link, Publish, Work
from gateways.satellite.classes import LETTER_BYTES_MAX, Class

HERE_S, GONE_S = 10.0, 35.0  # a recorder says so often that it is there; silent for longer, it is not
TOLD_S = 600.0  # and over the link so often
PIPE_BYTES = 12 * 1024  # of this class that wait in the pipe; the rest waits here
ASKED_MAX = 16  # questions that are not answered; shed, the oldest: it is asked again
SAID_MAX = 16  # answers that wait; the same
AGAIN_S = 60.0  # a question that was not answered is asked again
_PLAIN, _SHORTER, _GONE = b"\0", b"\1", b"\2"  # the first byte of a letter


class KitKept:
    """The kit's end."""

    kinds: Sequence[Kind] = (Kind.KEPT,)

    def __init__(self, link: Link) -> None:
        self._link = link
        self._asks, self._says = subjects.kept_ask(link.kit), subjects.kept_said(link.kit)
        self._idle: dict[int, bool] = {}  # by number: what was asked, and whether it may wait
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._up = False
        self._heard_s: float | None = None  # the recorder
        self._told_s: float | None = None  # over the link, that it is there
        self.refused = self.shed = 0

    def hears(self) -> Sequence[str]:
        return (self._says,)

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        try:
            said = copying.decode(data)
        except BadMessage:
            self.refused += 1
            return Work()
        if isinstance(said, Here):
            self._heard_s = now_s
        elif isinstance(said, Rows | Bytes) and said.number in self._idle and self._up:
            if said.number in (number for number, _ in self._waiting):  # the hub asked anew while it waits
                return self.due(now_s)
            if len(self._waiting) >= SAID_MAX:
                self._waiting.popleft()
                self.shed += 1
            self._waiting.append((said.number, data))
        return self.due(now_s)

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        asked = _read(body)
        if not isinstance(asked, AskRows | AskBytes):
            raise BadMessage("Not a question about copies of video.", "不是录像副本请求。")
        if len(self._idle) >= ASKED_MAX:
            del self._idle[next(iter(self._idle))]
            self.shed += 1
        self._idle[asked.number] = isinstance(asked, AskBytes) and asked.idle
        return Work(publishes=[Publish(self._asks, encode(asked))])

    def turned(self, up: bool, now_s: float) -> Work:
        self._up, self._told_s = up, None
        self._idle.clear()
        self._waiting.clear()
        return self.due(now_s)

    def due(self, now_s: float) -> Work:
        work = Work()
        if not self._up:
            return work
        here = self._heard_s is not None and now_s - self._heard_s < GONE_S
        if here and (self._told_s is None or now_s - self._told_s >= TOLD_S):
            self._told_s = now_s
            work.letters.append(_letter(_PLAIN + encode(Here(self._link.kit.code))))
        elif not here and self._told_s is not None:
            self._told_s = None
            work.letters.append(_letter(_GONE))
        room = PIPE_BYTES - self._link.waiting(Class.CLIPS)
        while self._waiting and room > 0 and self._may_go(self._waiting[0][0]):
            number, data = self._waiting.popleft()
            self._idle.pop(number, None)
            shorter = zlib.compress(data, 6)
            body = _SHORTER + shorter if len(shorter) < len(data) * 0.95 else _PLAIN + data
            room -= len(body)
            work.letters.append(_letter(body))
        return work

    def _may_go(self, number: int) -> bool:
        return not self._idle.get(number) or not any(self._link.waiting(cls) for cls in Class)


class HubKept:
    """The hub's end."""

    kinds: Sequence[Kind] = (Kind.KEPT,)

    def __init__(self, link: Link) -> None:
        self._code = link.kit.code
        self._asks, self._says = subjects.kept_ask(link.kit), subjects.kept_said(link.kit)
        self._open: dict[int, tuple[bytes, float]] = {}  # by number: what is not answered, and when it was asked
        self._up = self._here = False
        self._said_s = 0.0
        self.refused = self.shed = 0

    def hears(self) -> Sequence[str]:
        return (self._asks,)

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work:
        work = Work()
        try:
            asked = copying.decode(data)
        except BadMessage:
            self.refused += 1
            return work
        if isinstance(asked, AskRows | AskBytes):
            if len(self._open) >= ASKED_MAX:
                del self._open[next(iter(self._open))]
                self.shed += 1
            self._open[asked.number] = (data, now_s)
            if self._up:
                work.letters.append(_letter(_PLAIN + data))
        return work

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work:
        work = Work()
        if body == _GONE:
            self._here = False
            return work
        said = _read(body)
        if isinstance(said, Here):
            if said.code != self._code:
                raise BadMessage("Not the recorder of this kit.", "并非该四合一装备的录像程序。")
            self._here = True
            self._say_here(now_s, work)
        elif isinstance(said, Rows | Bytes):
            if self._open.pop(said.number, None) is not None:
                work.publishes.append(Publish(self._says, encode(said)))
        else:
            raise BadMessage("Not an answer about copies of video.", "不是录像副本应答。")
        return work

    def turned(self, up: bool, now_s: float) -> Work:
        self._up, self._here = up, False
        work = Work()
        if up:
            self._again(now_s, 0.0, work)
        return work

    def due(self, now_s: float) -> Work:
        work = Work()
        if self._up and self._here and now_s - self._said_s >= HERE_S:
            self._say_here(now_s, work)
        if self._up:
            self._again(now_s, AGAIN_S, work)
        return work

    def _again(self, now_s: float, after_s: float, work: Work) -> None:
        for number, (data, at_s) in self._open.items():
            if now_s - at_s >= after_s:
                self._open[number] = (data, now_s)
                work.letters.append(_letter(_PLAIN + data))

    def _say_here(self, now_s: float, work: Work) -> None:
        self._said_s = now_s
        work.publishes.append(Publish(self._says, encode(Here(self._code, thin=True))))


def _letter(body: bytes) -> Letter:
    return Letter(Class.CLIPS, Kind.KEPT, body)


def _read(body: bytes) -> Message:
    """Raises BadMessage."""
    data = body[1:]
    if body[:1] == _SHORTER:
        opened = zlib.decompressobj()
        try:
            data = opened.decompress(data, copying.SAID_BYTES_MAX + 1)
        except zlib.error:
            raise BadMessage("Not a message about copies of video.", "不是录像副本消息。") from None
    elif body[:1] != _PLAIN:
        raise BadMessage("Not a message about copies of video.", "不是录像副本消息。")
    return copying.decode(data)


assert copying.SAID_BYTES_MAX < LETTER_BYTES_MAX
