"""`call`, `update`, `cancel`: what a commander sends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.browse import Browse
from fusioncmd.cli.completion import complete_place, complete_role
from fusioncmd.cli.drafts import SEVERITIES, alert, audience_words, deadlines, selector, severity, successor
from fusioncmd.cli.figures import kind_words, mode_text, plain
from fusioncmd.cli.follow import follow
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.keys import data_folder
from fusioncmd.messages import MsgType, Selector, Status
from fusioncmd.trust import ring
from fusioncmd.trust.grants import Credential
from fusioncmd.words import say

_answers = say("An answer to choose from; the most urgent last.", "可选答复，可多次给出，最紧急的放最后。")
_receive = say("Deadline to receive: 90s, 2m (default), 1h.", "接收期限：90s、2m（默认）、1h。")
_answer = say("Deadline to answer (default 10m).", "答复期限（默认 10m）。")
_open = say("How long late-comers get it (default 24h).", "有效期，期间上线者仍会收到（默认 24h）。")
_exercise = say("An exercise. Without it the order is ACTUAL.", "演练。不加此项即为实战。")
_dry = say("Only count who is meant; send nothing.", "仅统计对象，不下发。")
_role = say("Only people with this role; repeat for more.", "仅限该职责，可多次给出。")

IssuedText = Annotated[str, typer.Option("--text", metavar="WORDS", help=say("What responders read.", "指令内容。"))]
Answers = Annotated[list[str] | None, typer.Option("--answer", metavar="WORDS", help=_answers)]
_keys = say("The folder with your keys (default: the tier's).", "您的密钥所在目录（默认为节点的密钥目录）。")
Keys = Annotated[Path | None, typer.Option("--keys", metavar="FOLDER", envvar="FUSIONCMD_KEYS", help=_keys)]
Roles = Annotated[list[str] | None, typer.Option("--role", metavar="ROLE", autocompletion=complete_role, help=_role)]
NotRoles = Annotated[
    list[str] | None,
    typer.Option(
        "--not-role", metavar="ROLE", autocompletion=complete_role, help=say("Not who has this role.", "排除该职责。")
    ),
]
Places = Annotated[
    list[str],
    typer.Option(
        "--to",
        metavar="PLACE",
        autocompletion=complete_place,
        help=say("A place: code or name; repeat for more.", "地点：代码或名称。"),
    ),
]
NotPlaces = Annotated[
    list[str] | None,
    typer.Option(
        "--not-to", metavar="PLACE", autocompletion=complete_place, help=say("Except this place.", "排除该地点。")
    ),
]


def call(
    to: Places,
    text: IssuedText,
    answer: Answers = None,
    role: Roles = None,
    not_to: NotPlaces = None,
    not_role: NotRoles = None,
    receive_within: Annotated[str, typer.Option(metavar="TIME", help=_receive)] = "",
    answer_within: Annotated[str, typer.Option(metavar="TIME", help=_answer)] = "",
    open_for: Annotated[str, typer.Option(metavar="TIME", help=_open)] = "",
    grade: Annotated[str, typer.Option("--severity", metavar="GRADE", help=" | ".join(SEVERITIES))] = "severe",
    exercise: Annotated[bool, typer.Option("--exercise", help=_exercise)] = False,
    keys: Keys = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_dry)] = False,
    watch: Annotated[bool, typer.Option("--watch", help=say("Then watch the answers.", "下发后实时跟踪。"))] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Call people down: who is there, have you got this, what do you answer?"""

    async def go() -> None:
        places = shell.load_divisions(divisions)
        audience = selector(places, to, role or [], not_to or [], not_role or [])
        times = deadlines(receive_within, answer_within, open_for)
        draft = alert(
            new_id(), text, answer or [], audience, times, exercise=exercise, grade=severity(grade)
        )  # fmt: skip
        async with shell.commanding(nats, keys) as commander:
            if dry_run:
                _tell_preview(await commander.ask(api.Preview(audience)), draft.status, audience, places, as_json)
                return
            issued = await commander.issue(draft, await own_key(commander, keys, draft.status))
            _tell_issued(issued, places, as_json, follow_it=not watch)
            if watch:
                await follow(commander, issued.order.id, Browse(), as_json=as_json)

    shell.run(go(), as_json)


def update(
    order: shell.OrderArgument,
    text: IssuedText,
    answer: Answers = None,
    keys: Keys = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Replace an open order by a corrected one, to the same people."""
    shell.run(_succeed(order, "update", text, answer or [], keys, nats, as_json), as_json)


def cancel(
    order: shell.OrderArgument,
    text: IssuedText = "",
    keys: Keys = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """End an order: exactly those who were told of it are told so."""
    shell.run(_succeed(order, "cancel", text or say("Cancelled.", "指令取消。"), [], keys, nats, as_json), as_json)


async def _succeed(
    order: str, msg_type: MsgType, text: str, answers: list[str], keys: Path | None, nats: str, as_json: bool
) -> None:
    async with shell.commanding(nats, keys) as commander:
        before = (await shell.order_line(order, commander)).order
        draft = successor(new_id(), before, msg_type, text, answers)
        issued = await commander.issue(draft, await own_key(commander, keys, draft.status))
        _tell_issued(issued, shell.load_divisions(None), as_json, follow_it=msg_type == "update")


def new_id() -> bytes:
    """Of this moment; made once, so that asking again after a lost reply issues one order."""
    return ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))


async def own_key(commander: Commander, folder: Path | None, status: Status) -> Credential:
    """The key that signs orders of that mode."""
    if folder is None:
        folder = ring.folder_of(data_folder((await commander.ask(api.Health())).node))
    return ring.own_key(folder, status, int(time.time() * 1000))


def _tell_preview(
    reply: api.PreviewReply, status: Status, audience: Selector, places: Divisions, as_json: bool
) -> None:
    if as_json:
        counts = {"targeted": reply.targeted, "reachable": reply.reachable}
        shell.print_json({"dry_run": True, "status": status, "audience": audience, **counts})
        return
    shell.out.print(mode_text(status).append(say("  not sent, only counted", "  未下发，仅统计"), "default not bold"))
    _tell_audience(audience, places, reply.targeted, reply.reachable)


def _tell_issued(issued: api.Issued, places: Divisions, as_json: bool, follow_it: bool) -> None:
    order = issued.order
    if as_json:
        shell.print_json({"id": order.id, "targeted": issued.targeted, "reachable": issued.reachable, "order": order})
        return
    name = ids.to_text(order.id)
    shell.out.print(mode_text(order.status).append(f"  {name}", "bold default"), soft_wrap=True)
    shell.say_line(f"  {kind_words(order.msg_type)}: {plain(order.text)}")
    _tell_audience(order.audience, places, issued.targeted, issued.reachable)
    if follow_it:
        shell.say_line(
            say(f"  It is on disk. Follow it: fusioncmd watch {name}", f"  已落盘。跟踪：fusioncmd watch {name}")
        )


def _tell_audience(audience: Selector, places: Divisions, targeted: int, reachable: int) -> None:
    shell.say_line(say("  to: ", "  对象：") + plain(audience_words(audience, places)))
    people = Text(say(f"  {targeted:,} people meant, ", f"  共 {targeted:,} 人，"))
    style = "" if reachable else "bold yellow"
    shell.out.print(people.append(say(f"{reachable:,} reachable now", f"当前可达 {reachable:,} 人"), style))
