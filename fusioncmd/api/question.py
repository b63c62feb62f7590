"""What every question of the vocabulary is: a struct that says of which kind its reply will be. Pure."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from msgspec import Meta, Struct

R = TypeVar("R")
# A place, or none: the whole tree of the node that is asked.
CodeOrNone = Annotated[str, Meta(pattern=r"\A(|[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12})\Z")]


class Question(Struct, Generic[R], frozen=True):
    """A question to a tier node; `R` is the struct of its reply."""


# Kind of question → the token that it has on the bus, and the kind of its reply.
Verbs = dict[type[Any], tuple[str, type[Any]]]
