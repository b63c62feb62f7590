"""A roll call as a table on the screen."""

from __future__ import annotations

from rich.text import Text

from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.video.roll import Outcome, RollCall, Turn
from fusioncmd.words import say

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    "waiting": ("waits", "待点"), "called": ("called", "点名中"), "live": ("live", "已上线"),
    "present": ("present", "到位"), "absent": ("absent", "未到"), "skipped": ("skipped", "跳过"),
    "uncalled": ("not called", "未点"),
}  # fmt: skip
COLOURS: dict[Outcome, str] = {"live": "bold green", "present": "green", "absent": "bold red", "called": "bold yellow"}


def roll_lines(call: RollCall, places: Divisions) -> list[Text]:
    heads = [say("place", "代码"), say("name", "地点"), say("outcome", "结果"), say("called", "点名"),
             say("live", "上线"), say("seen", "在线"), say("who", "人员")]  # fmt: skip
    return aligned(heads, [_cells(one, places) for one in call.turns], right=(5,))


def _cells(one: Turn, places: Divisions) -> list[Text]:
    return [
        Text(one.place, "dim"), Text(places.full_name(Path(one.place)), "bold"),
        Text(say(*OUTCOMES[one.outcome]), COLOURS.get(one.outcome, "")), Text(_time(one.called_ms)),
        Text(_time(one.live_ms)), Text(f"{one.seen_ms / 1_000:.0f} s" if one.seen_ms else ""), Text(plain(one.who)),
    ]  # fmt: skip


def _time(at_ms: int) -> str:
    return shell.local_time(at_ms) if at_ms else ""
