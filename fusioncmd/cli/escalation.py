"""`ladder`, `answer`: how an order escalates, who the superior is told of, and answering on behalf of somebody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import api, limits
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain, stage_text
from fusioncmd.cli.ladder_view import ladder_lines, standing_words
from fusioncmd.cli.people import show_people
from fusioncmd.cli.rows import answer_index, csv_head, csv_lines
from fusioncmd.cli.shown import tell_head
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.ladder.steps import NAMED, named
from fusioncmd.words import either, say

_names = say("Also name those whom the superior has to look after.", "并列出已转上级的人员。")


def ladder_of(text: str) -> str:
    """What `--ladder` means: a name, a ladder as it is written, or a file that holds one; empty: the node's own."""
    if not text or text in NAMED:
        return NAMED.get(text, "")
    file = Path(text)
    try:
        return named(file.read_text("utf-8") if file.is_file() else text).text
    except (OSError, UnicodeDecodeError):
        raise NotFound(f"{text} cannot be read as a ladder.", f"无法将 {text} 读作升级阶梯。") from None


def ladder(
    order: shell.OrderArgument,
    node: shell.NodeOption = "",
    names: Annotated[bool, typer.Option("--names", help=_names)] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=say("Only the names, as CSV.", "仅以 CSV 列出人员。"))] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """How an order escalates: each step, whom it reached, and what became of it."""

    async def go() -> None:
        code = shell.code_of(node, divisions)
        async with shell.commanding(nats) as commander:
            line = await shell.order_line(order, commander)
            ident = line.order.id
            reply = await commander.ask(api.Ladder(ident, code))
            now_ms = (await commander.ask(api.Health())).now_ms
            wanted = names or as_csv
            people = await commander.ask(_escalated(ident, code)) if wanted else api.People((), 0, None)
        if as_json:
            shell.print_json({"ladder": reply.ladder, "runs_s": reply.runs_s, "over": reply.over, "steps": reply.steps,
                              "told": reply.told,
                              "escalated": people.people})  # fmt: skip
        elif as_csv:
            shell.say_line((csv_head() + csv_lines(people.people)).rstrip("\n"))
        else:
            tell_head(shell.out, line.order)
            shell.say_line(f"  {plain(line.order.text)}")
            _show(reply, now_ms)
            if people.people:
                show_people(people.people, (say("standing", "状态"), stage_text))

    shell.run(go(), as_json)


def _escalated(ident: bytes, code: str) -> api.Who:
    return api.Who(ident, "escalated", code, limit=limits.WHO_PAGE_MAX)


def _show(reply: api.LadderReply, now_ms: int) -> None:
    if not reply.ladder:
        shell.say_line(
            say(
                "That order climbs no ladder: give one with `call --ladder`.",
                "该指令没有升级阶梯：下达时可用 call --ladder 指定。",
            )
        )
        return
    shell.say_line(standing_words(reply))
    for line in ladder_lines(reply, now_ms, shell.width()):
        shell.out.print(line, soft_wrap=True)
    for problem in either(reply.problems, reply.problems_zh):
        shell.say_line(plain(problem))


def answer(
    order: shell.OrderArgument,
    person: Annotated[
        str, typer.Argument(metavar="PERSON", help=say("An id, or a whole name or phone.", "编号、姓名或电话。"))
    ],
    words: Annotated[str, typer.Argument(metavar="ANSWER", help=say("Its words or number.", "答复文字或序号。"))],
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Answer on behalf of somebody who cannot: shown as such, never counted as their own answer."""

    async def go() -> None:
        async with shell.commanding(nats) as commander:
            line = await shell.order_line(order, commander)
            number = await _number(commander, person)
            index = answer_index(words, line.order.answers)
            done = await commander.ask(api.AnswerFor(line.order.id, number, index))
        if as_json:
            shell.print_json({"order": line.order.id, "number": number, "answer": done.answer, "by": done.by})
        else:
            shell.say_line(say(
                f"{plain(done.name)}: {plain(done.answer)}, on behalf, by {plain(done.by)}",
                f"{plain(done.name)}：{plain(done.answer)}（{plain(done.by)} 代答）",
            ))  # fmt: skip

    shell.run(go(), as_json)


async def _number(commander: Commander, person: str) -> int:
    """The one person of that id, name or phone."""
    found = (await commander.ask(api.Find(person))).people
    exact = [p for p in found if p.id == person] or [p for p in found if person in (p.name, p.phone)]
    if not exact:
        raise NotFound(f"There is nobody called {person}.", f"没有“{person}”。")
    if len(exact) > 1:
        raise BadInput(
            f"{len(exact)} people are called {person}; give the id.", f"有 {len(exact)} 人叫“{person}”，请写编号。"
        )
    return exact[0].number
