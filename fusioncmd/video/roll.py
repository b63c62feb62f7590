"""A roll call by video: places are called one after the other, and who is seen is present. Pure; time is given.

One place is called at a time. It is *live* as soon as somebody there publishes; *present* when the commander says so,
when it was looked at for `hold_s`, or when it went after `ROLL_SEEN_S`; *absent* when it was waited for in vain.
Nothing of it hangs on who looks: the node goes on by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import replace

from fusioncmd.codes import Path
from fusioncmd.errors import BadInput, Conflict
from fusioncmd.messages import Code, Millis
from fusioncmd.video.bounds import (
    ROLL_HOLD_S_MAX,
    ROLL_HOLD_S_MIN,
    ROLL_PLACES_MAX,
    ROLL_SEEN_S,
    ROLL_WAIT_S_MAX,
    ROLL_WAIT_S_MIN,
)
from fusioncmd.video.source import Source, Text

Outcome = Literal["waiting", "called", "live", "present", "absent", "skipped", "uncalled"]
Act = Literal["present", "absent", "skip", "end"]
ENDED: dict[Act, Outcome] = {"present": "present", "absent": "absent", "skip": "skipped", "end": "uncalled"}
WAIT_S, HOLD_S = 60, 60

RollId = Annotated[str, Meta(pattern=r"\A[0-9A-Z]{26}\Z")]
Seed = Annotated[str, Meta(pattern=r"\A([0-9a-f]{1,32})?\Z")]
WaitS = Annotated[int, Meta(ge=ROLL_WAIT_S_MIN, le=ROLL_WAIT_S_MAX)]
HoldS = Annotated[int, Meta(ge=ROLL_HOLD_S_MIN, le=ROLL_HOLD_S_MAX)]


class Turn(Struct, frozen=True):
    """A place's. `live_ms`: when it was first seen, 0 never; `seen_ms`: for how long, until `over_ms`; `source` is the
    address of what was seen last, `who` its title."""

    place: Code
    outcome: Outcome = "waiting"
    called_ms: Millis = 0
    live_ms: Millis = 0
    since_ms: Millis = 0  # it is live without a break
    seen_ms: Millis = 0
    over_ms: Millis = 0
    source: Annotated[str, Meta(max_length=64)] = ""
    who: Text = ""


class RollCall(Struct, frozen=True):
    """`seed` chose the places among those below `within`, and anybody may choose again (`drawn`); empty: a person
    did. `over_ms` is 0 as long as it goes on."""

    id: RollId
    node: Code
    by: Text
    begun_ms: Millis
    turns: Annotated[tuple[Turn, ...], Meta(min_length=1, max_length=ROLL_PLACES_MAX)]
    wait_s: WaitS = WAIT_S
    hold_s: HoldS = HOLD_S
    seed: Seed = ""
    within: Annotated[str, Meta(max_length=12)] = ""
    over_ms: Millis = 0

    @property
    def turn(self) -> int | None:
        """Whose turn it is."""
        return next((at for at, one in enumerate(self.turns) if one.outcome in ("called", "live")), None)

    @property
    def called(self) -> Turn | None:
        return None if (at := self.turn) is None else self.turns[at]

    @property
    def until_ms(self) -> int:
        """Until when the place that is called is waited for, or looked at."""
        one = self.called
        if one is None:
            return self.over_ms
        return one.since_ms + self.hold_s * 1_000 if one.outcome == "live" else one.called_ms + self.wait_s * 1_000

    def counts(self) -> dict[str, int]:
        return dict(Counter(one.outcome for one in self.turns))


def drawn(places: Iterable[str], count: int, seed: str) -> tuple[str, ...]:
    """`count` of `places` in the order in which `seed` draws them: by BLAKE2b-128 of `<seed>:<code>`, so that whoever
    has the seed and the places draws the same ones, in any language. BadInput where there are fewer."""
    known = {*places}
    if not 0 < count <= min(len(known), ROLL_PLACES_MAX):
        most = min(len(known), ROLL_PLACES_MAX)
        raise BadInput(f"1 to {most} towns can be drawn there.", f"该处可抽取 1 至 {most} 个乡镇。")
    return tuple(sorted(known, key=lambda code: blake2b(f"{seed}:{code}".encode(), digest_size=16).digest())[:count])


def begun(call: RollCall) -> RollCall:
    """The first place is called. BadInput for a place twice."""
    if len({one.place for one in call.turns}) < len(call.turns):
        raise BadInput("A place is called twice.", "有地点被重复点名。")
    return _next(call, call.begun_ms)


def ticked(call: RollCall, seen: Callable[[str], Source | None], now_ms: int) -> RollCall:
    """What is so at `now_ms`; `seen` gives who publishes at a place or below, if anybody does. The same object where
    nothing is otherwise."""
    at = call.turn
    if at is None:
        return call
    one, source = call.turns[at], seen(call.turns[at].place)
    if one.outcome == "called":
        if source is not None:
            return _with(call, at, _live(one, source, now_ms))
        if now_ms >= call.until_ms:
            return _over(call, at, "absent", now_ms)
        return call
    if source is None:
        seen_ms = _seen_ms(one, now_ms)
        if seen_ms >= ROLL_SEEN_S * 1_000:
            return _over(call, at, "present", now_ms)
        return _with(call, at, replace(one, outcome="called", since_ms=0, seen_ms=seen_ms))
    if now_ms >= call.until_ms:
        return _over(call, at, "present", now_ms)
    if address(source) != one.source:
        return _with(call, at, replace(one, source=address(source), who=source.title))
    return call


def acted(call: RollCall, act: Act, now_ms: int) -> RollCall:
    """What the commander says of the place that is called; `end` is said of all that are left. Conflict where nobody
    is called, or nobody is seen who could be present."""
    at = call.turn
    if at is None:
        raise Conflict("This roll is over.", "本次点名已结束。")
    if act == "end":
        rest = tuple(
            replace(one, outcome="uncalled", over_ms=now_ms) if one.outcome == "waiting" else one for one in call.turns
        )
        one = call.turns[at]
        last: Outcome = "present" if one.outcome == "live" else "skipped"
        return _over(replace(call, turns=rest), at, last, now_ms)
    if act == "present" and not call.turns[at].live_ms:
        raise Conflict("Nobody there has been seen yet.", "该处尚未上线，不能记为到位。")
    return _over(call, at, ENDED[act], now_ms)


def address(source: Source) -> str:
    """`<dotted path>.<name>`, as `Show.source` has it."""
    return f"{Path(source.node).dotted}.{source.name}"


def _live(one: Turn, source: Source, now_ms: int) -> Turn:
    first = one.live_ms or now_ms
    return replace(one, outcome="live", live_ms=first, since_ms=now_ms, source=address(source), who=source.title)


def _seen_ms(one: Turn, now_ms: int) -> int:
    return one.seen_ms + (max(0, now_ms - one.since_ms) if one.since_ms else 0)


def _over(call: RollCall, at: int, outcome: Outcome, now_ms: int) -> RollCall:
    one = call.turns[at]
    ended = replace(one, outcome=outcome, over_ms=now_ms, since_ms=0, seen_ms=_seen_ms(one, now_ms))
    return _next(_with(call, at, ended), now_ms)


def _next(call: RollCall, now_ms: int) -> RollCall:
    at = next((at for at, one in enumerate(call.turns) if one.outcome == "waiting"), None)
    if at is None:
        return replace(call, over_ms=now_ms)
    return _with(call, at, replace(call.turns[at], outcome="called", called_ms=now_ms))


def _with(call: RollCall, at: int, one: Turn) -> RollCall:
    return replace(call, turns=(*call.turns[:at], one, *call.turns[at + 1 :]))
