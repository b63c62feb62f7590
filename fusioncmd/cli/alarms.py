"""`alarms`: what came, the second look, the order that a playbook makes of it, and passwords of sensors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, get_args

import typer
from msgspec import structs
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.alarm.book import Standing
from fusioncmd.api import alarms as asked
from fusioncmd.cli import shell
from fusioncmd.cli.alarm_rows import WHATS, dry_rows, places_at, rows_of
from fusioncmd.cli.alarm_sensors import sensor
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.confirming import can_ask, confirm_order
from fusioncmd.cli.figures import plain
from fusioncmd.cli.issue import PROPOSED, Keys, Yes, own_key
from fusioncmd.cli.shown import tell_done
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, NotFound, Unavailable
from fusioncmd.words import reason, say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Alarms from outside: list, look, issue.", "外部预警：查看、核实、下达。"),
)  # fmt: skip
app.command(help=say("A password for a sensor, which comes in by MQTT under its name.",
                     "为传感器生成 MQTT 口令（用户名即其名称）。"))(sensor)  # fmt: skip
_alarm = say("The alarm's id, or the end of it.", "预警编号，可只给末尾。")
AlarmArgument = Annotated[str, typer.Argument(metavar="ALARM", help=_alarm)]
_place = say("Of this place, below and above it.", "该地点及其上下级的预警。")
PlaceOption = Annotated[str, typer.Option("--place", metavar="PLACE", autocompletion=complete_place, help=_place)]
_standing = say("Only those that are open, confirmed, dismissed or over.", "仅列 open、confirmed、dismissed 或 over。")
_words = say("Why.", "说明。")
WordsOption = Annotated[str, typer.Option("--text", metavar="WORDS", help=_words)]
_still = say("Write the picture on which it was seen (WebP) here.", "将识别时的画面（WebP）写入该文件。")
StillOption = Annotated[Path | None, typer.Option("--still", metavar="FILE", help=_still)]
_playbook = say("Of those that apply, this one.", "使用该预案。")
_file = say("Playbooks to try (TOML); without it, the node's own.", "待试的预案文件；缺省为节点现用预案。")
ASKED_MAX = asked.PAGE_MAX
READY_MS_MAX = 50 * 60_000  # an order's id is good for an hour (orders.py)


@app.command("list", help=say("What came, the newest first.", "列出预警，最新在前。"))
def list_alarms(
    place: PlaceOption = "",
    standing: Annotated[str, typer.Option("--state", metavar="STATE", help=_standing)] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=ASKED_MAX)] = 50,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        if standing and standing not in get_args(Standing):
            raise BadInput(f"There is no state {standing}.", f"没有状态 {standing}。")
        places = shell.load_divisions(divisions)
        code = places.find(place).code if place else ""
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.Alarms(code, standing or None, limit))  # type: ignore[arg-type]
        if as_json:
            shell.print_json(reply)
            return
        for row in rows_of(reply.lines, places):
            shell.say_line(row)
        if not reply.lines:
            shell.say_line(say("No alarms.", "暂无预警。"))
        if reply.problem_en:
            shell.err.print(say(reply.problem_en, reply.problem_zh), soft_wrap=True)

    shell.run(go(), as_json)


@app.command(help=say("One of them, and what a playbook would make of it.", "预警详情及预案将下达的指令。"))
def show(
    alarm: AlarmArgument, still: StillOption = None, nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None, as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.OneAlarm(await _find(commander, alarm)))
            if still is not None:
                found = await commander.ask(asked.AlarmStill(reply.line.alarm.id))
                with whole_file(still) as file:
                    file.write(found.data)
        _tell(reply, divisions, as_json)

    shell.run(go(), as_json)


@app.command(help=say("The second look: it is so.", "核实：情况属实。"))
def confirm(
    alarm: AlarmArgument, text: WordsOption = "", nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    _look(alarm, True, text, nats, as_json)


@app.command(help=say("The second look: it is nothing.", "核实：误报，予以排除。"))
def dismiss(
    alarm: AlarmArgument, text: WordsOption = "", nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:  # fmt: skip
    _look(alarm, False, text, nats, as_json)


def _look(alarm: str, is_so: bool, text: str, nats: str, as_json: bool) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.LookAtAlarm(await _find(commander, alarm), is_so, text))
        _tell(reply, None, as_json)

    shell.run(go(), as_json)


@app.command(help=say("Issue the order that a playbook made of it.", "一键下达预案备好的指令。"))
def issue(
    alarm: AlarmArgument,
    playbook: Annotated[str, typer.Option("--playbook", metavar="NAME", help=_playbook)] = "",
    keys: Keys = None,
    yes: Yes = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> bool:
        places = shell.load_divisions(divisions)
        async with shell.commanding(nats, keys) as commander:
            reply = await commander.ask(asked.OneAlarm(await _find(commander, alarm)))
            applies = [each for each in reply.applies if playbook in ("", each.playbook)]
            if len(applies) != 1 or applies[0].draft is None:
                raise _which(applies)
            draft = structs.replace(applies[0].draft, id=_ready(reply.line, applies[0].playbook) or applies[0].draft.id)
            own = await own_key(commander, keys, draft.status)
            if draft.status == "actual" and draft.audience is not None and not yes and can_ask():
                await confirm_order(draft, await commander.ask(api.Preview(draft.audience, draft.status)), places)
            done = await commander.issue_or_propose(draft, own)
            tell_done(done, places, as_json, follow_it=True)
            return isinstance(done, api.Issued)

    if not shell.run(go(), as_json):
        raise typer.Exit(PROPOSED)


@app.command(help=say("What playbooks would have done about past alarms.", "用历史预警试运行预案，不下达。"))
def dry(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help=_file)] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        text = b"" if file is None else _read(file)
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.DryPlaybooks(text))
        if as_json:
            shell.print_json(reply)
            return
        for row in dry_rows(reply.lines, shell.load_divisions(divisions)):
            shell.say_line(row)
        found, times = reply.looked_at, len(reply.lines)
        shell.say_line(say(f"{found} alarms, {times} times a playbook applies. Nothing was issued.",
                           f"共 {found} 条预警，预案适用 {times} 次；未下达任何指令。"))  # fmt: skip

    shell.run(go(), as_json)


async def _find(commander: Commander, text: str) -> bytes:
    """By the whole id, or by its end where only one ends so."""
    wanted = text.strip().upper()
    if len(wanted) == ids.TEXT_CHARS:
        return ids.from_text(wanted)
    known = (line.alarm.id for line in (await commander.ask(asked.Alarms(limit=ASKED_MAX))).lines)
    found = [ident for ident in known if len(wanted) >= 3 and ids.to_text(ident).endswith(wanted)]
    if len(found) != 1:
        raise NotFound(
            f"{len(found)} of the last {ASKED_MAX} alarms end in {text!r}; give more of it.",
            f"最近 {ASKED_MAX} 条预警中有 {len(found)} 条以“{text}”结尾，请给出更多位。",
        )
    return found[0]


def _ready(line: asked.AlarmLine, playbook: str) -> bytes | None:
    """One id of all who touch it, as long as it is good: whoever is second issues nothing anew, nor does who was first
    and touches it again."""
    ready = [each for each in line.decided if each.playbook == playbook and each.what in ("prepared", "issued")]
    young = [each for each in ready if time.time() * 1000 - each.at_ms < READY_MS_MAX]
    return young[-1].order if young else None


def _which(applies: list[asked.Applies]) -> BadInput | NotFound:
    if not applies:
        return NotFound("No playbook applies.", "没有适用的预案。")
    if len(applies) == 1:
        return BadInput(applies[0].problem_en, applies[0].problem_zh)
    names = ", ".join(each.playbook for each in applies)
    return BadInput(
        f"Several apply; name one with --playbook: {names}.", f"有多个预案适用，请用 --playbook 指定：{names}。"
    )


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None


def _tell(reply: asked.AlarmReply, divisions: Path | None, as_json: bool) -> None:
    if as_json:
        shell.print_json(reply)
        return
    places = shell.load_divisions(divisions)
    for row in rows_of((reply.line,), places):
        shell.say_line(row)
    alarm = reply.line.alarm
    if alarm.text:
        shell.say_line(Text(plain(alarm.text)))
    for evidence in alarm.evidence:
        shell.say_line(Text(f"  {evidence.kind}: {plain(evidence.what)}", "dim"))
    for row in places_at(reply):
        shell.say_line(row)
    for decided in reply.line.decided:
        line = f"  {say(*WHATS[decided.what])}  {plain(decided.by)}"
        shell.say_line(Text(f"{line}  {plain(say(*decided.words))}".rstrip()))
    for each in reply.applies:
        if each.draft is None:
            shell.say_line(Text(f"  {each.playbook}: {say(each.problem_en, each.problem_zh)}", "yellow"))
            continue
        head = say(f"{each.playbook} would call {each.people} people", f"预案 {each.playbook} 将呼叫 {each.people} 人")
        shell.say_line(Text(f"  {head}: {plain(each.draft.text)}"))
