"""What every question of the vocabulary is: a struct that says of which kind its reply will be. Pure."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


class Question(Struct, Generic[R], frozen=True):
    """A question to a tier node; `R` is the struct of its reply."""


# Kind of question → the token that it has on the bus, and the kind of its reply.
Verbs = dict[type[Any], tuple[str, type[Any]]]
