"""`audit list`, `audit verify`, `audit head`: what was decided and by whom, and the proof that nobody edited it.

All three read the stream itself, so neither the node nor the server has to be believed.
"""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path
from typing import Annotated, get_args

import typer

from fusioncmd import keys, subjects
from fusioncmd.audit import chain
from fusioncmd.audit.entries import Deed
from fusioncmd.audit.head_file import HeadFile, head_file
from fusioncmd.audit.heads import Head
from fusioncmd.audit.proof import elsewhere
from fusioncmd.cli import shell
from fusioncmd.cli.audit_stream import Believed, believe, pages, prove
from fusioncmd.cli.audit_view import (
    Line,
    elsewhere_sentence,
    entry_lines,
    entry_map,
    head_map,
    head_sentence,
    proof_map,
    proof_sentence,
    unsigned_sentence,
)
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.trust import ring
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.words import say

LINES_DEFAULT, LINES_MAX = 200, 100_000

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None,
    help=say("Who decided what: list it, prove that nobody edited it.", "审计：谁作了何决定；验证未被篡改。"),
)  # fmt: skip
_keys = say("The folder with the root keys that are believed (default: the tier's).", "受信任根密钥所在目录。")
KeysOption = Annotated[Path | None, typer.Option("--keys", metavar="FOLDER", envvar="FUSIONCMD_KEYS", help=_keys)]
_deed = say("Only these: ", "仅限：") + " | ".join(get_args(Deed))
_since = say("Only the last 90s, 10m, 2h, 1d.", "仅最近 90s、10m、2h、1d。")
_head = say("A signed head that was kept elsewhere; may be given several times.", "另行保存的签名链头，可多次给出。")
_after = say("The head at which older pages were taken away on purpose.", "有意移走的旧页所止的链头。")
_out = say("Write it there.", "写入文件。")
_limit = say("So many of the newest.", "仅显示最新的若干条。")


@app.command("list", help=say("The entries, the newest last.", "审计条目，最新在后。"))
def list_entries(
    deed: Annotated[str, typer.Option("--deed", metavar="DEED", help=_deed)] = "",
    actor: Annotated[str, typer.Option("--actor", metavar="NAME", help=say("Only whose.", "仅限该行为人。"))] = "",
    since: Annotated[str, typer.Option("--since", metavar="TIME", help=_since)] = "",
    refused: Annotated[bool, typer.Option("--refused", help=say("Only what was refused.", "仅被拒绝的。"))] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, max=LINES_MAX, help=_limit)] = LINES_DEFAULT,
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        if deed and deed not in get_args(Deed):
            raise BadInput(f"{deed[:40]!r} is no deed: {', '.join(get_args(Deed))}.",
                           f"没有“{deed[:40]}”这一事项：{'、'.join(get_args(Deed))}。")  # fmt: skip
        from_ms = int((time.time() - shell.seconds(since)) * 1000) if since else 0
        found: deque[Line] = deque(maxlen=limit)
        async with shell.connect(nats) as bus:
            async for code, stored in pages(bus, shell.code_of(node, divisions)):
                try:
                    page = chain.claimed(stored.data)
                except Untrusted:
                    shell.err.print(_no_page(code, stored.seq), style="bold red", soft_wrap=True)
                    continue
                for number, entry in enumerate(page.entries, start=page.first):
                    kept = deed in ("", entry.deed) and actor in ("", entry.actor) and entry.at_ms >= from_ms
                    if kept and (entry.refused or not refused):
                        found.append(Line(code, page.number, number, entry))
        if as_json:
            shell.print_json({"entries": [entry_map(line) for line in found]})
            return
        for line in entry_lines(found):
            shell.say_line(line)

    shell.run(go(), as_json)


@app.command(help=say("Prove that nothing was edited; status 1 names the first broken link.",
                      "验证未被篡改；断裂时指出首处并以状态 1 结束。"))  # fmt: skip
