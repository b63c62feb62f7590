"""What crosses HTTP as JSON: the structs of `fusioncmd.api`, and the few forms that browsers fill in. Pure.

Ids are their text (26 characters, `fusioncmd/ids.py`), other bytes base64 (RFC 4648, 4). A problem is
`{"code", "en", "zh"}`, under the status that says whether to log in, to mend the question, or to try again.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, structs

from fusioncmd import api, ids, limits
from fusioncmd.api.question import CodeOrNone
from fusioncmd.api.tracks import TrackLine, TracksReply
from fusioncmd.api.video import Address
from fusioncmd.errors import (
    BadInput,
    Conflict,
    Forbidden,
    NoSession,
    NotFound,
    Problem,
    Unavailable,
    Unsure,
)
from fusioncmd.ladder.bounds import LADDER_CHARS_MAX
from fusioncmd.messages import Code, MsgType, Selector, Severity, Status
from fusioncmd.track.datum import to_gcj02
from fusioncmd.video.bounds import ROLL_PLACES_MAX
from fusioncmd.video.roll import HOLD_S, WAIT_S, Act, HoldS, Seed, WaitS

IdText = Annotated[str, Meta(min_length=ids.TEXT_CHARS, max_length=ids.TEXT_CHARS)]
Base64 = Annotated[str, Meta(max_length=limits.SEALED_BYTES_MAX * 4 // 3 + 4)]


class TooLarge(BadInput):
    """A body beyond its bound; nothing of it was taken."""


# The narrowest kind first.
STATUSES: tuple[tuple[type[Problem], int], ...] = (
    (NoSession, 401), (Forbidden, 403), (NotFound, 404), (Conflict, 409), (TooLarge, 413), (BadInput, 400),
    (Unsure, 504), (Unavailable, 503),
)  # fmt: skip


class LoginForm(Struct, frozen=True):
    name: Annotated[str, Meta(max_length=limits.ACCOUNT_NAME_CHARS_MAX)]
    password: Annotated[str, Meta(max_length=limits.PASSWORD_CHARS_MAX)]
    code: Annotated[str, Meta(max_length=16)] = ""


class KeyLoginForm(Struct, frozen=True):
    """Proofs of `accounts/proofs.py`, made where the keys are."""

    proofs: Annotated[tuple[Base64, ...], Meta(min_length=1, max_length=limits.LOGIN_KEYS_MAX)]


class DraftForm(Struct, frozen=True, kw_only=True):
    """`api.Draft`, its ids as text. `issuer` and `node` are those of the key that will sign it."""

    id: IdText
    msg_type: MsgType = "alert"
    status: Status
    refs: IdText | None = None
    issuer: str
    node: str
    text: str
    severity: Severity = "severe"
    answers: tuple[str, ...] = ()
    audience: Selector | None = None
    receive_within_s: int = 120
    answer_within_s: int = 600
    open_s: int = limits.ORDER_OPEN_S_DEFAULT
    ladder: Annotated[str, Meta(max_length=LADDER_CHARS_MAX)] = ""


class PreviewForm(Struct, frozen=True):
    audience: Selector
    status: Status


class SealedForm(Struct, frozen=True):
    """`until_ms`, by the node's clock: after it, the order must not be found issued."""

    sealed: Base64
    until_ms: int | None = None


class ShowForm(Struct, frozen=True):
    """A source's address: `<dotted path>.<name>`."""

    source: Address


class RollForm(Struct, frozen=True):
    """`api.video.BeginRoll`."""

    places: Annotated[tuple[Code, ...], Meta(max_length=ROLL_PLACES_MAX)] = ()
    count: Annotated[int, Meta(ge=0, le=ROLL_PLACES_MAX)] = 0
    within: CodeOrNone = ""
    seed: Seed = ""
    wait_s: WaitS = WAIT_S
    hold_s: HoldS = HOLD_S


class TurnForm(Struct, frozen=True):
    """`place`: the one that is meant."""

    act: Act
    place: CodeOrNone = ""


class Trouble(Struct, frozen=True):
    """Why not, as every answer from 400 on says it."""

    code: str
    en: str
    zh: str


class Composed(Struct, frozen=True):
    """`body` is what is to be signed."""

    body: bytes


class Place(Struct, frozen=True):
    code: str
    name: str


class ShownTracks(Struct, frozen=True):
    """`api.tracks.TracksReply`. `lines` are WGS 84; `shown` of each, and its trail, are where the map has them."""

    now_ms: int
    edition: int
    whole: bool
    lines: tuple[TrackLine, ...]
    shown: tuple[tuple[tuple[float, float], ...], ...]
    total: int
    gone: tuple[str, ...]
    next: str | None


def shown_in(found: TracksReply, datum: Literal["wgs84", "gcj02"]) -> ShownTracks:
    """For a map of that datum: of each unit where it is and where it was, the oldest last."""
    to = to_gcj02 if datum == "gcj02" else lambda lat, lon: (lat, lon)
    shown = tuple(
        (to(line.lat, line.lon), *(to(lat, lon) for lat, lon, _ in reversed(line.trail))) for line in found.lines
    )
    lines = tuple(structs.replace(line, trail=()) for line in found.lines)
    return ShownTracks(
        found.now_ms, found.edition, found.whole, lines, shown, found.total, found.gone, found.next
    )  # fmt: skip


def draft_of(form: DraftForm) -> api.Draft:
    fields = {name: getattr(form, name) for name in form.__struct_fields__}
    refs = None if form.refs is None else ids.from_text(form.refs)
    return api.Draft(**fields | {"id": ids.from_text(form.id), "refs": refs})


def bytes_of(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise BadInput("Not valid base64.", "不是有效的 base64。") from None


def status_of(problem: Problem) -> int:
    return next((status for kind, status in STATUSES if isinstance(problem, kind)), 500)


def trouble_of(problem: Problem) -> bytes:
    return msgspec.json.encode(Trouble(problem.code, problem.en, problem.zh))


def encoded(value: object) -> bytes:
    """`value` as JSON."""
    return msgspec.json.encode(_encodable(value))


def _encodable(value: Any) -> Any:
    match value:
        case bytes():
            return ids.to_text(value) if len(value) == ids.ID_BYTES else b64encode(value).decode()
        case api.Point() | api.Share():  # hundreds of them
            return [_encodable(getattr(value, name)) for name in value.__struct_fields__]
        case msgspec.Struct():
            return {name: _encodable(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {name: _encodable(item) for name, item in value.items()}
        case list() | tuple():
            return [_encodable(item) for item in value]
    return value
