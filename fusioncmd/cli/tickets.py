"""`ticket`: what a responder's device shows to be let in."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import api, keys, limits, tickets
from fusioncmd.cli import shell
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.words import say


def ticket(
    ident: Annotated[str, typer.Option("--id", help=say("The person's id in the roster.", "名册中的人员编号。"))],
    valid: Annotated[str, typer.Option(help=say("For how long.", "有效期。"))] = "30d",
    data: Annotated[Path | None, typer.Option(help=say("The tier's data folder.", "节点数据目录。"))] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    as_json: shell.JsonOption = False,
) -> None:
    """Issue a ticket for one responder's device."""

    async def go() -> None:
        valid_s = shell.seconds(valid)
        if valid_s > limits.TICKET_S_MAX:
            raise BadInput("A ticket is valid for a year at most.", "票据有效期最长一年。")
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            found = (await commander.ask(api.Find(ident))).people
            node = (await commander.ask(api.Health())).node
        person = next((p for p in found if p.id == ident), None)
        if person is None:
            raise NotFound(f"There is no person with the id {ident}.", f"没有编号为 {ident} 的人员。")
        key = keys.read_ticket_key(data or keys.data_folder(node))
        expires_s = int(time.time()) + valid_s
        minted = tickets.mint(tickets.Ticket(person.number, person.place, person.roles, expires_s), key)
        text = tickets.to_text(minted)
        if as_json:
            shell.print_json({"number": person.number, "id": person.id, "ticket": text, "expires_s": expires_s})
        else:
            shell.say_line(text)

    shell.run(go(), as_json)
