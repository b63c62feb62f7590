"""Questions about radios: their accounts, who of them is here, and calling them together. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import radios
from fusioncmd.api.question import CodeOrNone, Question, Verbs


class AddRadio(Question["RadiosReply"], frozen=True):
    """`add-radio`: an account for a radio, by what is kept of its secret (`radios.hashes`). With `number` it is that
    person's, and belongs where they do. `again`: there is one, and it gets this secret: calls of the old one end."""

    account: radios.Account
    sha256: radios.Sha256
    md5: radios.Md5
    path: CodeOrNone = ""
    number: radios.Number | None = None
    name: Annotated[str, Meta(max_length=64)] = ""
    again: bool = False


class Radios(Question["RadiosReply"], frozen=True):
    """`radios`: the accounts at `node` and below, `limit` of those that come after `after`."""

    node: CodeOrNone = ""
    after: str = ""
    limit: Annotated[int, Meta(ge=1, le=5_000)] = 1_000


class RemoveRadio(Question["RadiosReply"], frozen=True):
    """`remove-radio`: it registers no more, and its calls end. May be asked again."""

    account: radios.Account


class RingRadios(Question["Rung"], frozen=True):
    """`ring-radios`: call the radios at `node` and below, or those `accounts`, into the talkgroup of `node`."""

    node: radios.Code
    accounts: Annotated[tuple[radios.Account, ...], Meta(max_length=1_024)] = ()
    group: Annotated[str, Meta(pattern=r"\A(|[A-Za-z][A-Za-z0-9_-]{0,31})\Z")] = ""


class RadioLine(Struct, frozen=True):
    account: str
    path: str
    number: int | None
    name: str
    here: bool  # registered now
    changed_ms: int


class RadiosReply(Struct, frozen=True):
    lines: tuple[RadioLine, ...]
    next: str | None = None  # the `after` of the next page


class Rung(Struct, frozen=True):
    """How many radios that are here were told to a gateway, and the talkgroup that they are called into."""

    here: int
    where: str


VERBS: Verbs = {
    AddRadio: ("add-radio", RadiosReply),
    Radios: ("radios", RadiosReply),
    RemoveRadio: ("remove-radio", RadiosReply),
    RingRadios: ("ring-radios", Rung),
}
