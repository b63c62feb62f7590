"""A still: one picture of a source, where a thin link affords no more; as a message on the bus. Pure.

WebP: at the same bytes closer to the picture than JPEG. AVIF is closer still, but the AV1 encoder that there is
(SVT-AV1) gives who calls it, if that is root, real-time priority before all else on the machine. Small first, larger
after it where the link is idle. How old it is goes with it, and no time of day: clocks of kits are not to be relied on.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta, Struct

from fusioncmd.codes import parse
from fusioncmd.errors import BadInput, BadMessage
from fusioncmd.messages import Code
from fusioncmd.video import subjects

STILL_BYTES_MAX = 24 * 1024  # of one; reject
STILLS_MAX = 256  # sources of which the last one is held at a node; shed, the oldest
STILL_S_MIN = 2  # a still each so often, at most
KEPT_S = 24 * 3_600.0  # then it is forgotten


class Still(Struct, frozen=True, array_like=True, tag="still.1"):
    """`number` counts the source's stills: those of one moment, small and large, have the same. `age_ms`: how long ago
    it was seen when this was said."""

    node: Code
    name: Annotated[str, Meta(min_length=1, max_length=32)]
    number: Annotated[int, Meta(ge=0, lt=1 << 53)]
    width: Annotated[int, Meta(gt=0, le=4_096)]
    height: Annotated[int, Meta(gt=0, le=4_096)]
    age_ms: Annotated[int, Meta(ge=0, lt=1 << 53)]
    data: Annotated[bytes, Meta(min_length=1, max_length=STILL_BYTES_MAX)]


encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Still)


def decode(data: bytes) -> Still:
    """Raises BadMessage."""
    if len(data) <= STILL_BYTES_MAX + 256:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            pass
    raise BadMessage("Not a still of video.", "不是视频静态画面。")


class Seen(NamedTuple):
    """`at_ms`: when the picture was seen, by the clock of whoever holds it."""

    still: Still
    at_ms: int


class StillsHeard:
    """The last still of each source. Of one moment, the larger one stays."""

    def __init__(self) -> None:
        self._held: dict[str, Seen] = {}  # by address; who was heard last stands last
        self.shed = self.refused = 0

    def take(self, subject: str, data: bytes, now_ms: int) -> None:
        """What lies on `fc.video.….still`; what is none, or another source's, is counted."""
        try:
            still = decode(data)
            path, name = subjects.source_of(subject)
        except BadInput:
            self.refused += 1
            return
        if (parse(still.node), still.name) != (path, name):
            self.refused += 1
            return
        address = f"{path.dotted}.{name}"
        known = self._held.pop(address, None)
        if known is not None and known.still.number == still.number and known.still.width > still.width:
            self._held[address] = known
            return
        if len(self._held) >= STILLS_MAX:
            del self._held[next(iter(self._held))]
            self.shed += 1
        self._held[address] = Seen(still, now_ms - still.age_ms)

    def find(self, address: str, now_ms: int) -> Seen | None:
        found = self._held.get(address)
        if found is not None and now_ms - found.at_ms > KEPT_S * 1_000:
            del self._held[address]
            return None
        return found
