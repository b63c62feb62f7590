"""Experts and draws as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import ids
from fusioncmd.api.experts import DrawReply, ExpertLine
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.words import say

STATES = {"available": ("available", "可抽"), "leave": ("on leave", "休假"), "task": ("on task", "出勤")}
STANDINGS = {
    "": ("drawn", "已抽中"), "accepted": ("accepted", "已接受"), "declined": ("declined", "已婉拒"),
    "arrived": ("arrived", "已到场"), "opinion": ("gave an opinion", "已出具意见"), "signed": ("signed off", "已签退"),
}  # fmt: skip


def expert_rows(lines: Sequence[ExpertLine]) -> list[Text]:
    if not lines:
        return []
    heads = [say("id", "编号"), say("name", "姓名"), say("place", "地点"), say("fields", "专业"), say("grade", "职称"),
             say("state", "状态"), say("away", "距离")]  # fmt: skip
    rows = [
        [
            Text(plain(line.expert.id)), Text(plain(line.expert.name)), Text(line.expert.place),
            Text(plain("、".join(line.expert.fields))), Text(plain(line.expert.grade)),
            Text(say(*STATES[line.expert.state])),
            Text("" if line.away_m is None else f"{line.away_m / 1000:.1f} km"),
        ]
        for line in lines
    ]  # fmt: skip
    return aligned(heads, rows, right=(6,))


def draw_rows(reply: DrawReply) -> list[Text]:
    """The draw, and each who was drawn."""
    found = reply.record
    of, out = len(found.listed.experts), len(found.listed.excluded)
    first = say(
        f"draw {ids.to_text(found.id)}: of {of} eligible, {out} excluded; carried out by {reply.official}",
        f"抽取 {ids.to_text(found.id)}：合格 {of} 名，排除 {out} 名；由 {reply.official} 执行",
    )
    rows = [
        [
            Text(plain(line.field)), Text(plain(line.id)), Text(plain(line.expert.name if line.expert else "")),
            Text(plain(line.expert.phone if line.expert else "")), Text(say(*STANDINGS[line.standing])),
        ]
        for line in reply.lines
    ]  # fmt: skip
    heads = [say("field", "专业"), say("id", "编号"), say("name", "姓名"), say("phone", "电话"), say("state", "状态")]
    shown = [Text(plain(first)), *aligned(heads, rows)]
    if reply.short_en:
        shown.append(Text(say(reply.short_en, reply.short_zh), "yellow"))
    for step in found.steps:
        words = f"  {plain(step.words)}" if step.words else ""
        shown.append(Text(f"  {plain(step.expert)} {say(*STANDINGS[step.what])}{words}", "dim"))
    return shown
