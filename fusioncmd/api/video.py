"""Video that a node carries: sources, which one is shown to everybody below, and roll calls. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd.api.question import CodeOrNone, Question, Verbs
from fusioncmd.messages import Code, Millis
from fusioncmd.video.bounds import ROLL_PLACES_MAX, ROLLS_MAX
from fusioncmd.video.roll import HOLD_S, WAIT_S, Act, HoldS, RollCall, RollId, Seed, WaitS
from fusioncmd.video.source import Text
from fusioncmd.video.still import STILL_BYTES_MAX, STILL_S_MIN

Address = Annotated[str, Meta(min_length=4, max_length=64)]  # `<dotted path>.<name>`


class SourceLine(Struct, frozen=True):
    """A live source, as `Source` has it; `of`: what a `shown` one shows; `thin`: `live` or `stills` of one over a thin
    link."""

    address: str
    node: Code
    name: str
    title: str
    kind: str
    since_ms: Millis
    number: int
    width: int
    height: int
    place: tuple[float, float] | None
    of: str
    trouble: tuple[str, str]
    thin: str = ""


class Shown(Struct, frozen=True):
    """The node at `node` puts `source` before everybody below, since `since_ms`. `live`: it comes."""

    node: Code
    source: str
    title: str
    by: Text
    since_ms: Millis
    live: bool


class Called(Struct, frozen=True):
    """The place `called`, of which the asker's is part, is called in a roll of the node at `node`."""

    node: Code
    roll: str
    called: Code
    until_ms: Millis
    by: str


class Video(Question["VideoReply"], frozen=True):
    """`video`: what is going on. `node`: sources of that place and below; none: as many as are the asker's."""

    node: CodeOrNone = ""


class VideoReply(Struct, frozen=True):
    """`carried`: this tier has video at all. `sources` are the first of `total`. `shown` is the node's own, `above`
    what nodes above put before this one; `called`: rolls in which the asker's place is called. `may_call`: the asker
    may show sources and call rolls."""

    carried: bool
    now_ms: Millis
    sources: tuple[SourceLine, ...]
    total: int
    shown: Shown | None
    above: tuple[SourceLine, ...]
    roll: RollCall | None
    called: tuple[Called, ...]
    may_call: bool = False


class ShowSource(Question["Shown"], frozen=True):
    """`show`: a source of this node or below is put before everybody below, in place of what was."""

    source: Address


class HideSource(Question["Hidden"], frozen=True):
    """`hide`: nothing is put before anybody any more."""


class Hidden(Struct, frozen=True):
    """`source`: what was shown; empty: nothing."""

    source: str


class BeginRoll(Question[RollCall], frozen=True):
    """`roll-begin`: `places` are called one after the other; or `count` towns below `within`, drawn by `seed`, or by
    one that the node makes."""

    places: Annotated[tuple[Code, ...], Meta(max_length=ROLL_PLACES_MAX)] = ()
    count: Annotated[int, Meta(ge=0, le=ROLL_PLACES_MAX)] = 0
    within: CodeOrNone = ""
    seed: Seed = ""
    wait_s: WaitS = WAIT_S
    hold_s: HoldS = HOLD_S


class TurnRoll(Question[RollCall], frozen=True):
    """`roll-turn`: what is said of the place that is called. `place`: which one is meant, so that nothing is said of
    the next by mistake; empty: whichever is called."""

    act: Act
    roll: Annotated[str, Meta(pattern=r"\A([0-9A-Z]{26})?\Z")] = ""
    place: CodeOrNone = ""


class Rolls(Question["RollsReply"], frozen=True):
    """`rolls`: the newest first."""

    limit: Annotated[int, Meta(ge=1, le=ROLLS_MAX)] = 20


class RollLine(Struct, frozen=True):
    """`counts`: places by outcome."""

    id: str
    by: str
    begun_ms: Millis
    over_ms: Millis
    seed: str
    counts: dict[str, int]


class RollsReply(Struct, frozen=True):
    lines: tuple[RollLine, ...]


class RollReport(Question[RollCall], frozen=True):
    """`roll`: one roll, whole: who was present, and when."""

    roll: RollId


class AskStill(Question["StillReply"], frozen=True):
    """`still`: the last still of a source over a thin link; a new one each `every_s`, while that is asked."""

    source: Address
    every_s: Annotated[int, Meta(ge=STILL_S_MIN, le=3_600)] = 10


class StillReply(Struct, frozen=True):
    """`data`: WebP; empty, and `at_ms` 0, where none has come yet. `at_ms`: when the picture was seen, by the node's
    clock; `now_ms` is that clock."""

    address: str
    now_ms: Millis
    at_ms: Millis
    width: int
    height: int
    data: Annotated[bytes, Meta(max_length=STILL_BYTES_MAX)]


VERBS: Verbs = {
    Video: ("video", VideoReply),
    ShowSource: ("show", Shown),
    HideSource: ("hide", Hidden),
    BeginRoll: ("roll-begin", RollCall),
    TurnRoll: ("roll-turn", RollCall),
    Rolls: ("rolls", RollsReply),
    RollReport: ("roll", RollCall),
    AskStill: ("still", StillReply),
}
