"""Is the node there, how is it, and how are its links. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fusioncmd.api.question import Question, Verbs
from fusioncmd.satellite import LinkFacts


class Health(Question["HealthReply"], frozen=True):
    """`health`: is the node there, and how is it."""


LinkState = Literal["up", "deaf", "cut", "mute"]


class LinkLine(Struct, frozen=True):
    """A link to the node above or to one below. `deaf`: that node is heard and does not hear this one; `mute`: it
    is up, and no canary comes back from below."""

    peer: str
    state: LinkState
    since_ms: int  # since when it is in that state
    round_trip_ms: int | None  # of the last beat that was answered
    satellite: LinkFacts | None = None  # of a link over a satellite


class HealthReply(Struct, frozen=True):
    node: str
    version: str
    people: int | None  # these four of the asker's place, and None to whoever is not logged in
    towns: int | None
    orders: int | None
    reachable: int | None
    gateways: tuple[str, ...]
    ready_s: float  # from process start to ready
    caught_up: bool  # the ledger has folded all that is stored
    now_ms: int
    problems: tuple[str, ...]  # in English
    links: tuple[LinkLine, ...] = ()
    problems_zh: tuple[str, ...] = ()  # the same; none from a node of an older version


VERBS: Verbs = {Health: ("health", HealthReply)}
