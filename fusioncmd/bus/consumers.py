"""What a tail's consumer is called on the server, and where a gateway asks for one. Pure.

A user whose rights name each of its consumers cannot read, move or delete those of others, and where a consumer has one
filter the server holds it to that: `$JS.API.CONSUMER.CREATE.<stream>.<name>.<filter>`.
"""

from __future__ import annotations

from fusioncmd.bus.port import CALL, StreamSpec, Tail

JETSTREAM = "$JS.API"
# Gateways are in an account of their own, and reach the node's streams by this name: so replies come back to that
# account, wherever a request says that they should go.
GATEWAYS_JETSTREAM = "fc.js"


def fixed_name(user: str, filters: tuple[str, ...]) -> str:
    """The one name that `user` has for a tail with these filters: of one filter, its kind is said as well."""
    return f"{user}-{kind_of(filters[0])}" if len(filters) == 1 else user


def one_each(stream: StreamSpec, filters: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """The filters of each consumer that a gateway has for a tail. Of orders it may read all, so one consumer has every
    filter; elsewhere the server holds it to what it may read, which is for consumers with one filter each."""
    return (filters,) if stream is CALL or len(filters) < 2 else tuple((one,) for one in filters)


class Together:
    """Several tails as one. What comes by each is in order; between them there is none."""

    def __init__(self, tails: tuple[Tail, ...]) -> None:
        self._tails = tails

    async def caught_up(self) -> None:
        for tail in self._tails:
            await tail.caught_up()

    async def stop(self) -> None:
        for tail in self._tails:
            await tail.stop()


def kind_of(pattern: str) -> str:
    """`revocation` for `fc.trust.revocation.>`: the last token that is a word."""
    return [token for token in pattern.split(".") if token not in ("*", ">")][-1]
