"""Options and sentences that the commands about keys share."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from fusioncmd import keys
from fusioncmd.cli import shell
from fusioncmd.divisions import Divisions
from fusioncmd.errors import Problem, Unavailable
from fusioncmd.trust import ring
from fusioncmd.trust.chains import Chain
from fusioncmd.words import reason, say

_keys = say("The folder with the keys (default: the province's).", "密钥目录（默认为省级节点的密钥目录）。")
KeysOption = Annotated[Path | None, typer.Option("--keys", metavar="FOLDER", envvar="FUSIONCMD_KEYS", help=_keys)]
_by = say("Who signs it: a key's name, or its file (root.key).", "签署所用的密钥：名称或文件（如 root.key）。")
ByOption = Annotated[str, typer.Option("--by", metavar="KEY", help=_by)]
_valid = say("For how long (at most as long as the key above).", "有效期（不超过上级密钥）。")
ValidOption = Annotated[str, typer.Option("--valid", metavar="TIME", help=_valid)]
_out = say("The file to write.", "输出文件。")
OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help=_out)]
MODES = {"actual": ("actual", "实战"), "exercise": ("exercise", "演练")}
PURPOSES = {
    "issue": ("issue", "签发"), "approve": ("approve", "批准"), "node": ("node", "节点"),
    "administer": ("administer", "管理"),
}  # fmt: skip


def folder_of(given: Path | None, places: Divisions) -> Path:
    return given or ring.folder_of(keys.data_folder(places.root.code))


def now_ms() -> int:
    return int(time.time() * 1000)


def day(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(at_ms / 1000))


def chain_words(chain: Chain) -> str:
    """From the root down to whose key it is."""
    return " → ".join(grant.holder for grant in chain.grants)


def write_file(file: Path, content: bytes) -> None:
    """What another person is to be given; nothing secret."""
    try:
        file.write_bytes(content)
    except OSError as error:
        raise _cannot(file, error) from None


def read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise _cannot(file, error) from None


def _cannot(file: Path, error: OSError) -> Problem:
    en, zh = reason(error)
    return Unavailable(f"{file} cannot be used: {en}.", f"无法使用 {file}：{zh}。")


def tell(as_json: bool, value: object, *lines: tuple[str, str]) -> None:
    if as_json:
        shell.print_json(value)
        return
    for line in lines:
        shell.say_line(say(*line))
