"""Alarms as lines for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fusioncmd import ids
from fusioncmd.api.alarms import AlarmLine, AlarmReply, DryLine
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.codes import Path
from fusioncmd.divisions import Divisions
from fusioncmd.words import say

STANDINGS = {
    "open": ("open", "待核实"), "confirmed": ("confirmed", "已核实"), "dismissed": ("dismissed", "已排除"),
    "over": ("over", "已解除"),
}  # fmt: skip
SEVERITIES = {
    "extreme": ("extreme", "特别严重"), "severe": ("severe", "严重"), "moderate": ("moderate", "较重"),
    "minor": ("minor", "一般"), "unknown": ("unknown", "未知"),
}  # fmt: skip
WHATS = {
    "confirmed": ("confirmed", "已核实"), "dismissed": ("dismissed", "已排除"), "waits": ("waits for a look", "待核实"),
    "prepared": ("prepared", "已备令"), "issued": ("issued", "已下达"), "failed": ("not issued", "未能下达"),
    "shown": ("shown", "已展示"), "drawn": ("drawn", "已抽取专家"), "lacking": ("lacking", "未完成"),
    "told": ("told", "已通报"),
}  # fmt: skip
_STYLES = {"extreme": "bold red", "severe": "red", "moderate": "yellow"}
NAMED_MAX = 3
END_CHARS = 6  # of an id, by which one is told from others


def rows_of(lines: Sequence[AlarmLine], places: Divisions) -> list[Text]:
    """Heads and one line each; nothing without any."""
    if not lines:
        return []
    heads = [say("alarm", "编号"), say("state", "状态"), say("severity", "等级"), say("what", "类型"),
             say("where", "地点"), "", say("said", "内容")]  # fmt: skip
    rows = [
        [
            Text(ids.to_text(line.alarm.id)[-END_CHARS:]), Text(say(*STANDINGS[line.standing])),
            Text(say(*SEVERITIES[line.gravest]), _STYLES.get(line.gravest, "")), Text(line.alarm.event),
            Text(where(line.alarm.nodes, places)), Text(f"×{line.times}" if line.times > 1 else ""),
            Text(plain(line.alarm.headline)),
        ]
        for line in lines
    ]  # fmt: skip
    return aligned(heads, rows)


def dry_rows(lines: Sequence[DryLine], places: Divisions) -> list[Text]:
    if not lines:
        return []
    heads = [
        say("alarm", "编号"),
        say("playbook", "预案"),
        say("where", "地点"),
        say("people", "人数"),
        say("said", "指令"),
    ]
    rows = [
        [
            Text(ids.to_text(line.alarm.id)[-END_CHARS:]), Text(line.applies.playbook),
            Text(where(line.alarm.nodes, places)), Text(str(line.applies.people)),
            Text(plain(line.applies.draft.text if line.applies.draft else say(
                line.applies.problem_en, line.applies.problem_zh))),
        ]
        for line in lines
    ]  # fmt: skip
    return aligned(heads, rows, right=(3,))


def places_at(reply: AlarmReply) -> list[Text]:
    """The places of the registry where it is, with who is responsible, and the cameras that show it."""
    rows = []
    for place in reply.at:
        people = "、".join(place.people)
        rows.append(Text(plain(f"  {place.kind}: {place.name} ({place.id})  {people}".rstrip())))
    if reply.cameras:
        rows.append(Text(f"  {say('cameras', '摄像头')}: {plain('  '.join(reply.cameras))}"))
    return rows


def order_rows(lines: Sequence[AlarmLine], order: bytes) -> list[Text]:
    """For which alarm an order is, by which playbook, and what was done beside it."""
    rows = []
    for line in lines:
        mine = [each for each in line.decided if order in (each.order, each.calls)]
        name = next((each.playbook for each in mine if each.playbook), "")
        head = say(
            f"alarm {ids.to_text(line.alarm.id)}, playbook {name}", f"预警 {ids.to_text(line.alarm.id)}，预案 {name}"
        )
        rows.append(Text(plain(f"{head}: {line.alarm.headline}")))
        rows += [Text(plain(f"  {say(*WHATS[each.what])}  {each.by}  {say(*each.words)}".rstrip())) for each in mine]
    return rows


def where(codes: Sequence[str], places: Divisions) -> str:
    names = [places.name(Path(code)) if Path(code) in places else code for code in codes[:NAMED_MAX]]
    return "、".join(names) + ("…" if len(codes) > NAMED_MAX else "")
