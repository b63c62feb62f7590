"""Which sources are to be kept: what the node says to its recorder, by a file in the folder that both know. Pure but
for `read` and `write`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.video.keeping_bounds import CHOSEN_MAX

FILE, STATE = "wanted.json", "recorder.json"


class Wanted(Struct, frozen=True):
    """`chosen`: a place (all of it and below) or `<code>.<source>`, kept until it is chosen no more. `running`: places
    of the orders that run, actual or exercise."""

    chosen: Annotated[tuple[str, ...], Meta(max_length=CHOSEN_MAX)] = ()
    running: tuple[str, ...] = ()

    def wants(self, node: str, source: str) -> bool:
        return self.chose(node, source) or any(
            node.startswith(place) or place.startswith(node) for place in self.running
        )

    def chose(self, node: str, source: str) -> bool:
        return any(
            one == f"{node}.{source}" if "." in one else node.startswith(one) for one in self.chosen
        )  # fmt: skip

    def named(self) -> list[tuple[str, str]]:
        """Sources that are to be kept by name, also where nothing was heard of them yet."""
        return [(one.partition(".")[0], one.partition(".")[2]) for one in self.chosen if "." in one]


class State(Struct, frozen=True):
    """What the recorder says of itself: at `at_ms`, how many sources it keeps, what is wrong (English, Chinese), and
    how many segments it shed for want of room since it began."""

    at_ms: int
    keeps: int
    problems: tuple[tuple[str, str], ...] = ()
    shed: int = 0


_wanted, _state = msgspec.json.Decoder(Wanted), msgspec.json.Decoder(State)


def read(folder: Path) -> Wanted:
    """Nothing, where the node said nothing yet, or nothing that can be read."""
    try:
        return _wanted.decode((folder / FILE).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return Wanted()


def state(folder: Path) -> State | None:
    try:
        return _state.decode((folder / STATE).read_bytes())
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write(folder: Path, said: Wanted | State) -> None:
    """Whole, or not at all."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / (FILE if isinstance(said, Wanted) else STATE)
    partial = file.with_suffix(".partial")
    partial.write_bytes(msgspec.json.encode(said))
    os.replace(partial, file)
