"""What a link carries: all that concerns the subtree of its lower end, and nothing else. Pure.

An item has places: an order those that its audience names, evidence and reports their town, a slice its town, a
statement the place that it is about. A place concerns a subtree when it lies in it or above it. So a county is told of
the orders of the whole province but not of those of a neighbour, and of nobody else's people; and whoever is above a
county knows all that is below it. Both ends of a link decide by the same rule, for both directions.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fusioncmd.errors import Forbidden
from fusioncmd.exchange import items
from fusioncmd.exchange.items import Family, Kind


@dataclass(frozen=True, slots=True)
class Scope:
    """`subtree` is the code of the lower end; `from_below` when the peer is that end."""

    subtree: str
    from_below: bool

    def holds(self, places: Iterable[str]) -> bool:
        return any(place.startswith(self.subtree) or self.subtree.startswith(place) for place in places)

    def check(self, places: Iterable[str]) -> None:
        """`Forbidden` when the peer has no business with an item of these places."""
        if not self.holds(places):
            raise Forbidden(
                f"Outside of {self.subtree}, to which the link belongs.", f"不属于该链路所辖的 {self.subtree}。"
            )

    def may_say(self, key: bytes) -> bool:
        """Whether the peer may say anything new of this item: town numbers are given from above."""
        return not (self.from_below and key[0] == Kind.STATEMENT and key[1] == Family.TOWNS)


def link(own: str, peer: str) -> Scope:
    """Of the link between two places, one of which is above the other (or both are the same)."""
    if not (own.startswith(peer) or peer.startswith(own)):
        raise Forbidden(f"{own} and {peer} are not above one another.", f"{own} 与 {peer} 不是上下级。")
    return Scope(max(own, peer, key=len), from_below=len(peer) > len(own))


def places_of(key: bytes, towns: tuple[str, ...]) -> tuple[str, ...]:
    """Of any item but an order; none for a town that has no number yet."""
    kind = items.kind_of(key)
    if kind is Kind.STATEMENT:
        return (items.statement_of(key)[1],)
    if kind is Kind.ROSTER:
        return (items.code_of(key),)
    return towns[items.town_of(key) : items.town_of(key) + 1]
