"""What is seen on a source's pictures, turned into alarms: one for smoke and one for fire, from the second picture that
shows it until pictures did not show it for a while. Pure.

A source that falls silent or cannot be looked at ends nothing: a camera that burns is no end of a fire.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from fusioncmd import ids
from fusioncmd.alarm.alarm import HEADLINE_CHARS_MAX, Alarm, Evidence, State
from fusioncmd.messages import Severity
from fusioncmd.video.source import Source
from gateways.seeing.detector import LIKELY, POSSIBLE, Event, Seen

BEGIN_PICTURES = 2  # one after the other
OVER_S = 60.0  # looked at for so long, and not seen
SEVERITY: dict[Event, Severity] = {"smoke": "moderate", "fire": "severe"}
WORDS: dict[Event, tuple[str, str]] = {"smoke": ("smoke", "烟雾"), "fire": ("fire", "明火")}
_COLUMNS = (("left", "左"), ("middle", "中"), ("right", "右"))
_ROWS = (("upper", "上"), ("middle", "中"), ("lower", "下"))


@dataclass(slots=True)
class _Episode:
    begun_ms: int
    seen: Seen
    pictures: int = 1
    surest: float = 0.0
    missing_s: float | None = None  # since when pictures do not show it
    ident: bytes = b""  # of the first alarm, under which the picture of then is kept

    @property
    def told(self) -> bool:
        return self.pictures >= BEGIN_PICTURES


class Episodes:
    """Of one source; `address` is how it is asked for."""

    def __init__(self, address: str, make_id: Callable[[int], bytes]) -> None:
        self._address, self._make_id = address, make_id
        self._known: dict[Event, _Episode] = {}

    def take(self, source: Source, seen: list[Seen] | None, now_s: float, now_ms: int) -> list[Alarm]:
        """Of one picture; None: it could not be looked at. `now_s` is of a clock that nobody sets."""
        out: list[Alarm] = []
        if seen is None:
            for each in self._known.values():
                each.missing_s = None
            return out
        for event in WORDS:
            best = max((each for each in seen if each.event == event), key=lambda each: each.score, default=None)
            known = self._known.get(event)
            if best is not None and best.score >= POSSIBLE:
                if known is None:
                    known = self._known[event] = _Episode(now_ms, best)
                else:
                    known.pictures, known.missing_s, known.seen = known.pictures + 1, None, best
                known.surest = max(known.surest, best.score)
                if known.told:
                    known.ident = known.ident or self._make_id(now_ms)
                    out.append(self._alarm(source, event, known, "new", now_ms))
            elif known is not None and not known.told:
                del self._known[event]
            elif known is not None:
                known.missing_s = now_s if known.missing_s is None else known.missing_s
                if now_s - known.missing_s > OVER_S:
                    del self._known[event]
                    out.append(self._alarm(source, event, known, "over", now_ms))
        return out

    def forget(self) -> None:
        """The detector begins anew, with what burns as its ground: it sees no end of that."""
        self._known.clear()

    def _alarm(self, source: Source, event: Event, known: _Episode, state: State, now_ms: int) -> Alarm:
        en, zh = WORDS[event]
        at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        (row_en, row_zh), (column_en, column_zh) = _where(known.seen.box)
        text = (
            f"画面{column_zh}{row_zh}部，机器识别，置信度 {known.surest:.0%}，须人工核实。/ "
            f"In the picture: {row_en} {column_en}; seen by a machine, score {known.surest:.0%}: look yourself."
        )
        return Alarm(
            id=known.ident, source=f"video.{self._address}", about=event, state=state, event=event,
            status="actual", severity=SEVERITY[event], certainty="likely" if known.surest >= LIKELY else "possible",
            urgency="immediate", since_ms=known.begun_ms, said_ms=now_ms, nodes=(source.node,),
            headline=f"{source.title or self._address} 疑似{zh} / looks like {en}"[:HEADLINE_CHARS_MAX], text=text,
            where=source.place,
            evidence=(Evidence("video", f"{self._address} {at}"), Evidence("still", ids.to_text(known.ident))),
        )  # fmt: skip


def _where(box: tuple[float, float, float, float]) -> tuple[tuple[str, str], tuple[str, str]]:
    left, top, right, bottom = box
    row, column = (min(2, int(3 * (begin + end) / 2)) for begin, end in ((top, bottom), (left, right)))
    return _ROWS[row], _COLUMNS[column]
