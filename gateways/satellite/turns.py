"""What goes into the next packet: letters that wait, by class, strictly ordered, each class with its floor. Pure.

It is asked once for each packet, when the line is free for it, and hands out no more than that packet takes. So what
comes meanwhile in a higher class waits for the packet that is on the line, and for no second one: a class that is owed
its floor goes first only where the packet before was not of a lower class than what waits.

A letter goes whole in a datagram (VOICE) or, with its length before it, into the stream of its class. Those of streams
are kept until the other end has them: a connection that is replaced by another begins with them again. So a letter may
come twice over two connections, and never out of order within its class on one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fusioncmd.errors import BadMessage
from fusioncmd.exchange import varints
from gateways.satellite.classes import DATAGRAM_BYTES_MAX, FLOORS, LETTER_BYTES_MAX, WAITING_BYTES_MAX, Class

STREAM_FRAME_BYTES = 13  # before the bytes of a class in a packet: type, stream, offset, length (RFC 9000, 19.8)
DATAGRAM_FRAME_BYTES = 3  # before a datagram (RFC 9221)
STREAMED: tuple[Class, ...] = tuple(cls for cls in Class if cls is not Class.VOICE)
OLDEST_SHED = (Class.VOICE, Class.VIDEO)


@dataclass(slots=True)
class Waiting:
    framed: bytes  # with its length before it, but for a datagram
    early: bool  # may be said before the handshake is over
    dies_s: float | None
    gone: int = 0  # bytes that were handed out

    @property
    def left(self) -> int:
        return len(self.framed) - self.gone


class Turns:
    def __init__(self) -> None:
        self._waiting: dict[Class, deque[Waiting]] = {cls: deque() for cls in Class}
        self._bytes = dict.fromkeys(Class, 0)
        self._sent: dict[Class, deque[tuple[int, Waiting]]] = {
            cls: deque() for cls in STREAMED
        }  # (its end, the letter)
        self._offset = dict.fromkeys(STREAMED, 0)  # bytes of the class handed out on this connection
        self._credit: dict[Class, float] = dict.fromkeys(FLOORS, 0.0)
        self._led: Class | None = None
        self.shed = dict.fromkeys(Class, 0)  # letters that found no room, or died before they were said

    def waiting(self, cls: Class) -> int:
        return self._bytes[cls]

    def __bool__(self) -> bool:
        return any(self._waiting.values())

    @property
    def has_early(self) -> bool:
        return any(letter.early for letter in self._waiting[Class.ORDERS])

    @property
    def first_datagram_bytes(self) -> int:
        """Of the letter of VOICE that goes next; 0: none waits."""
        waiting = self._waiting[Class.VOICE]
        return len(waiting[0].framed) if waiting else 0

    @property
    def urgent(self) -> bool:
        return bool(self._waiting[Class.VOICE] or self._waiting[Class.ORDERS] or self._sent[Class.ORDERS])

    def say(self, cls: Class, letter: bytes, lives_s: float | None, now_s: float, early: bool = False) -> bool:
        """False when it found no room, or is too long."""
        if len(letter) > (DATAGRAM_BYTES_MAX if cls is Class.VOICE else LETTER_BYTES_MAX) or not letter:
            self.shed[cls] += 1
            return False
        framed = letter if cls is Class.VOICE else frame(letter)
        waiting = self._waiting[cls]
        self._drop_dead(cls, now_s)
        while cls in OLDEST_SHED and waiting and self._bytes[cls] + len(framed) > WAITING_BYTES_MAX[cls]:
            if waiting[0].gone:  # its beginning is on the way
                break
            self._drop(cls, waiting.popleft())
        if self._bytes[cls] + len(framed) > WAITING_BYTES_MAX[cls]:
            self.shed[cls] += 1
            return False
        waiting.append(Waiting(framed, early, None if lives_s is None else now_s + lives_s))
        self._bytes[cls] += len(framed)
        return True

    def take(
        self, now_s: float, room: int, again: Mapping[Class, int], *, early: bool = False
    ) -> tuple[list[Class], list[tuple[Class, bytes]]]:
        """The order of classes in the next packet, and what of them is new. `room`: bytes it has for frames; `again`:
        bytes by class that were lost, and go before what is new. `early`: only what may go before the handshake.
        """
        for cls in Class:
            self._drop_dead(cls, now_s)
        order = self._order(room, again)
        given: list[tuple[Class, bytes]] = []
        for cls in order:
            if early and cls is not Class.ORDERS:
                continue
            if cls is Class.VOICE:
                room = self._take_datagrams(room, given)
                continue
            room -= STREAM_FRAME_BYTES + min(again.get(cls, 0), room)
            if room > 0 and (data := self._take_bytes(cls, room, early, now_s)):
                given.append((cls, data))
                room -= len(data)
            if room <= 0:
                break
        return order, given

    def went(self, bytes_by_class: Mapping[Class, int], order: list[Class]) -> None:
        """A packet went with so many bytes of each class: what the others are owed."""
        total = sum(bytes_by_class.values())
        if not total:
            return
        self._led = next((cls for cls in order if bytes_by_class.get(cls)), None)
        for cls, share in FLOORS.items():
            if not self._waiting[cls] and not bytes_by_class.get(cls):
                self._credit[cls] = 0.0
                continue
            owed = self._credit[cls] + total * share / 1000 - bytes_by_class.get(cls, 0)
            self._credit[cls] = min(max(owed, -float(total)), 4 * total)

    def acked(self, cls: Class, offset: int) -> None:
        """The other end has all bytes of the class up to there: their letters need not be kept."""
        sent = self._sent[cls]
        while sent and sent[0][0] <= offset:
            sent.popleft()

    def begin_again(self) -> None:
        """On another connection: what the other end may not have goes first, whole."""
        for cls in STREAMED:
            kept = [letter for _, letter in self._sent[cls]]
            if self._waiting[cls] and self._waiting[cls][0].gone:
                kept.append(self._waiting[cls].popleft())
            self._sent[cls].clear()
            for letter in reversed(kept):
                letter.gone = 0
                self._waiting[cls].appendleft(letter)
            self._bytes[cls] = sum(letter.left for letter in self._waiting[cls])
            self._offset[cls] = 0

    def _order(self, room: int, again: Mapping[Class, int]) -> list[Class]:
        order = [cls for cls in Class if self._waiting[cls] or again.get(cls)]
        if len(order) > 1 and (self._led is None or self._led <= order[0]):
            for cls in order[1:]:
                if self._credit[cls] >= min(room, self._bytes[cls] + again.get(cls, 0)):
                    order.remove(cls)
                    order.insert(0, cls)
                    break
        return order

    def _take_datagrams(self, room: int, given: list[tuple[Class, bytes]]) -> int:
        waiting = self._waiting[Class.VOICE]
        while waiting and len(waiting[0].framed) + DATAGRAM_FRAME_BYTES <= room:
            letter = waiting.popleft()
            self._bytes[Class.VOICE] -= len(letter.framed)
            room -= len(letter.framed) + DATAGRAM_FRAME_BYTES
            given.append((Class.VOICE, letter.framed))
        return room

    def _take_bytes(self, cls: Class, room: int, early: bool, now_s: float) -> bytes:
        taken = bytearray()
        waiting, passed = self._waiting[cls], list[Waiting]()
        while waiting and len(taken) < room:
            letter = waiting[0]
            if early and not letter.early:
                passed.append(waiting.popleft())
                continue
            piece = letter.framed[letter.gone : letter.gone + room - len(taken)]
            taken += piece
            letter.gone += len(piece)
            if not letter.left:
                waiting.popleft()
                self._sent[cls].append((self._offset[cls] + len(taken), letter))
                self._drop_dead(cls, now_s)
        begun = [waiting.popleft()] if passed and waiting and waiting[0].gone else []  # nothing goes in between
        waiting.extendleft(reversed(begun + passed))
        self._bytes[cls] -= len(taken)
        self._offset[cls] += len(taken)
        return bytes(taken)

    def _drop_dead(self, cls: Class, now_s: float) -> None:
        """Of those that have a time, the oldest first: they came in that order."""
        waiting = self._waiting[cls]
        while waiting and not waiting[0].gone and waiting[0].dies_s is not None and waiting[0].dies_s < now_s:
            self._drop(cls, waiting.popleft())

    def _drop(self, cls: Class, letter: Waiting) -> None:
        self._bytes[cls] -= letter.left
        self.shed[cls] += 1


def frame(letter: bytes) -> bytes:
    out = bytearray()
    varints.put(out, len(letter))
    return bytes(out) + letter


class Unframing:
    """Bytes of a stream in, letters out; `BadMessage` for a letter longer than any may be: the stream is at an end."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterable[bytes]:
        self._buffer += data
        letters = []
        while self._buffer:
            reader = varints.Reader(bytes(self._buffer[: varints.VARINT_BYTES_MAX]))
            try:
                length = reader.varint()
            except BadMessage:
                if reader.at >= varints.VARINT_BYTES_MAX:
                    raise
                break  # its last byte has not come
            if not 0 < length <= LETTER_BYTES_MAX:
                raise BadMessage("A letter of a length that none may have.", "信件长度不合规范。")
            if len(self._buffer) < reader.at + length:
                break
            letters.append(bytes(self._buffer[reader.at : reader.at + length]))
            del self._buffer[: reader.at + length]
        return letters
