"""`keys init`, `keys list`: the keys that sign orders. `fusioncmd up` makes them in an empty folder by itself."""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.text import Text

from fusioncmd import keys, limits
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.drafts import check_length
from fusioncmd.cli.figures import plain
from fusioncmd.cli.lists import aligned
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Conflict
from fusioncmd.trust import ring
from fusioncmd.trust.expiry import DAY_MS, threshold
from fusioncmd.trust.ring import Held
from fusioncmd.words import say

HOLDER_CHARS_MAX = limits.ISSUER_CHARS_MAX - 8  # the node's own key adds a word to it
MODES = {"actual": ("actual", "实战"), "exercise": ("exercise", "演练")}
PURPOSES = {"issue": ("issue", "签发"), "approve": ("approve", "批准"), "node": ("node", "节点")}

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("The keys that sign orders: make them, list them.", "签署指令的密钥：生成、查看。"),
)  # fmt: skip
_place = say("The tier node's place (default: the province).", "本节点所在地点（默认为省级）。")
PlaceOption = Annotated[str, typer.Option("--node", metavar="PLACE", autocompletion=complete_place, help=_place)]
DataOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help=say("The tier's data folder.", "节点数据目录。"))
]
_holder = say("Who issues orders (default: the place's name).", "签发单位（默认为地点名称）。")


def make_keys(data: Path, node: str, places: Divisions, holder: str = "") -> bool:
    """The keys of `node` in `data`, in the name of `holder` or of the place; False when they were there already."""
    name = holder or places.name(places.find(node))[:HOLDER_CHARS_MAX]
    return ring.make(ring.folder_of(data), node, name, int(time.time() * 1000))


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
        places = shell.load_divisions(divisions)
        path = places.find(node) if node else places.root
        if holder:
            check_length(holder, HOLDER_CHARS_MAX, say("--holder", "--holder "))
        home = data or keys.data_folder(path.code)
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


@app.command("list", help=say("Whose they are, for what, and for how long.", "持有人、用途与有效期。"))
def list_keys(
    node: PlaceOption = "",
    data: DataOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places = shell.load_divisions(divisions)
        path = places.find(node) if node else places.root
        folder = ring.folder_of(data or keys.data_folder(path.code))
        ring.anchors(folder)  # says it where there are none
        found = list(ring.held(folder))
        if as_json:
            shell.print_json({"folder": folder, "keys": found})
            return
        heads = [say("key", "密钥"), say("holder", "持有人"), say("place", "地点"), say("mode", "类别"),
                 say("for", "用途"), say("days left", "剩余天数"), say("private key", "私钥")]  # fmt: skip
        for line in aligned(heads, [_cells(one, int(time.time() * 1000)) for one in found], right=(5,)):
            shell.say_line(line)

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
        places = shell.load_divisions(divisions)
        path = places.find(node) if node else places.root
        found = ring.roots(ring.folder_of(data or keys.data_folder(path.code)))
        lines = [urlsafe_b64encode(msgspec.msgpack.encode(root)).rstrip(b"=").decode() for root in found]
        if as_json:
            shell.print_json({"roots": lines})
            return
        for line in lines:
            shell.say_line(line)

    shell.run(go(), as_json)


def _cells(one: Held, now_ms: int) -> list[Text]:
    grant, comma = one.grant, say(", ", "、")
    left = max(0, grant.not_after_ms - now_ms) // DAY_MS
    return [
        Text(one.name),
        Text(plain(grant.holder)),
        Text(grant.path),
        Text(comma.join(say(*MODES[status]) for status in grant.statuses)),
        Text(comma.join(say(*PURPOSES[purpose]) for purpose in grant.purposes)),
        Text(f"{left:,}", "" if threshold(grant, now_ms) is None else "bold red"),
        Text(say("here", "在此") if one.has_key else say("elsewhere", "不在此")),
    ]
