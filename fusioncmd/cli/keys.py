"""`keys`: the keys that sign orders. `fusioncmd up` makes them in an empty folder by itself.

How keys are granted is in `keys_grant.py`, how they end in `keys_end.py`.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fusioncmd import keys, limits
from fusioncmd.api.keys import KeyLine, Keys
from fusioncmd.cli import keys_end, keys_grant, shell
from fusioncmd.cli.asking import commanding
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.cli.drafts import check_length
from fusioncmd.cli.key_options import KeysOption, now_ms
from fusioncmd.cli.key_rows import Row, cells, shelf
from fusioncmd.cli.lists import aligned
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Conflict, Forbidden, Unavailable
from fusioncmd.trust import ring
from fusioncmd.words import say

HOLDER_CHARS_MAX = limits.ISSUER_CHARS_MAX - 8  # the node's own key adds a word to it
NODE_S_MAX = 2.0

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("The keys that sign orders: make, grant, list, end them.", "签署指令的密钥：生成、授予、查看、撤销。"),
)  # fmt: skip
_holder = say("Who issues orders (default: the place's name).", "签发单位（默认为地点名称）。")


def make_keys(data: Path, node: str, places: Divisions, holder: str = "") -> bool:
    """The keys of `node` in `data`, in the name of `holder` or of the place; False when they were there already."""
    name = holder or places.name(places.find(node))[:HOLDER_CHARS_MAX]
    return ring.make(ring.folder_of(data), node, name, now_ms())


def root_key_words(data: Path) -> str:
    """What has to be told of the root key while it lies in `data`; empty when it does not."""
    root = ring.root_key_file(ring.folder_of(data))
    if not root.exists():
        return ""
    return say(f"Move {root} to a safe off this machine: it grants all other keys, and nothing here needs it.",
               f"请将 {root} 移出本机妥善保管：它可授予其他一切密钥，而日常运行并不需要它。")  # fmt: skip


@app.command(help=say("Make root, node and office keys, once.", "生成根密钥、节点密钥与签发密钥（仅一次）。"))
def init(
    node: PlaceOption = "",
    holder: Annotated[str, typer.Option(metavar="NAME", help=_holder)] = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places, path, home = at_tier(node, data, divisions)
        if holder:
            check_length(holder, HOLDER_CHARS_MAX, say("--holder", "--holder "))
        keys.claim(home, path.code)
        folder = ring.folder_of(home)
        if not make_keys(home, path.code, places, holder):
            raise Conflict(f"There are keys in {folder} already.", f"{folder} 中已有密钥。")
        if as_json:
            shell.print_json({"folder": folder, "keys": list(ring.held(folder))})
            return
        shell.say_line(say(f"Keys were made in {folder}.", f"已在 {folder} 生成密钥。"))
        shell.say_line(root_key_words(home))

    shell.run(go(), as_json)


@app.command(
    "list", help=say("Whose they are, by what right, for how long, last heard.", "持有人、授权链、期限与最近心跳。")
)
def list_keys(
    node: PlaceOption = "",
    data: DataOption = None,
    folder: KeysOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        home = folder or ring.folder_of(at_tier(node, data, divisions).data)
        known, why = await _at_node(nats, home)
        ended = ring.revocations(home)  # says it where no root is trusted
        rows = [Row.of(one, ended, known) for one in shelf(home, ended.anchors)]
        if as_json:
            answers = known is not None
            shell.print_json({"folder": home, "keys": rows, "node_answers": answers})
            return
        heads = [say("key", "密钥"), say("holder", "持有人"), say("place", "地点"), say("mode", "类别"),
                 say("for", "用途"), say("days left", "剩余天数"), say("private key", "私钥"),
                 say("last heard", "最近心跳"), say("granted by", "授权人")]  # fmt: skip
        for line in aligned(heads, [cells(row, now_ms()) for row in rows], right=(5,)):
            shell.say_line(line)
        if known is None:
            shell.err.print(say("When a key was last heard, and what was revoked elsewhere, is not known: ",
                                "无法得知最近心跳及在别处的撤销情况：") + why,
                            style="bold yellow", soft_wrap=True)  # fmt: skip

    shell.run(go(), as_json)


@app.command(
    "roots",
    help=say("The root keys that terminals believe: base 64, one a line.", "终端所信任的根密钥：每行一个，base 64。"),
)
def show_roots(
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        found = ring.roots(ring.folder_of(at_tier(node, data, divisions).data))
        lines = [urlsafe_b64encode(msgspec.msgpack.encode(root)).rstrip(b"=").decode() for root in found]
        if as_json:
            shell.print_json({"roots": lines})
            return
        for line in lines:
            shell.say_line(line)

    shell.run(go(), as_json)


async def _at_node(nats: str, home: Path) -> tuple[dict[bytes, KeyLine] | None, str]:
    """What the node knows of each grant; None, and why, when it is not told."""
    try:
        async with commanding(nats, home, NODE_S_MAX) as commander:
            return {line.grant: line for line in (await commander.ask(Keys(), NODE_S_MAX)).lines}, ""
    except (Unavailable, Forbidden) as problem:
        return None, say(problem.en, problem.zh)


app.command(help=say("Make keys, and ask for a grant of them.", "生成密钥并申请授权。"))(keys_grant.request)
app.command(help=say("Grant what was asked for, with a key above.", "用上级密钥授权。"))(keys_grant.grant)
app.command(help=say("Put what was granted beside the keys.", "收取授权。"))(keys_grant.take)
app.command(help=say("The next key, early, beside the old one.", "提前更换密钥，新旧并用。"))(keys_grant.rotate)
app.command(help=say("End a key: stolen, lost, or no longer needed.", "撤销密钥：被盗、遗失或不再需要。"))(
    keys_end.revoke
)
app.command(help=say("Bring revocations to a node that answers now.", "将撤销声明送达节点。"))(keys_end.bring)
app.command(help=say("Show that the keys here still work (for cron).", "证明密钥可用（可定时执行）。"))(keys_end.beat)
