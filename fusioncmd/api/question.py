"""What every question of the vocabulary is: a struct that says of which kind its reply will be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct

from fusioncmd import limits

R = TypeVar("R")
T = TypeVar("T")
# A place, or none: the whole tree of the node that is asked.
CodeOrNone = Annotated[str, Meta(pattern=r"\A(|[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\Z")]


class Question(Struct, Generic[R], frozen=True):
    """A question to a tier node; `R` is the struct of its reply."""


# Kind of question → the token that it has on the bus, and the kind of its reply.
Verbs = dict[type[Any], tuple[str, type[Any]]]


def parts(things: Iterable[T], encode: Callable[[T], bytes], most: int) -> Iterator[tuple[T, ...]]:
    """`things` in as few questions as will do: `most` in each, and no more than fit into its bytes."""
    held: list[T] = []
    size = 0
    for thing in things:
        more = len(encode(thing))
        if held and (size + more > limits.API_REQUEST_BYTES_MAX // 2 or len(held) >= most):
            yield tuple(held)
            held, size = [], 0
        held.append(thing)
        size += more
    if held:
        yield tuple(held)
