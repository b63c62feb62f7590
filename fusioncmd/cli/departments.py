"""`departments`: other agencies of a node: add, list what leaves and what enters on one page, remove."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
import typer
from msgspec import structs
from rich.text import Text

from fusioncmd import api
from fusioncmd.api import departments as asked
from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.cli.bus import taken_up
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.drafts import SEVERITIES, severity
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.client import Commander
from fusioncmd.departments import folder
from fusioncmd.departments.department import Department, department_roles
from fusioncmd.errors import BadInput
from fusioncmd.messages import SELECTOR_DESKS_MAX, Selector
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Other departments: add, list, remove.", "协同部门：新增、查看、移除。"),
)  # fmt: skip
_name = say("A letter, then lower-case letters, digits and -.", "以小写字母开头，其后为小写字母、数字或 -。")
Name = Annotated[str, typer.Argument(metavar="NAME", help=_name)]
_takes = say("Alarms of this event leave to it; * for all; repeat.", "向其通报该类预警；* 表示全部；可多次给出。")
_gives = say(
    "It may say alarms of this event; EVENT=WORDS,WORDS for CAP's words for it; repeat.",
    "允许其提供该类预警；事件=CAP中的说法,…；可多次给出。",
)
_at = say("The place that it speaks for (default: the node's); repeat.", "其可涉及的地点（默认为本节点地点）。")
_desk = say("The town or village of its duty desk; orders can name it.", "值班室所在乡镇或村；指令可指定该值班室。")
_url = say("It has no NATS: CAP is posted to this URL.", "对方无 NATS：以 HTTP POST 向该地址发送 CAP。")
_feed = say("It has no NATS: it fetches an Atom feed of CAP.", "对方无 NATS：由其获取 CAP 的 Atom 订阅源。")
_at_once = say("Alarms leave before anybody has confirmed them.", "预警未经核实即通报。")
_again = say("There is one of that name: change it.", "已有同名部门：更改。")


@app.command(help=say("Another agency, and what passes between.", "新增协同部门及互通内容。"))
def add(
    name: Name,
    title: Annotated[str, typer.Option("--title", metavar="TITLE", help=say("Its name for people.", "部门名称。"))],
    takes: Annotated[list[str] | None, typer.Option("--takes", metavar="EVENT", help=_takes)] = None,
    grade: Annotated[str, typer.Option("--severity", metavar="GRADE", help=" | ".join(SEVERITIES))] = "unknown",
    at_once: Annotated[bool, typer.Option("--at-once", help=_at_once)] = False,
    gives: Annotated[list[str] | None, typer.Option("--gives", metavar="EVENT", help=_gives)] = None,
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="PLACE", autocompletion=complete_place, help=_at)
    ] = None,
    desk: Annotated[str, typer.Option("--desk", metavar="PLACE", autocompletion=complete_place, help=_desk)] = "",
    url: Annotated[str, typer.Option("--url", metavar="URL", help=_url)] = "",
    feed: Annotated[bool, typer.Option("--feed", help=_feed)] = False,
    again: Annotated[bool, typer.Option("--again", help=_again)] = False,
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places, path, home = at_tier(node, data, divisions)
        bus = users.folder_of(home)
        made = _department(
            name=name, title=title, node=path.code, url=_checked(url), takes=tuple(takes or ()),
            severity=severity(grade), at_once=at_once, gives=dict(map(_given, gives or ())),
            at=tuple(places.find(text).code for text in at or ()) or (path.code,),
            desk=places.find(desk).code if desk else "", feed=feed, public=None if url or feed else "U" + "A" * 55,
        )  # fmt: skip
        folder.check_new(bus, made, again)
        public, token = folder.make_secret(bus, name, made.by != "nats")
        folder.put(bus, structs.replace(made, public=public), again)
        running = await taken_up(home, None)
        key = folder.seed_file(bus, name) if made.by == "nats" else None
        if as_json:
            shell.print_json({"name": name, "key": key, "token": token, "running": running})
            return
        shell.say_line(say(f"{title} ({name}) is added.", f"已新增 {title}（{name}）。"))
        if key is not None:
            shell.say_line(say(f"Its key is {key}; it belongs on its machine.", f"其密钥：{key}；应交予该部门保存。"))
        else:
            shell.say_line(say("token  ", "令牌  ") + token)

    shell.run(go(), as_json)


@app.command(help=say("It is let in no more, and told nothing more.", "不再允许其接入，亦不再通报。"))
def remove(
    name: Name,
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        home = at_tier(node, data, divisions).data
        folder.remove(users.folder_of(home), name)
        running = await taken_up(home, None)
        if as_json:
            shell.print_json({"name": name, "running": running})
        else:
            shell.say_line(say(f"{name} is removed.", f"已移除 {name}。"))

    shell.run(go(), as_json)


@app.command("list", help=say("What leaves to each, what enters, and how it is.", "各部门：出、入内容与状态。"))
def list_departments(
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        async with shell.commanding(nats) as commander:
            reply = await commander.ask(asked.Departments())
        if as_json:
            shell.print_json(reply)
            return
        if reply.problem_en:
            shell.err.print(plain(say(reply.problem_en, reply.problem_zh)), soft_wrap=True)
        for line in reply.lines:
            _show(line)
        if not reply.lines:
            shell.say_line(say("There is no department.", "尚无协同部门。"))
        elif not reply.gateway:
            shell.say_line(
                say("No gateway of alarms: nothing enters (--alarms).", "无预警网关：无法接收（--alarms）。")
            )

    shell.run(go(), as_json)


async def with_desks(audience: Selector, names: Sequence[str], commander: Commander) -> Selector:
    """And the duty desks of these departments of the node."""
    if not names:
        return audience
    if len(names) > SELECTOR_DESKS_MAX:
        raise BadInput(
            f"--department may be given {SELECTOR_DESKS_MAX} times at most.",
            f"--department 最多可给出 {SELECTOR_DESKS_MAX} 个。",
        )
    node = (await commander.ask(api.Health())).node
    try:
        return msgspec.convert(
            msgspec.to_builtins(structs.replace(audience, desks=department_roles(names, node))), Selector
        )
    except msgspec.ValidationError:
        raise BadInput(f"{', '.join(names)}: no name of a department.", f"{'、'.join(names)} 不是部门名称。") from None


def _show(line: asked.DepartmentLine) -> None:
    here = say("here", "在线") if line.here else say("not there", "不在线") if line.here is False else say("?", "未知")
    shell.out.print(plain(f"{line.name}  {line.title}  {line.by}  {here}"), soft_wrap=True)
    heads = [say("", ""), say("subject", "主题"), say("what", "内容"), say("passed", "次数"), say("refused", "拒绝")]
    rows = []
    for share in line.shares:
        way = say("leaves →", "出 →") if share.way == "leaves" else say("enters ←", "入 ←")
        figures = [Text(str(share.count)), Text(str(share.refused))]
        rows.append([Text(way), Text(plain(share.subject)), Text(plain(say(share.en, share.zh))), *figures])
    for row in aligned(heads, rows):
        shell.say_line(row)
    if line.desk_name:
        shell.say_line(plain(say("duty desk  ", "值班室  ") + f"{line.desk_name}  {line.desk_place}"))
    if line.waiting or line.problem_en:
        waits = say(f"{line.waiting} wait  ", f"待送 {line.waiting}  ")
        shell.say_line(plain(waits + say(line.problem_en, line.problem_zh)))


def _given(text: str) -> tuple[str, tuple[str, ...]]:
    event, _, words = text.partition("=")
    return event.strip(), tuple(word.strip() for word in words.split(",") if word.strip())


def _department(**fields: object) -> Department:
    try:
        return msgspec.convert(fields, Department)
    except msgspec.ValidationError as error:
        raise BadInput(f"No such department can be: {error}.", f"部门参数无效：{error}。") from None


def _checked(url: str) -> str:
    """Alarms and orders are not posted in plain text beyond this machine."""
    if not url:
        return ""
    parts = urlsplit(url)
    try:
        loopback = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        loopback = False
    if not parts.hostname or parts.scheme not in ("http", "https") or (parts.scheme == "http" and not loopback):
        raise BadInput(f"{url[:80]} is no https:// URL.", f"{url[:80]} 不是 https:// 地址。")
    if "@" in parts.netloc:
        raise BadInput(
            "No user or password in the URL: everybody who is logged in sees it; the department's token is its proof.",
            "URL 中不得含用户名或口令：登录者均可见；以部门令牌作凭证。",
        )
    return url
