"""`who`: the people of an order, by name and phone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from fusioncmd import api, limits
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain, stage_text
from fusioncmd.cli.lists import aligned, width_of
from fusioncmd.cli.rows import answer_index, standing
from fusioncmd.client import Commander
from fusioncmd.words import say

PEOPLE_SHOWN = 1_000


def _flag(name: str, en: str, zh: str) -> Any:
    return typer.Option(f"--{name}", help=say(en, zh))


def who(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    silent: Annotated[bool, _flag("silent", "Reachable, and did not answer.", "可达但未答。")] = False,
    unreachable: Annotated[bool, _flag("unreachable", "No live channel, no answer.", "不可达且未答。")] = False,
    waiting: Annotated[bool, _flag("waiting", "No answer, for whatever reason.", "未答（含不可达）。")] = False,
    sent: Annotated[bool, _flag("sent", "It was sent to them.", "已发送。")] = False,
    received: Annotated[bool, _flag("received", "Their device has it.", "设备已接收。")] = False,
    answered: Annotated[bool, _flag("answered", "They answered.", "已答复。")] = False,
    answer: Annotated[
        str,
        typer.Option(
            metavar="WORDS", help=say("They gave this answer: its words or number.", "选择了该答复（文字或序号）。")
        ),
    ] = "",
    reported: Annotated[bool, _flag("reported", "They sent a report.", "已报告。")] = False,
    on_behalf: Annotated[bool, _flag("on-behalf", "Somebody answered for them.", "由他人代答。")] = False,
    escalated: Annotated[bool, _flag("escalated", "The superior has their names.", "已转上级。")] = False,
    everyone: Annotated[bool, _flag("all", "Everyone who is meant (the default).", "全部对象（默认）。")] = False,
    limit: Annotated[
        int, typer.Option(min=1, metavar="NUMBER", help=say("How many at most.", "最多显示人数。"))
    ] = PEOPLE_SHOWN,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Names and phones: who is silent, who is unreachable, who answered what."""
    flags: dict[api.Standing, bool] = {
        "silent": silent, "unreachable": unreachable, "waiting": waiting, "sent": sent, "received": received,
        "answered": answered, "reported": reported, "on_behalf": on_behalf, "escalated": escalated,
    }  # fmt: skip

    async def go() -> None:
        asked = standing(flags, everyone, answer)
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            if answer:
                line = await shell.order_line(order, commander)
                ident, index = line.order.id, answer_index(answer, line.order.answers)
            else:
                ident, index = await shell.order_id(order, commander), None
            request = api.Who(ident, asked, code, index, limit=min(limit, limits.WHO_PAGE_MAX))
            people: list[api.Person] = []
            total = 0
            async for page in pages(commander, request):
                people += page.people[: limit - len(people)]
                total = page.total
                if len(people) >= limit:
                    break
        if as_json:
            shell.print_json({"order": ident, "standing": asked, "total": total, "people": people})
        else:
            _show(people, total)

    shell.run(go(), as_json)


async def pages(commander: Commander, request: api.Who) -> AsyncIterator[api.People]:
    """Every page of the answer to `request`, from its `after` on."""
    after: int | None = request.after
    while after is not None:
        page = await commander.ask(
            api.Who(request.order, request.standing, request.node, request.answer, after, request.limit)
        )
        yield page
        after = page.after


def _show(people: list[api.Person], total: int) -> None:
    if not people:
        shell.say_line(say("Nobody.", "无人。"))
        return
    show_people(people, (say("standing", "状态"), stage_text))
    more = "" if len(people) == total else say("; --limit shows more", "；可用 --limit 显示更多")
    shell.say_line(say(f"{len(people):,} of {total:,}{more}", f"{len(people):,} / {total:,} 人{more}"))


def show_people(people: Sequence[api.Person], third: tuple[str, Callable[[api.Person], Text]]) -> None:
    """A line each: name, phone, the `third` column and the place; the roles where there is room."""
    heads = [say("name", "姓名"), say("phone", "电话"), third[0], say("place", "地点")]
    rows = [[_named(p), Text(plain(p.phone)), third[1](p), Text(plain(p.place_name))] for p in people]
    roles = [Text(plain(" ".join(p.roles))) for p in people]
    lines = aligned([*heads, say("roles", "职责")], [[*row, role] for row, role in zip(rows, roles, strict=True)])
    for line in lines if width_of(lines) <= shell.width() else aligned(heads, rows):
        shell.say_line(line)


def _named(person: api.Person) -> Text:
    """With a full dot before it who has a live channel now."""
    channel = Text("● " if person.reachable else "○ ", "green" if person.reachable else "dim")
    return channel.append(plain(person.name), "default")
