"""What a radio dials, and whether it may: a place's talkgroup, a person, another radio. Pure.

A radio may join the talkgroups of its own branch: of its place, of those above, to be heard there, and of those below,
to lead. Not sideways: a neighbour's talkgroup is for the neighbour's people, and what both need is a group of the place
above them (`4401.flood`). Private calls keep to the same branch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fusioncmd.codes import LENGTHS, Path, parse
from fusioncmd.errors import BadCode
from fusioncmd.radios import ACCOUNT, Radio
from gateways.radio.sip_checks import Refused

_GROUP = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_PERSON = re.compile(r"\*([0-9]{1,10})")


@dataclass(frozen=True, slots=True)
class Talkgroup:
    path: Path
    group: str  # empty: the place's own

    @property
    def name(self) -> str:
        return f"{self.path.code}.{self.group}" if self.group else self.path.code


@dataclass(frozen=True, slots=True)
class Private:
    """A person by number, or a radio by its account."""

    number: int | None
    account: str


def dialled(user: str) -> Talkgroup | Private:
    """`440106001` or `44.01.06.001` and with a group `440106001.flood`; `*65537`: the person with that number; else an
    account. `Refused` with 404 for what is none of them."""
    if person := _PERSON.fullmatch(user):
        return Private(int(person[1]), "")
    if re.fullmatch(ACCOUNT, user):
        return Private(None, user)
    code, _, group = user.rpartition(".")
    if not (code and _GROUP.fullmatch(group)):
        code, group = user, ""
    try:
        return Talkgroup(parse(code), group)
    except BadCode:
        raise Refused(404) from None


def is_of(radio: Radio, number: int | None) -> bool:
    return number is not None and radio.number == number


def check(own: Radio, meant: Path, exists: Callable[[Path], bool]) -> None:
    """`Refused` with 403 for what lies beyond its branch, and 404 for a place that there is not."""
    here = Path(own.path)
    if not (here.covers(meant) or meant.covers(here)):
        raise Refused(403)
    if len(meant.code) not in LENGTHS or not exists(meant):
        raise Refused(404)
