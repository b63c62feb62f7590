"""Which tier a command speaks of: where it is, and the folder with its keys and its bus."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from fusioncmd import codes, keys
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.divisions import Divisions
from fusioncmd.words import say

_place = say("The tier node's place (default: the province).", "本节点所在地点（默认为省级）。")
PlaceOption = Annotated[str, typer.Option("--node", metavar="PLACE", autocompletion=complete_place, help=_place)]
DataOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help=say("The tier's data folder.", "节点数据目录。"))
]


class Tier(NamedTuple):
    places: Divisions
    path: codes.Path
    data: Path


def at_tier(node: str, data: Path | None, divisions: Path | None) -> Tier:
    """The tier at the place `node` (the province when empty), whose folder is `data` or the usual one; raises
    NotFound and BadInput."""
    places = shell.load_divisions(divisions)
    path = places.find(node) if node else places.root
    return Tier(places, path, data or keys.data_folder(path.code))
