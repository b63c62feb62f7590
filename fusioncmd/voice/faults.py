"""What of voice failed, by kind, since a process began: told by who carries it, held by the node for health. Pure.

Totals, not events: one that is lost on the way is in the next. A total that is smaller is of a process that was started
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import BadMessage

Kind = Literal["unwritten", "unrecorded", "unsaid", "unspoken", "requests", "connections", "mistakes"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Totals = Annotated[dict[Kind, Annotated[int, Meta(ge=0, lt=1 << 48)]], Meta(max_length=len(KINDS))]
SHOWN_S = 3_600.0  # after the last of its kind
SOURCES_MAX = 64  # who tell, at one node; shed: of others nothing is shown, and the log says so
FAULTS_BYTES_MAX = 256


class Faults(Struct, frozen=True, array_like=True, tag="voice-faults.1"):
    """Of the process that arbitrates floors and keeps recordings."""

    totals: Totals


_decoder = msgspec.msgpack.Decoder(Faults)


def encode(said: Faults) -> bytes:
    return msgspec.msgpack.encode(said)


def decode(data: bytes) -> Faults:
    """Raises BadMessage."""
    if len(data) <= FAULTS_BYTES_MAX:
        try:
            return _decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadMessage(f"Not what failed: {error}.", f"不是有效的故障统计：{error}。") from None
    raise BadMessage("Too long to say what failed.", "故障统计过长。")


@dataclass(slots=True)
class _Seen:
    total: int
    shown: int
    at_s: float


class Failing:
    """Times are seconds of one clock that runs on."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[Kind, _Seen]] = {}

    def told(self, who: str, totals: dict[Kind, int], now_s: float) -> bool:
        """False for who is one too many."""
        if who not in self._seen and len(self._seen) >= SOURCES_MAX:
            return False
        kinds = self._seen.setdefault(who, {})
        for kind, total in totals.items():
            seen = kinds.setdefault(kind, _Seen(0, 0, now_s))
            more = total - seen.total if total >= seen.total else total
            seen.total = total
            if more:
                seen.shown = more + (seen.shown if now_s - seen.at_s < SHOWN_S else 0)
                seen.at_s = now_s
        return True

    def now(self, now_s: float) -> list[tuple[str, Kind, int]]:
        """Who, what and how often, as long as the last one is not SHOWN_S ago."""
        return [
            (who, kind, seen.shown)
            for who, kinds in sorted(self._seen.items())
            for kind, seen in kinds.items()
            if seen.shown and now_s - seen.at_s < SHOWN_S
        ]
