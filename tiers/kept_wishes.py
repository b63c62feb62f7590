"""What is to be fetched over thin links of what was recorded below: wishes, by the node in a file of the folder that it
shares with its recorder; and how far each is, by the recorder in another. Pure but for what reads and writes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from fusioncmd.api.kept import Fetched, Wish

FILE, PROGRESS = "wishes.json", "fetched.json"
_wishes, _fetched = msgspec.json.Decoder(tuple[Wish, ...]), msgspec.json.Decoder(dict[str, Fetched])


def wishes(folder: Path) -> tuple[Wish, ...]:
    """In the order in which they are fetched: who waits for it first, then what may wait for an idle link."""
    try:
        held = _wishes.decode((folder / FILE).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return ()
    return tuple(sorted(held, key=lambda one: (one.idle, one.at_ms)))


def fetched(folder: Path) -> dict[str, Fetched]:
    """By the wish's key."""
    try:
        return _fetched.decode((folder / PROGRESS).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}


def changed(folder: Path) -> int:
    """When they were written last, in ns; 0: never."""
    try:
        return (folder / FILE).stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def write(folder: Path, said: tuple[Wish, ...] | dict[str, Fetched]) -> None:
    """Whole, or not at all. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / (FILE if isinstance(said, tuple) else PROGRESS)
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(said))
    os.replace(partial, file)
