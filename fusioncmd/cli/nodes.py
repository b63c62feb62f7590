"""`nodes`: a node below joins: it asks, the tier above approves, it takes what it was granted. Who has joined; an end.

Two files are carried by hand, and neither is secret. From then on the node below may command its own place for as long
as the grant lasts, also when it is cut off.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from fusioncmd import api, keys, limits
from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.asking import commanding
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.cli.bus import taken_up
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.durations import within
from fusioncmd.cli.key_options import ByOption, now_ms, read_file, tell, write_file
from fusioncmd.cli.lists import aligned
from fusioncmd.cli.nodes_end import granting_key, revoke
from fusioncmd.errors import BadInput, Forbidden, NotFound, Unavailable
from fusioncmd.trust import handing, joining, requests, ring
from fusioncmd.words import say

VALID = f"{limits.KEYS_VALID_DAYS}d"
STATES = {"up": ("up", "正常"), "deaf": ("does not hear this node", "单向不通"), "cut": ("cut off", "中断"),
          "mute": ("up, answers no canary", "在线，无探测应答")}  # fmt: skip

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Nodes below and above: ask to join, approve, take, list.", "上下级节点：申请加入、批准、收取、查看。"),
)  # fmt: skip
_below = say("The place of the node that joins.", "申请加入的节点所在地点。")
BelowOption = Annotated[str, typer.Option("--node", metavar="PLACE", autocompletion=complete_place, help=_below)]
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help=say("Where to write it.", "输出文件。"))]
_valid = say("For how long it may command its place, also when it is cut off.", "授权期限；断网期间同样有效。")


@app.command(help=say("On the node below: make its keys, and ask to join.", "在下级节点执行：生成密钥并申请加入。"))
def request(
    node: BelowOption,
    data: DataOption = None,
    out: OutOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places = shell.load_divisions(divisions)
        path = places.find(node)
        if path == places.root:
            raise BadInput("There is nothing above a province to join.", "省级之上没有可加入的节点。")
        home = data or keys.data_folder(path.code)
        keys.claim(home, path.code)
        asked = joining.ask(ring.folder_of(home), users.folder_of(home), path.code, places.name(path))
        file = out or Path(f"{path.code}.join.json")
        write_file(file, msgspec.json.encode(asked))
        tell(
            as_json, {"request": file, "node": path.code, "data": home},
            (f"Keys were made in {home}; they stay there. Bring {file} to the tier above:",
             f"已在 {home} 生成密钥，密钥不离开此处。请将 {file} 交给上级："),
            (f"  fusioncmd nodes approve {file.name}   and then, here: fusioncmd nodes take FILE",
             f"  fusioncmd nodes approve {file.name}   之后在此执行 fusioncmd nodes take 文件"),
        )  # fmt: skip

    shell.run(go(), as_json)


@app.command(help=say("On the node above: let a node below join.", "在上级节点执行：批准下级节点加入。"))
def approve(
    file: Annotated[Path, typer.Argument(metavar="REQUEST", help=say("What was asked for.", "申请文件。"))],
    by: ByOption = "",
    valid: Annotated[str, typer.Option("--valid", metavar="TIME", help=_valid)] = VALID,
    out: OutOption = None,
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        _, path, home = at_tier(node, data, divisions)
        folder, asked = ring.folder_of(home), joining.read_request(read_file(file))
        above = handing.signer_of(folder, by or granting_key(folder))
        valid_ms = within(valid, "--valid", limits.ROOT_VALID_DAYS * 86_400) * 1000
        joined = joining.approve(
            folder, users.folder_of(home), path.code, asked, above, valid_ms, now_ms()
        )  # fmt: skip
        target = out or Path(f"{asked.code}.joined.json")
        write_file(target, msgspec.json.encode(joined))
        running = await taken_up(home, None)
        root = requests.root_name(joined.granted)
        tell(
            as_json, {"joined": target, "node": asked.code, "above": path.code, "root": root, "running": running},
            (f"{asked.deputy.holder} ({asked.code}) may join {path.code}. Give them {target}: "
             f"fusioncmd nodes take {target.name}",
             f"已批准{asked.deputy.holder}（{asked.code}）加入 {path.code}。请交回 {target}："
             f"fusioncmd nodes take {target.name}"),
            (f"The root key is {root}: say it, they will be shown the same.", f"根密钥指纹：{root}，请口头核对。"),
        )  # fmt: skip

    shell.run(go(), as_json)


@app.command(help=say("On the node below: take what was granted.", "在下级节点执行：收取批复。"))
def take(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=say("What was granted.", "批复文件。"))],
    data: DataOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        joined = joining.read_joined(read_file(file))
        home = data or keys.data_folder(joined.code)
        holder, root = joining.take(home, joined, now_ms()), requests.root_name(joined.granted)
        tell(
            as_json, {"node": joined.code, "above": joined.above, "holder": holder, "root": root, "data": home},
            (f"{holder} ({joined.code}) has its keys. This root key is trusted here from now on; is it the one that "
             f"you were told? {root}",
             f"{holder}（{joined.code}）的密钥已就绪。自此信任以下根密钥，请核对：{root}"),
            (f"Start it: fusioncmd up --node {joined.code} --parent HOST:PORT   (there: fusioncmd up --links-port)",
             f"启动：fusioncmd up --node {joined.code} --parent 主机:端口   （上级：fusioncmd up --links-port 端口）"),
        )  # fmt: skip

    shell.run(go(), as_json)


app.command(help=say("On the node above: a node below has no right any more, and its link is cut.",
                     "在上级节点执行：撤销下级节点的授权并断开其链路。"))(revoke)  # fmt: skip


@app.command("list", help=say("Who has joined, and how their links are.", "已加入的节点及链路状态。"))
def list_nodes(
    node: PlaceOption = "",
    data: DataOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places, path, home = at_tier(node, data, divisions)
        approved = {one.serves for one in users.users(users.folder_of(home)) if one.role == "link"}
        above = joining.above(home)
        links = await _links(nats)
        if as_json:
            shell.print_json({"node": path.code, "above": above, "approved": sorted(approved), "links": links})
            return
        states = {link.peer: link for link in links or ()}
        if not approved and not above:
            raise NotFound("No node has joined.", "没有节点加入。")
        rows = [
            [Text(code), Text(places.full_name(places.find(code))), *_state(states.get(code))]
            for code in (*([above] if above else []), *sorted(approved))
        ]
        heads = [say("node", "节点"), say("place", "地点"), say("link", "链路"), say("there and back", "往返时延")]
        for line in aligned(heads, rows):
            shell.say_line(line)
        if links is None:
            shell.err.print(say("No node answers: how the links are is not known.", "节点无应答：链路状态未知。"))

    shell.run(go(), as_json)


async def _links(nats: str) -> tuple[api.LinkLine, ...] | None:
    try:
        async with commanding(nats) as commander:
            return (await commander.ask(api.Health())).links
    except (Unavailable, Forbidden):
        return None


def _state(link: api.LinkLine | None) -> list[Text]:
    if link is None:
        return [Text(say("not seen yet", "尚未连接")), Text("")]
    trip = "" if link.round_trip_ms is None else f"{link.round_trip_ms} ms"
    return [Text(say(*STATES[link.state])), Text(trip)]
