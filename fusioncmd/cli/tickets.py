"""`ticket`: what a responder's device shows to be let in. For some people, or for a whole place at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fusioncmd import api, codes, keys, limits, tickets
from fusioncmd.cli import shell
from fusioncmd.cli.durations import within
from fusioncmd.cli.whole_file import whole_file
from fusioncmd.client import Commander
from fusioncmd.codes import Tier
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.roster.holders import Holder, holder_of, holders_at, mint
from fusioncmd.words import say

KEY_FILE_MODE = 0o600  # a ticket lets its bearer in


def ticket(
    ident: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help=say("A person's id in the roster.", "名册中的人员编号。")),
    ] = None,
    number: Annotated[
        list[int] | None,
        typer.Option("--number", min=0, max=(1 << 32) - 1, metavar="NUMBER", help=say("Their number.", "系统内编号。")),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help=say("Everyone of --node.", "--node 的全部人员。"))] = False,
    node: shell.NodeOption = "",
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="NUMBER", help=say("With --all: how many.", "与 --all 连用：人数。"))
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help=say("With --all: where to (MessagePack).", "与 --all 连用：输出文件。")
        ),
    ] = None,
    valid: Annotated[str, typer.Option(metavar="TIME", help=say("For how long.", "有效期。"))] = "30d",
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help=say("The tier's data folder.", "节点数据目录。"))
    ] = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    """Issue tickets for responders' devices."""

    async def go() -> None:
        valid_s = within(valid, "--valid", limits.TICKET_S_MAX)
        if everyone == bool(ident or number) or everyone != (file is not None):
            raise BadInput(
                "Say for whom: --id or --number, or --all with --out FILE.",
                "请指明对象：--id 或 --number，或 --all 加 --out。",
            )
        places = shell.load_divisions(divisions)
        async with shell.commanding(nats) as commander:
            home = codes.parse((await commander.ask(api.Health())).node)
            key = keys.read_ticket_key(data or keys.data_folder(home.code))
            expires_s = int(time.time()) + valid_s
            if file is not None:
                path = places.find(node) if node else home
                holders = [holder async for holder in holders_at(commander.bus, places, path, limit)]
                _write_all(holders, key, expires_s, file, as_json)
                return
            found = [await _by_id(commander, one) for one in ident or ()]
            found += [await holder_of(commander.bus, home.at(Tier.PROVINCE), one) for one in number or ()]
        for holder in found:
            text = tickets.to_text(mint(holder, key, expires_s))
            if as_json:
                shell.print_json({"number": holder.number, "id": holder.id, "ticket": text, "expires_s": expires_s})
            else:
                shell.say_line(text if len(found) == 1 else f"{holder.id}\t{text}")

    shell.run(go(), as_json)


async def _by_id(commander: Commander, ident: str) -> Holder:
    found = (await commander.ask(api.Find(ident, limit=limits.WHO_PAGE_MAX))).people
    person = next((p for p in found if p.id == ident), None)
    if person is None:
        raise NotFound(f"There is no person with the id {ident}.", f"没有编号为 {ident} 的人员。")
    return Holder(person.number, person.id, person.place, person.roles)


def _write_all(holders: list[Holder], key: bytes, expires_s: int, file: Path, as_json: bool) -> None:
    """A MessagePack list of [number, ticket]."""
    with whole_file(file, KEY_FILE_MODE) as target:
        target.write(msgspec.msgpack.encode([(h.number, mint(h, key, expires_s)) for h in holders]))
    if as_json:
        shell.print_json({"file": file, "tickets": len(holders), "expires_s": expires_s})
    else:
        shell.say_line(
            say(f"{len(holders):,} tickets written to {file}.", f"已将 {len(holders):,} 张票据写入 {file}。")
        )
