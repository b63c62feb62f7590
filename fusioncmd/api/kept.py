"""Video that was kept: found, fetched by segments, pinned, and which sources are kept at all. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Code, Millis
from fusioncmd.video.keeping_bounds import BATCH_MAX, CHOSEN_MAX, CUT_SEGMENTS_MAX, FOUND_MAX, PART_BYTES_MAX
from fusioncmd.video.kept import Digest, Id, Name, Pin, Segment

Chosen = Annotated[str, Meta(pattern=r"\A[0-9]{2,12}(\.[A-Za-z][A-Za-z0-9_-]{0,31})?\Z")]


class Footage(Question["FootageReply"], frozen=True):
    """`video_kept`: what was kept from `from_ms` until before `until_ms` of `node` (and below) and `source` (empty:
    any), and what is missing. Times in ms since 1970."""

    from_ms: Millis
    until_ms: Millis
    node: CodeOrNone = ""
    source: Annotated[str, Meta(max_length=32)] = ""
    limit: Annotated[int, Meta(ge=1, le=FOUND_MAX)] = 100


class FootageLine(Struct, frozen=True):
    """One source for one stretch. `cause` is empty where it was kept, with `bytes` in `segments`; else why it is
    missing (`kept.CAUSES`). `lost`: packets that did not come. `off_ms`: how far its clock was wrong, where it was."""

    node: Code
    source: Name
    title: str
    kind: str
    begin_ms: int
    end_ms: int
    cause: str
    bytes: int = 0
    segments: int = 0
    lost: int = 0
    pinned: bool = False
    off_ms: int = 0


class FootageReply(Struct, frozen=True):
    """Source by source, each in the order of time. `more`: there are others; the time has to be shorter."""

    lines: tuple[FootageLine, ...]
    more: bool


class FootageCut(Question["FootageSegments"], frozen=True):
    """`video_cut`: the segments of which a file of one source is made, from `from_ms` until before `until_ms`."""

    node: Code
    source: Name
    from_ms: Millis
    until_ms: Millis


class FootageSegments(Struct, frozen=True):
    """In their order, of one codec, with what is before `from_ms` as far as a player needs it. `missing`: stretches of
    that time that are not kept; also what another codec has, as `codec`."""

    segments: Annotated[tuple[Segment, ...], Meta(max_length=CUT_SEGMENTS_MAX)]
    missing: tuple[FootageLine, ...]


class FootagePart(Question["FootageBytes"], frozen=True):
    """`video_part`: bytes of a segment from `offset` on."""

    id: Id
    offset: Annotated[int, Meta(ge=0)] = 0


class FootageBytes(Struct, frozen=True):
    data: Annotated[bytes, Meta(max_length=PART_BYTES_MAX)]
    total: int


class FootageProof(Question["FootageProved"], frozen=True):
    """`video_proof`: with which others a segment's digest was put into the audit."""

    id: Id


class FootageProved(Struct, frozen=True):
    """`root` (`kept.root_of` of the members) is what an entry `video` of the audit is about; empty where it is not
    there yet, which takes a minute."""

    root: str
    members: Annotated[tuple[tuple[Id, Digest], ...], Meta(max_length=BATCH_MAX)]


class PinFootage(Question["Pinned"], frozen=True):
    """`video_pin`: never shed what was kept of that time (`on` False: it may be shed again). `source` empty: all of the
    node and below."""

    node: Code
    from_ms: Millis
    until_ms: Millis
    source: Annotated[str, Meta(max_length=32)] = ""
    on: bool = True


class Pinned(Struct, frozen=True):
    """All pins that hold, of the places of whoever asks; `segments` and `bytes`: what this one concerns."""

    pins: tuple[Pin, ...]
    segments: int
    bytes: int


class KeepFootage(Question["Keeping"], frozen=True):
    """`video_keep`: record a place (all below) or `<code>.<source>` always; `on` False: only while orders run. Without
    `what`, how it stands."""

    what: Annotated[tuple[Chosen, ...], Meta(max_length=CHOSEN_MAX)] = ()
    on: bool = True


class Keeping(Struct, frozen=True):
    """`running`: places of the orders that run, whose sources are kept now. `keeps`: how many sources the recorder
    keeps, None where it did not say so lately."""

    chosen: tuple[str, ...]
    running: tuple[str, ...]
    keeps: int | None


class FetchFootage(Question["Fetching"], frozen=True):
    """`video_fetch`: what was kept below of one source, from `from_ms` until before `until_ms`, is to come over a thin
    link; `idle`: when nothing else uses it; `on` False: not any more. Without `node`, how it stands."""

    node: CodeOrNone = ""
    source: Annotated[str, Meta(max_length=32)] = ""
    from_ms: Millis = 0
    until_ms: Millis = 0
    idle: bool = False
    on: bool = True


class Wish(Struct, frozen=True):
    """What is to be fetched; by whom it was wished, and when."""

    node: Code
    source: Name
    from_ms: Millis
    until_ms: Millis
    idle: bool
    by: Annotated[str, Meta(max_length=256)]
    at_ms: Millis

    @property
    def key(self) -> str:
        return f"{self.node}.{self.source} {self.from_ms} {self.until_ms}"


class Fetched(Struct, frozen=True):
    """How far a wish is: segments that are known below, those of them that are here, and their bytes."""

    segments: int = 0
    here: int = 0
    bytes: int = 0
    bytes_here: int = 0


class WishLine(Struct, frozen=True):
    """`known`: the index of below has come as far as that; else nobody knows yet what there is."""

    wish: Wish
    fetched: Fetched
    known: bool


class Fetching(Struct, frozen=True):
    lines: tuple[WishLine, ...]


VERBS: Verbs = {
    Footage: ("video_kept", FootageReply),
    FootageCut: ("video_cut", FootageSegments),
    FootagePart: ("video_part", FootageBytes),
    FootageProof: ("video_proof", FootageProved),
    PinFootage: ("video_pin", Pinned),
    KeepFootage: ("video_keep", Keeping),
    FetchFootage: ("video_fetch", Fetching),
}