def verify(
    head: Annotated[list[Path] | None, typer.Option("--head", metavar="FILE", help=_head)] = None,
    after: Annotated[list[Path] | None, typer.Option("--after", metavar="FILE", help=_after)] = None,
    keys_folder: KeysOption = None,
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> bool:
        code = shell.code_of(node, divisions)
        async with shell.connect(nats) as bus:
            believed = await believe(bus, ring.anchors(_folder(keys_folder, code, divisions)))
            own = head_file(_data(code, divisions)).read()  # the node's own copy, where this is its machine
            kept = [believed.hear(data) for data in (*([own] if own else []), *map(_read, head or []))]
            cut_at = [believed.hear(_read(file)) for file in after or []]
            believed.heads = [one for one in believed.heads if one not in cut_at]
            proofs = await prove(bus, code, believed, cut_at)
        away = elsewhere(proofs, {code, *(one.node for one in (*kept, *cut_at))})
        proofs = [proof for proof in proofs if proof not in away]
        if not proofs and not believed.refused:
            raise NotFound("There is no audit on this bus.", "该总线上没有审计。")
        refused = [say(f"What lies at {at} is no signed head. {why.en}", f"{at} 处不是签名链头。{why.zh}")
                   for at, why in believed.refused]  # fmt: skip
        if as_json:
            shell.print_json({"audits": [proof_map(proof) for proof in proofs], "refused": refused,
                              "elsewhere": [proof.node for proof in away]})  # fmt: skip
        else:
            for proof in proofs:
                shell.out.print(proof_sentence(proof), style="" if proof.broken is None else "bold red", soft_wrap=True)
                if said := unsigned_sentence(proof):
                    shell.say_line(said)
            for proof in away:
                shell.say_line(elsewhere_sentence(proof.node))
            for said in refused:
                shell.out.print(said, style="bold red", soft_wrap=True)
        return not refused and all(proof.broken is None for proof in proofs)

    if not shell.run(go(), as_json):
        raise typer.Exit(1)


@app.command("head", help=say("The signed head, to keep elsewhere: then nobody can cut the audit unseen.",
                              "导出签名链头另行保存，日后即可发现截断。"))  # fmt: skip
def show_head(
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=say("Write it there.", "写入文件。"))
    ] = None,
    keys_folder: KeysOption = None,
    node: shell.NodeOption = "",
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        code = shell.code_of(node, divisions)
        path = shell.load_divisions(divisions).find(code) if code else shell.load_divisions(divisions).root
        async with shell.connect(nats) as bus:
            believed: Believed = await believe(bus, ring.anchors(_folder(keys_folder, code, divisions)))
            stored = await bus.last(subjects.audit_head(path))
        if stored is None:
            raise NotFound(f"No head of the audit of {path} was signed yet.", f"{path} 的审计尚无签名链头。")
        found: Head = believed.hear(stored.data)
        if out is not None:
            HeadFile(out).write(stored.data)
        if as_json:
            shell.print_json(head_map(found) | {"out": out})
        else:
            shell.say_line(head_sentence(found))

    shell.run(go(), as_json)


def _data(code: str, divisions: Path | None) -> Path:
    return keys.data_folder(code or shell.load_divisions(divisions).root.code)


def _folder(given: Path | None, code: str, divisions: Path | None) -> Path:
    return given if given is not None else ring.folder_of(_data(code, divisions))


def _read(file: Path) -> bytes:
    data = HeadFile(file).read()
    if not data:
        raise NotFound(f"{file} cannot be read, or is empty.", f"无法读取 {file}，或其为空。")
    return data


def _no_page(code: str, seq: int) -> str:
    return say(f"Message {seq} of the audit of {code} is no page; `fusioncmd audit verify` says more.",
               f"{code} 审计的第 {seq} 条消息不是审计页；详见 fusioncmd audit verify。")  # fmt: skip
