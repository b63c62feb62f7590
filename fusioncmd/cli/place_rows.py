"""Places as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd.api.places import PlaceLine
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.words import say

KINDS = {
    "enterprise": ("enterprise", "企业"), "hazard": ("hazard", "危险源"), "protected": ("protected", "防护目标"),
    "camera": ("camera", "摄像头"),
}  # fmt: skip


def place_rows(lines: Sequence[PlaceLine]) -> list[Text]:
    """Heads and one line each; nothing without any."""
    if not lines:
        return []
    heads = [say("id", "编号"), say("name", "名称"), say("kind", "类别"), say("at", "所在地"), say("people", "责任人"),
             say("cameras", "摄像头"), say("away", "距离")]  # fmt: skip
    rows = [
        [
            Text(plain(line.place.id)), Text(plain(line.place.name)),
            Text(plain(say(*KINDS.get(line.place.kind, (line.place.kind, line.place.kind))))), Text(line.place.node),
            Text(plain("、".join(line.place.people))), Text(plain(" ".join(line.place.cameras))),
            Text("" if line.away_m is None else f"{line.away_m / 1000:.2f} km"),
        ]
        for line in lines
    ]  # fmt: skip
    return aligned(heads, rows, right=(6,))
