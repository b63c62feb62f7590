"""One link: what this end's bus says, through its carriers, into letters, and back. Pure: bytes and time in, and out by
the pipe and `say`.

A letter is the byte of its kind, the version of the dictionary that it was squeezed with (0: it was not), and its body.
When a link comes up, each end says when it began and which dictionaries it has; the newest that both have is used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from fusioncmd.errors import BadMessage, Problem
from gateways.satellite import dictionary
from gateways.satellite.carrying import Carrier, Kind, Letter, Pipe, Work
from gateways.satellite.classes import LETTER_BYTES_MAX, Class

HEAD_BYTES = 2
HELLO_BYTES = 9
SQUEEZED = (Kind.EXCHANGE, Kind.BEAT, Kind.FLOOR, Kind.WANTS, Kind.TRACK, Kind.STILL)  # the rest is squeezed already
SQUEEZED_BYTES_MIN = 24  # shorter ones come out longer
RELEASED_BYTES_MAX = 2 * LETTER_BYTES_MAX


class Bridge:
    """`say(subject, data)` puts it on the bus of this end. `hear` what `carriers` want, and ask `due` 20 times a
    second. Times are seconds of a clock that nobody sets."""

    def __init__(
        self, pipe: Pipe, carriers: Sequence[Carrier], say: Callable[[str, bytes], None], began_ms: int = 1
    ) -> None:
        """`began_ms` is another for each start of this process."""
        self.carriers, self._pipe, self._say = carriers, pipe, say
        self._hello = bytes((dictionary.newest(),)) + began_ms.to_bytes(8, "big")
        self._their_hello = b""
        self.begun = 0  # how often the other end began anew
        self._by_kind = {kind: carrier for carrier in carriers for kind in carrier.kinds}
        self._theirs = dictionary.newest()  # the newest dictionary of the other end, as far as is known
        self.shed: Counter[Class] = Counter()  # letters for which there was no room
        self.bad = 0  # letters and messages that could not be read
        self.last_bad: Problem | None = None
        self.sent: Counter[Kind] = Counter()  # bytes of letters, by kind
        self.heard: Counter[Kind] = Counter()

    def begin(self, now_s: float) -> None:
        self.turned(self._pipe.up, now_s)

    def turned(self, up: bool, now_s: float) -> None:
        if up:
            self._send(Letter(Class.ORDERS, Kind.HELLO, self._hello))
        for carrier in self.carriers:
            self._do(carrier.turned(up, now_s))

    def from_bus(self, carrier: Carrier, subject: str, data: bytes, now_s: float) -> None:
        try:
            self._do(carrier.from_bus(subject, data, now_s))
        except Problem as problem:
            self._count_bad(problem)

    def from_link(self, letter: bytes, now_s: float) -> None:
        try:
            kind, body = self._opened(letter)
            if kind is Kind.HELLO:
                self._greeted(body, now_s)
                return
            carrier = self._by_kind.get(kind)
            if carrier is None:
                raise BadMessage(f"A letter of kind {kind.name}, which is not carried.", f"不承载 {kind.name} 类信件。")
            self._do(carrier.from_link(kind, body, now_s))
        except Problem as problem:
            self._count_bad(problem)

    def _greeted(self, hello: bytes, now_s: float) -> None:
        if len(hello) != HELLO_BYTES:
            raise BadMessage("A greeting of another length.", "问候信件长度不对。")
        before, self._their_hello, self._theirs = self._their_hello, hello, hello[0]
        if before and before != hello:  # another process: what it was told it does not know
            self.begun += 1
            self.turned(True, now_s)

    def due(self, now_s: float) -> None:
        for carrier in self.carriers:
            self._do(carrier.due(now_s))

    # --- letters

    def _do(self, work: Work) -> None:
        for letter in work.letters:
            self._send(letter)
        self.shed.update(work.shed)
        for publish in work.publishes:
            self._say(publish.subject, publish.data)

    def _send(self, letter: Letter) -> None:
        packed = self._packed(letter)
        if self._pipe.say(letter.cls, packed, letter.lives_s):
            self.sent[letter.kind] += len(packed)
        else:
            self.shed[letter.cls] += 1

    def _packed(self, letter: Letter) -> bytes:
        version = min(self._theirs, dictionary.newest())
        if version and letter.kind in SQUEEZED and len(letter.body) >= SQUEEZED_BYTES_MIN:
            squeezed = dictionary.squeeze(letter.body, version)
            if len(squeezed) < len(letter.body):
                return bytes((letter.kind, version)) + squeezed
        return bytes((letter.kind, 0)) + letter.body

    def _opened(self, letter: bytes) -> tuple[Kind, bytes]:
        try:
            kind, version = Kind(letter[0]), letter[1]
        except (ValueError, IndexError):
            raise BadMessage("A letter of no kind.", "信件类型不明。") from None
        self.heard[kind] += len(letter)
        body = letter[HEAD_BYTES:]
        return kind, dictionary.release(body, version, RELEASED_BYTES_MAX) if version else body

    def _count_bad(self, problem: Problem) -> None:
        self.bad += 1
        self.last_bad = problem
