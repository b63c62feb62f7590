"""Roll calls of a node on disk: one file each, replaced whole at each change; and what is shown, in one more.

Few and small: a roll is written when a place is called, seen or over. What cannot be read is set aside, and told.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from fusioncmd.api.video import RollLine, Shown
from fusioncmd.errors import NotFound, Unavailable
from fusioncmd.video.bounds import ROLLS_MAX
from fusioncmd.video.roll import RollCall
from fusioncmd.words import reason

log = structlog.get_logger("video")
T = TypeVar("T")
SHOWN = "shown.json"


class RollFiles:
    """In `folder`, which is made when something is first written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, RollLine] = {}  # what was read once is not read again for each list

    def running(self) -> RollCall | None:
        """The one that was not over when it was written last: the newest of them."""
        calls = (self._read(f"{name}.json", RollCall) for name in reversed(self._names()))
        return next((call for call in calls if call is not None and not call.over_ms), None)

    def keep(self, call: RollCall) -> None:
        """`Unavailable` when the disk does not take it. Beyond `ROLLS_MAX`, the oldest goes."""
        self._write(f"{call.id}.json", msgspec.json.encode(call))
        self._lines[call.id] = line_of(call)
        for name in self._names()[:-ROLLS_MAX]:
            (self._folder / f"{name}.json").unlink(missing_ok=True)
            self._lines.pop(name, None)

    def find(self, ident: str) -> RollCall:
        """NotFound."""
        call = self._read(f"{ident}.json", RollCall) if ident in self._names() else None
        if call is None:
            raise NotFound(f"There is no roll call {ident}.", f"没有编号为 {ident} 的点名。")
        return call

    def lines(self, limit: int) -> list[RollLine]:
        """The newest first."""
        found = []
        for name in self._names()[::-1][:limit]:
            line = self._lines.get(name)
            if line is None and (call := self._read(f"{name}.json", RollCall)) is not None:
                line = self._lines[name] = line_of(call)
            if line is not None:
                found.append(line)
        return found

    def shown(self) -> Shown | None:
        return self._read(SHOWN, Shown)

    def keep_shown(self, shown: Shown | None) -> None:
        if shown is None:
            (self._folder / SHOWN).unlink(missing_ok=True)
        else:
            self._write(SHOWN, msgspec.json.encode(shown))

    def _names(self) -> list[str]:
        """Ids of what is kept, oldest first: they sort by time."""
        return sorted(file.stem for file in self._folder.glob("*.json") if file.name != SHOWN)

    def _read(self, name: str, kind: type[T]) -> T | None:
        file = self._folder / name
        try:
            return msgspec.json.decode(file.read_bytes(), type=kind)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.error("video.unreadable", file=str(file), error=repr(error))
            if file.is_file():
                file.replace(file.with_suffix(".unreadable"))
            return None

    def _write(self, name: str, data: bytes) -> None:
        file, partial = self._folder / name, self._folder / f"{name}.partial"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as opened:
                opened.write(data)
                opened.flush()
                os.fsync(opened.fileno())
            partial.replace(file)
        except OSError as error:
            en, zh = reason(error)
            raise Unavailable(f"{file} cannot be written: {en}.", f"无法写入 {file}：{zh}。") from None


def line_of(call: RollCall) -> RollLine:
    return RollLine(call.id, call.by, call.begun_ms, call.over_ms, call.seed, call.counts())
