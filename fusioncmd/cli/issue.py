"""`call`, `update`, `cancel`: what a commander sends."""

from __future__ import annotations

import getpass
import os
import time
from typing import Annotated

import typer

from fusioncmd import api, ids, limits
from fusioncmd.cli import shell
from fusioncmd.cli.figures import mode_text
from fusioncmd.client import Commander
from fusioncmd.divisions import Divisions
from fusioncmd.errors import BadInput
from fusioncmd.messages import MsgType, Selector, Severity
from fusioncmd.roster.sample import ROLES
from fusioncmd.words import say

Text = Annotated[str, typer.Option("--text", help=say("What responders read.", "指令内容。"))]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", help=say("An answer to choose from; the most urgent last.", "可选答复，最紧急的放最后。")),
]
Issuer = Annotated[str, typer.Option(help=say("Who issues it.", "签发人。"))]


def _complete_role(incomplete: str) -> list[str]:
    return [role for role in ROLES if role.startswith(incomplete)]


def call(
    to: Annotated[list[str], typer.Option("--to", help=say("A place: code or name.", "地点：代码或名称。"))],
    text: Text,
    role: Annotated[
        list[str] | None, typer.Option(autocompletion=_complete_role, help=say("Only this role.", "仅限该职责。"))
    ] = None,
    not_to: Annotated[list[str] | None, typer.Option(help=say("Except this place.", "排除该地点。"))] = None,
    not_role: Annotated[list[str] | None, typer.Option(help=say("Except this role.", "排除该职责。"))] = None,
    answer: Answers = None,
    receive_within: Annotated[str, typer.Option(help=say("Deadline to receive.", "接收期限。"))] = "2m",
    answer_within: Annotated[str, typer.Option(help=say("Deadline to answer.", "答复期限。"))] = "10m",
    open_for: Annotated[str, typer.Option(help=say("Delivered to late-comers for.", "有效期。"))] = "24h",
    severity: Annotated[str, typer.Option(help="extreme | severe | moderate | minor | unknown")] = "severe",
    exercise: Annotated[bool, typer.Option("--exercise", help=say("An exercise, not actual.", "演练。"))] = False,
    issuer: Issuer = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help=say("Only count who is meant.", "仅统计对象。"))] = False,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Call people down: who is there, have you got this, what do you answer?"""

    async def go() -> None:
        places = shell.load_divisions(divisions)
        audience = selector(places, to, role or [], not_to or [], not_role or [])
        within = min(shell.seconds(receive_within), shell.seconds(answer_within))
        draft = api.Draft(
            id=new_id(), status="exercise" if exercise else "actual", issuer=issuer or getpass.getuser(), text=text,
            severity=_severity(severity), answers=tuple(answer or ()), audience=audience, receive_within_s=within,
            answer_within_s=shell.seconds(answer_within),
            open_s=max(shell.seconds(open_for), shell.seconds(answer_within)),
        )  # fmt: skip
        async with shell.connect(nats) as bus:
            if dry_run:
                _tell_preview(await Commander(bus).ask(api.Preview(audience)), as_json)
            else:
                _tell_issued(await Commander(bus).ask(api.Issue(draft)), as_json)

    shell.run(go(), as_json)


def update(
    order: shell.OrderArgument,
    text: Text,
    answer: Answers = None,
    issuer: Issuer = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Replace an open order by a corrected one, to the same people."""
    shell.run(_follow(order, "update", text, tuple(answer or ()), issuer, nats, as_json), as_json)


def cancel(
    order: shell.OrderArgument,
    text: Text = say("Cancelled.", "指令取消。"),
    issuer: Issuer = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """End an order: exactly those who were told of it are told so."""
    shell.run(_follow(order, "cancel", text, (), issuer, nats, as_json), as_json)


async def _follow(
    order: str, msg_type: MsgType, text: str, answers: tuple[str, ...], issuer: str, nats: str, as_json: bool
) -> None:
    async with shell.connect(nats) as bus:
        commander = Commander(bus)
        before = (await shell.find_order(commander, order)).order
        draft = api.Draft(
            id=new_id(), msg_type=msg_type, status=before.status, refs=before.id, issuer=issuer or getpass.getuser(),
            text=text, severity=before.severity, answers=answers, receive_within_s=before.receive_within_s,
            answer_within_s=before.answer_within_s, open_s=before.open_s,
        )  # fmt: skip
        _tell_issued(await commander.ask(api.Issue(draft)), as_json)


def new_id() -> bytes:
    return ids.make(int(time.time() * 1000), os.urandom(ids.ENTROPY_BYTES))


def selector(places: Divisions, to: list[str], role: list[str], not_to: list[str], not_role: list[str]) -> Selector:
    if len(to) > limits.SELECTOR_NODES_MAX or len(not_to) > limits.SELECTOR_NODES_MAX:
        raise BadInput(
            f"At most {limits.SELECTOR_NODES_MAX} places can be named.", f"最多 {limits.SELECTOR_NODES_MAX} 个地点。"
        )
    nodes = tuple(dict.fromkeys(places.find(text).code for text in to))
    return Selector(nodes, tuple(role), tuple(places.find(text).code for text in not_to), tuple(not_role))


def _severity(text: str) -> Severity:
    for known in ("extreme", "severe", "moderate", "minor", "unknown"):
        if text == known:
            return known
    raise BadInput(f"{text!r} is no severity (CAP 1.2).", f"“{text}”不是严重程度（CAP 1.2）。")


def _tell_preview(reply: api.PreviewReply, as_json: bool) -> None:
    if as_json:
        shell.print_json(reply)
    else:
        shell.say_line(
            say(
                f"{reply.targeted:,} people are meant, {reply.reachable:,} of them have a live channel. Nothing was sent.",
                f"对象 {reply.targeted:,} 人，其中在线 {reply.reachable:,} 人。未发送。",
            )
        )


def _tell_issued(issued: api.Issued, as_json: bool) -> None:
    if as_json:
        shell.print_json(
            {"id": issued.order.id, "targeted": issued.targeted, "reachable": issued.reachable, "order": issued.order}
        )
        return
    shell.out.print(mode_text(issued.order.status))
    name = ids.to_text(issued.order.id)
    shell.say_line(
        say(
            f"{name}  is on disk and on its way: {issued.targeted:,} people meant, {issued.reachable:,} reachable now.",
            f"{name}  已落盘并下发：对象 {issued.targeted:,} 人，当前在线 {issued.reachable:,} 人。",
        )
    )
    shell.say_line(say(f"Follow it: fusioncmd watch {name}", f"跟踪：fusioncmd watch {name}"))
