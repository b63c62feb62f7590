"""Branches that are cut, a line each: since when, and what the figures from there are worth. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import api
from fusioncmd.cli.durations import clock
from fusioncmd.words import say


def cut_lines(cut: Sequence[api.CutLine], now_ms: int) -> list[Text]:
    return [Text(_words(line, now_ms), "bold red") for line in cut]


def _words(line: api.CutLine, now_ms: int) -> str:
    age = clock(max(0, now_ms - line.since_ms) // 1000)
    if line.state == "cut":
        return say(
            f"{line.code}: cut off for {age}; figures from there are those of then",
            f"{line.code}：链路中断 {age}，该处数字为中断前所知",
        )
    return say(
        f"{line.code}: for {age} nothing from here arrives there; figures from there are of now",
        f"{line.code}：{age} 以来本级信息送不到该处，该处数字为当前值",
    )
