"""`call`, `update`, `cancel`: what a commander sends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import api, ids
from fusioncmd.cli import shell
from fusioncmd.cli.browse import Browse
from fusioncmd.cli.completion import complete_place, complete_role
from fusioncmd.cli.confirming import can_ask, confirm_order
from fusioncmd.cli.departments import with_desks
from fusioncmd.cli.drafts import SEVERITIES, alert, deadlines, selector, severity, successor
from fusioncmd.cli.escalation import ladder_of
from fusioncmd.cli.follow import follow, until_approved
from fusioncmd.cli.rows import csv_head, csv_lines
from fusioncmd.cli.shown import tell_done, tell_preview
from fusioncmd.client import Commander
from fusioncmd.keys import data_folder
from fusioncmd.messages import MsgType, Status
from fusioncmd.trust import ring
from fusioncmd.trust.grants import Credential
from fusioncmd.words import say

PROPOSED = 3  # exit status: nothing is sent yet, it waits for a second person
_answers = say("An answer to choose from; the most urgent last.", "可选答复，可多次给出，最紧急的放最后。")
_receive = say("Deadline to receive: 90s, 2m (default), 1h.", "接收期限：90s、2m（默认）、1h。")
_answer = say("Deadline to answer (default 10m).", "答复期限（默认 10m）。")
_open = say("How long late-comers get it (default 24h).", "有效期，期间上线者仍会收到（默认 24h）。")
_exercise = say("An exercise. Without it the order is ACTUAL.", "演练。不加此项即为实战。")
_dry = say(
    "Only count who is meant, and say whether a second person is needed.",
    "仅统计对象，并提示是否须第二人批准，不下发。",
)
_ladder = say(
    "How it escalates: standard, quick, superior, none, or a file (default: the node's ladder.txt).",
    "升级阶梯：standard、quick、superior、none 或文件（默认用节点的 ladder.txt）。",
)
_named = say("With --dry-run: also who has no live channel.", "与 --dry-run 连用：并列出无可用通道人员。")
_as_csv = say("With --dry-run: only those, as CSV.", "与 --dry-run 连用：仅以 CSV 列出这些人员。")
_yes = say("Do not ask before an actual order.", "实战指令下达前不询问。")
Yes = Annotated[bool, typer.Option("--yes", help=_yes)]
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


_department = say("And the duty desk of this department; repeat for more.", "并呼叫该部门值班室，可多次给出。")
Departments = Annotated[list[str] | None, typer.Option("--department", metavar="NAME", help=_department)]


def call(
    to: Places,
    text: IssuedText,
    answer: Answers = None,
    role: Roles = None,
    not_to: NotPlaces = None,
    not_role: NotRoles = None,
    department: Departments = None,
    receive_within: Annotated[str, typer.Option(metavar="TIME", help=_receive)] = "",
    answer_within: Annotated[str, typer.Option(metavar="TIME", help=_answer)] = "",
    open_for: Annotated[str, typer.Option(metavar="TIME", help=_open)] = "",
    grade: Annotated[str, typer.Option("--severity", metavar="GRADE", help=" | ".join(SEVERITIES))] = "severe",
    exercise: Annotated[bool, typer.Option("--exercise", help=_exercise)] = False,
    ladder: Annotated[str, typer.Option("--ladder", metavar="NAME|FILE", help=_ladder)] = "",
    keys: Keys = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_dry)] = False,
    names: Annotated[bool, typer.Option("--names", help=_named)] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help=_as_csv)] = False,
    yes: Yes = False,
    watch: Annotated[bool, typer.Option("--watch", help=say("Then watch the answers.", "下发后实时跟踪。"))] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Call people down: who is there, have you got this, what do you answer?"""

    async def go() -> bool:
        places = shell.load_divisions(divisions)
        audience = selector(places, to, role or [], not_to or [], not_role or [])
        times, steps, grade_of = deadlines(receive_within, answer_within, open_for), ladder_of(ladder), severity(grade)
        async with shell.commanding(nats, keys) as commander:
            audience = await with_desks(audience, department or [], commander)
            draft = alert(
                new_id(await clock_of(commander)), text, answer or [], audience, times, exercise=exercise,
                grade=grade_of, ladder=steps,
            )  # fmt: skip
            ask_first = draft.status == "actual" and not yes and can_ask()
            if dry_run or ask_first:
                preview = await commander.ask(api.Preview(audience, draft.status, names or as_csv))
            if dry_run and as_csv:
                shell.say_line((csv_head() + csv_lines(preview.people)).rstrip("\n"))
            elif dry_run:
                tell_preview(preview, draft.status, audience, places, as_json)
            if dry_run:
                return True
            own = await own_key(commander, keys, draft.status)
            if ask_first:
                await confirm_order(draft, preview, places)
            done = await commander.issue_or_propose(draft, own)
            tell_done(done, places, as_json, follow_it=not watch)
            if watch:
                await until_approved(commander, done.order.id)
                await follow(commander, done.order.id, Browse(), as_json=as_json)
            return watch or isinstance(done, api.Issued)

    if not shell.run(go(), as_json):
        raise typer.Exit(PROPOSED)


def update(
    order: shell.OrderArgument,
    text: IssuedText,
    answer: Answers = None,
    keys: Keys = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Replace an open order by a corrected one, to the same people."""
    if not shell.run(_succeed(order, "update", text, answer or [], keys, nats, as_json), as_json):
        raise typer.Exit(PROPOSED)


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
) -> bool:
    """True when it is issued; else it waits for a second person."""
    async with shell.commanding(nats, keys) as commander:
        before = (await shell.order_line(order, commander)).order
        draft = successor(new_id(await clock_of(commander)), before, msg_type, text, answers)
        done = await commander.issue_or_propose(draft, await own_key(commander, keys, draft.status))
        tell_done(done, shell.load_divisions(None), as_json, follow_it=msg_type == "update")
        return isinstance(done, api.Issued)


def new_id(now_ms: int | None = None) -> bytes:
    """Of that moment, or this one; made once, so that asking again after a lost reply issues one order."""
    return ids.make(int(time.time() * 1000) if now_ms is None else now_ms, os.urandom(ids.ENTROPY_BYTES))


async def clock_of(commander: Commander) -> int:
    """The node's, in ms since 1970: a kit's machine may have lost its own."""
    return (await commander.ask(api.Health())).now_ms


async def own_key(commander: Commander, folder: Path | None, status: Status) -> Credential:
    """The key that signs orders of that mode, by the node's clock."""
    return ring.own_key(await own_folder(commander, folder), status, await clock_of(commander))


async def own_folder(commander: Commander, folder: Path | None) -> Path:
    """Where one's keys are: as given, or the tier's."""
    return folder or ring.folder_of(data_folder((await commander.ask(api.Health())).node))
