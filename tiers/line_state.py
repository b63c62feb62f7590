"""How far the last line has come, on disk: the next counter of each key, what came by it, which orders it ended.

A counter is on disk before a message of that number leaves: a number that is used twice would let one of the two be
refused as a repetition, or be confirmed for the other.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import Conflict, Unavailable
from fusioncmd.lastline import bounds
from fusioncmd.lastline.frames import Window
from fusioncmd.words import reason

FILE = "lastline.state"
ENDED_MAX = 256  # orders whose end came; shed, the oldest first
KEYS_MAX = 4 * bounds.CARDS_MAX  # shed, those not used for longest


class _Kept(Struct, forbid_unknown_fields=True):
    counters: Annotated[dict[str, int], Meta(max_length=KEYS_MAX)] = {}
    windows: Annotated[dict[str, Window], Meta(max_length=KEYS_MAX)] = {}
    ended: Annotated[list[str], Meta(max_length=ENDED_MAX)] = []


class LineState:
    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self._broken: Unavailable | None = None
        self._kept = self._read()

    @property
    def _sound(self) -> _Kept:
        """`Unavailable` where what was kept cannot be read: nothing is said then, lest a number be used twice."""
        if self._broken is not None:
            raise self._broken
        return self._kept

    def next_counter(self, key: bytes) -> int:
        """A number that was never used with that key, and never will be again. `Unavailable` where it cannot be kept,
        `Conflict` where there is none left."""
        name = _name(key)
        counter = self._sound.counters.pop(name, 0)
        if counter >= 1 << bounds.COUNTER_BITS:
            self._kept.counters[name] = counter
            raise Conflict(
                "No number is left for a short message: approve the node below anew.",
                "短报文序号已用尽：请重新批准下级节点。",
            )
        self._kept.counters[name] = counter + 1
        _shed(self._kept.counters)
        self._write()
        return counter

    def window(self, key: bytes) -> Window:
        return self._sound.windows.get(_name(key), Window())

    def came(self, key: bytes, window: Window) -> None:
        self._kept.windows.pop(_name(key), None)
        self._kept.windows[_name(key)] = window
        _shed(self._kept.windows)
        self._write()

    def end(self, short: bytes) -> None:
        """That order has ended: its code may be overtaken by this, and is not to be issued then."""
        if short.hex() not in self._kept.ended:
            self._kept.ended = [*self._kept.ended, short.hex()][-ENDED_MAX:]
            self._write()

    def has_ended(self, short: bytes) -> bool:
        return short.hex() in self._kept.ended

    def _read(self) -> _Kept:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=_Kept)
        except FileNotFoundError:
            pass
        except OSError as error:
            en, zh = reason(error)
            self._broken = Unavailable(f"{self._file} cannot be read: {en}.", f"无法读取 {self._file}：{zh}。")
        except msgspec.MsgspecError as error:
            self._broken = Unavailable(
                f"{self._file} is damaged: {error}. Approve the nodes at the other ends anew, and remove it.",
                f"{self._file} 已损坏：{error}。请重新批准对端节点后删除该文件。",
            )
        return _Kept()

    def _write(self) -> None:
        new = self._file.with_name(f"{self._file.name}.new")
        try:
            with new.open("wb") as out:
                out.write(msgspec.json.encode(self._kept))
                out.flush()
                os.fsync(out.fileno())
            os.replace(new, self._file)
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)  # the name, too: else a power cut brings the file of before back, and a number twice
            finally:
                os.close(folder)
        except OSError as error:
            en, zh = reason(error)
            raise Unavailable(f"{self._file} cannot be written: {en}.", f"无法写入 {self._file}：{zh}。") from None


def _name(key: bytes) -> str:
    return sha256(b"fusioncmd/lastline/key-name/1\0" + key).hexdigest()[:32]


def _shed(kept: dict[str, int] | dict[str, Window]) -> None:
    while len(kept) > KEYS_MAX:
        del kept[next(iter(kept))]
