"""Moving through the tiers while an order is watched: what each key does. Pure: a state and a key in, a state out.

Digits spell the last token of a code (`0` `6` opens 44.01.06), so a place can be opened without moving to it. The
cursor stays on its place, not on its line, when the rows are sorted anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from fusioncmd import api
from fusioncmd.codes import Path

PAGE_ROWS = 10
_SEQUENCES = {
    b"\x1b[A": "up", b"\x1bOA": "up", b"\x1b[B": "down", b"\x1bOB": "down", b"\x1b[C": "open", b"\x1bOC": "open",
    b"\x1b[D": "back", b"\x1bOD": "back", b"\x1b[5~": "page-up", b"\x1b[6~": "page-down",
    b"\x1b[H": "first", b"\x1b[1~": "first", b"\x1b[F": "last", b"\x1b[4~": "last",
    b"\r": "open", b"\n": "open", b"\x7f": "back", b"\x08": "back",
    b"u": "back", b"q": "quit", b"Q": "quit", b"w": "worst", b"k": "up", b"j": "down",
}  # fmt: skip
_STEPS = {"up": -1, "down": 1, "page-up": -PAGE_ROWS, "page-down": PAGE_ROWS, "first": -(1 << 16), "last": 1 << 16}


@dataclass(frozen=True, slots=True)
class Browse:
    """Where a commander looks: the place shown (empty: the node's whole tree), and the place under the cursor."""

    node: str = ""
    cursor: str = ""
    digits: str = ""
    worst: bool = False
    quit: bool = False


def keys_in(data: bytes) -> list[str]:
    """The keys that one read from a terminal holds; what is no key of ours is passed over."""
    found: list[str] = []
    while data:
        known = next((s for s in _SEQUENCES if data.startswith(s)), None)
        if known is not None:
            found.append(_SEQUENCES[known])
            data = data[len(known) :]
        elif data[:1].isdigit():
            found.append(data[:1].decode())
            data = data[1:]
        elif data.startswith((b"\x1b[", b"\x1bO")):
            data = _after_sequence(data)
        else:
            data = data[1:]
    return found


def press(state: Browse, key: str, rows: Sequence[api.Row], here: str) -> Browse:
    """`rows` are the places as they are shown, `here` is the code of the place that they lie in."""
    if key == "quit":
        return replace(state, quit=True)
    if key == "worst":
        return replace(state, worst=not state.worst, digits="")
    if key in _STEPS:
        index = min(max(cursor_index(state, rows) + _STEPS[key], 0), max(len(rows) - 1, 0))
        return replace(state, cursor=rows[index].code if rows else "", digits="")
    if key == "back":
        if state.digits:
            return replace(state, digits="")
        above = Path(here).parent
        return state if above is None else replace(state, node=above.code, cursor=here)
    if key == "open":
        return _opened(state, rows[cursor_index(state, rows)].code) if rows else state
    return _typed(state, state.digits + key, rows)


def cursor_index(state: Browse, rows: Sequence[api.Row]) -> int:
    return next((i for i, row in enumerate(rows) if row.code == state.cursor), 0)


def window(count: int, cursor: int, room: int) -> tuple[int, int]:
    """Which rows of `count` are shown in `room` lines: half open, with the cursor among them."""
    if count <= room:
        return 0, count
    start = min(max(cursor - room // 2, 0), count - room)
    return start, start + room


def _typed(state: Browse, digits: str, rows: Sequence[api.Row]) -> Browse:
    """Open the place whose token is spelled; begin anew when no place begins so."""
    tokens = {Path(row.code).tokens[-1]: row.code for row in rows}
    if digits in tokens:
        return _opened(state, tokens[digits])
    starting = [code for token, code in tokens.items() if token.startswith(digits)]
    if not starting:
        return replace(state, digits="")
    return replace(state, digits=digits, cursor=min(starting))


def _opened(state: Browse, code: str) -> Browse:
    return replace(state, node=code, cursor="", digits="")


def _after_sequence(data: bytes) -> bytes:
    """What follows an escape sequence that means nothing here (ECMA-48, 5.4: it ends with 0x40 to 0x7E)."""
    end = next((i for i in range(2, len(data)) if 0x40 <= data[i] <= 0x7E), len(data) - 1)
    return data[end + 1 :]
