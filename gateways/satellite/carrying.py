"""How one kind of traffic goes over a thin link: messages of the bus in, letters out, and back. Pure.

The bridge (bridge.py) holds one carrier for each kind and end of a link. A carrier knows what may be left out, said
later or made smaller; the pipe knows the classes, the rate and the path, and nothing of what it carries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, Protocol

from fusioncmd.codes import Path
from gateways.satellite.classes import Class

Side = Literal["kit", "hub"]  # the lower end, and the upper


class Kind(IntEnum):
    """The first byte of a letter."""

    HELLO = 0  # the bridge's own: who this end is, and which dictionaries it has
    EXCHANGE = 1  # messages of the exchange between the two tiers
    BEAT = 2  # that they hear each other, and who is reachable
    VOICE = 3
    FLOOR = 4
    WANTS = 5  # which talkgroups and sources somebody at the other end listens to or looks at
    TRACK = 6
    VIDEO = 7
    KEPT = 8  # recorded video that is asked for
    STILL = 9


class Letter(NamedTuple):
    """What is said over the link. `lives_s`: not worth sending after so long; None: always."""

    cls: Class
    kind: Kind
    body: bytes
    lives_s: float | None = None


class Publish(NamedTuple):
    """What is said on the bus of this end."""

    subject: str
    data: bytes


@dataclass(slots=True)
class Work:
    """`shed`: for each letter that was not made, for the link has no room for it, its class."""

    letters: list[Letter] = field(default_factory=list)
    publishes: list[Publish] = field(default_factory=list)
    shed: list[Class] = field(default_factory=list)


def _geostationary() -> float:
    return 0.6


class Link(NamedTuple):
    """What a carrier is told when it is made. `waiting(cls)`: bytes of that class that wait here to be sent;
    `rate_bps`: what the link takes now, of everything; `trip_s`: there and back; `began_ms`: when this process began,
    since 1970. What this end says on its bus it does not hear itself; another link of the same hub does."""

    side: Side
    node: Path  # of this end
    kit: Path  # of the lower end
    waiting: Callable[[Class], int]
    rate_bps: Callable[[], int]
    trip_s: Callable[[], float] = _geostationary
    began_ms: int = 1


class Carrier(Protocol):
    """One kind at one end. Times are seconds of a clock that nobody sets. Whoever sends what cannot be read loses that
    letter: a carrier raises BadMessage, and the bridge counts it."""

    @property
    def kinds(self) -> Sequence[Kind]: ...

    def hears(self) -> Sequence[str]:
        """Subjects of this end's bus (account of links). Asked again after each `due`, for what somebody at the other
        end wants changes: what is new in it is heard from then on, what is not in it any more is heard no more."""
        ...

    def from_bus(self, subject: str, data: bytes, now_s: float) -> Work: ...

    def from_link(self, kind: Kind, body: bytes, now_s: float) -> Work: ...

    def turned(self, up: bool, now_s: float) -> Work:
        """The link is there, or is not; said once at the beginning, too. It is said to be there again when the other
        end began anew, and knows nothing."""
        ...

    def due(self, now_s: float) -> Work:
        """Asked some 20 times a second."""
        ...


class Pipe(Protocol):
    """One end of a link, as the bridge uses it; `quic.py` is one, `tests/satellite_pipe.py` its twin in memory."""

    @property
    def up(self) -> bool: ...

    @property
    def rate_bps(self) -> int: ...

    def waiting(self, cls: Class) -> int: ...

    def say(self, cls: Class, letter: bytes, lives_s: float | None = None) -> bool:
        """False: there is no room in its class, or the letter is too long; it is shed."""
        ...

    heard: Callable[[Class, bytes], None]  # set by the bridge
    turned: Callable[[bool], None]
