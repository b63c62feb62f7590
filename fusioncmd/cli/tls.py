"""`tls init`: certificates to try TLS with, for the bus and for the proxy in front of the terminals."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import keys, tls
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.words import say

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Certificates for development.", "开发用证书。"),
)  # fmt: skip
HostOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help=say("A name or address of the server, too.", "服务器的其他名称或地址。")),
]


@app.callback()
def _root() -> None:
    """Keeps `init` a command of its own."""


@app.command(help=say("Make an authority and a server's certificate, once.", "生成开发用 CA 与服务器证书（仅一次）。"))
def init(
    host: HostOption = None,
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        _, path, home = at_tier(node, data, divisions)
        keys.claim(home, path.code)
        folder: Path = home / "tls"
        tls.make(folder, host or (), datetime.datetime.now(datetime.UTC))
        if as_json:
            shell.print_json({"folder": folder, "ca": folder / tls.CA, "certificate": folder / tls.SERVER})
            return
        shell.say_line(say(f"Certificates for DEVELOPMENT were made in {folder}; clients trust {folder / tls.CA}.",
                           f"已在 {folder} 生成开发用证书；客户端信任 {folder / tls.CA}。"))  # fmt: skip
        shell.say_line(say("For real use, give `up` those of your own authority: --tls-cert, --tls-key, --tls-ca.",
                           "正式使用请采用本单位 CA 签发的证书：--tls-cert、--tls-key、--tls-ca。"))  # fmt: skip

    shell.run(go(), as_json)
