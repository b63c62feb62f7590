"""`keys revoke`, `bring`, `beat`: that a key has ended, and that one still works, told to the node."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from fusioncmd import ids
from fusioncmd.api.keys import Beat, Beaten, Revoke, Revoked
from fusioncmd.cli import shell
from fusioncmd.cli.durations import seconds
from fusioncmd.cli.key_options import ByOption, KeysOption, OutOption, folder_of, now_ms, read_file, tell, write_file
from fusioncmd.client import Commander
from fusioncmd.errors import BadInput, NotFound, Problem, Unavailable
from fusioncmd.trust import grants, handing, heartbeats, keyfile, ring
from fusioncmd.trust.requests import Ends, read_ends
from fusioncmd.trust.revocations import revoke as state_end
from fusioncmd.words import say

_target = say("A key's name, whose key, or a grants file.", "密钥名称、持有人或授权文件。")
_since = say(
    "Since when: 2h (ago), 2026-11-24T16:00; default now.", "自何时起：2h（之前）或 2026-11-24T16:00，默认现在。"
)
_file = say("Revocations to bring (default: all that are kept).", "要送达的撤销声明（默认为全部）。")


def revoke(
    target: Annotated[str, typer.Argument(metavar="KEY", help=_target)],
    since: Annotated[str, typer.Option("--since", metavar="TIME", help=_since)] = "",
    by: ByOption = "",
    out: OutOption = None,
    keys: KeysOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        folder = folder_of(keys, shell.load_divisions(divisions))
        since_ms = moment_ms(since, now_ms())
        above = handing.signer_of(folder, by) if by else None
        made = []
        for name, chain in handing.find_grants(folder, target):
            own = above or grants.credential(keyfile.read_key(folder / f"{name}.key"), chain)
            made.append(state_end(own, chain, since_ms))
        kept = [handing.keep_end(folder, statement) for statement in made]
        if out is not None:
            write_file(out, msgspec.json.encode(Ends(tuple(made))))
            said = f"Bring it where a node answers: fusioncmd keys bring {out}"
            tell(as_json, {"file": out, "kept": kept}, (said, f"请送到能连上节点之处：fusioncmd keys bring {out}"))
            return
        told = await brought(made, kept[0].parent, nats)
        tell(as_json, {"revoked": told}, *dict.fromkeys(map(revoked_words, told)))

    shell.run(go(), as_json)


def bring(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help=_file)] = None,
    keys: KeysOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        kept = (
            handing.kept_ends(folder_of(keys, shell.load_divisions(divisions)))
            if file is None
            else [*read_ends(read_file(file)).statements]
        )
        told = await _bring(kept, nats)
        tell(as_json, {"revoked": told}, *dict.fromkeys(map(revoked_words, told)))

    shell.run(go(), as_json)


async def brought(made: list[bytes], kept: Path, nats: str) -> list[Revoked]:
    """What the node says of the statements `made`; a sentence that names the folder where they are `kept` when no node
    answers."""
    try:
        return await _bring(made, nats)
    except Unavailable as problem:
        raise Unavailable(
            f"{problem.en} NOTHING IS REVOKED THERE YET; kept in {kept}: `fusioncmd keys bring` later.",
            f"{problem.zh}尚未在节点生效；已存于 {kept}，请稍后执行 fusioncmd keys bring。",
        ) from None


async def _bring(made: list[bytes], nats: str) -> list[Revoked]:
    async with shell.connect(nats) as bus:
        commander = Commander(bus)
        return [await commander.ask(Revoke(statement)) for statement in made]


def revoked_words(one: Revoked) -> tuple[str, str]:
    at = shell.local_time(one.since_ms)
    en, zh = f"The key of {one.holder} has ended, since {at}.", f"“{one.holder}”的密钥已撤销，自 {at} 起。"
    if one.fallen:
        orders = " ".join(ids.to_text(ident) for ident in one.fallen)
        en += f" Whoever shows these orders goes on showing them until they are cancelled: {orders}"
        zh += f"以下指令在终端上仍会显示，须取消：{orders}"
    return en, zh


def beat(
    keys: KeysOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> bool:
        folder = folder_of(keys, shell.load_divisions(divisions))
        names = [name for name in ring.names(folder) if name != ring.ROOT]
        if not names:  # silence would pass for a beat, and a key that is never heard is taken for a lost one
            raise NotFound(f"No granted key is in {folder}; `fusioncmd keys take` puts what was granted there.",
                           f"{folder} 中没有已授权的密钥；可用 fusioncmd keys take 放入授权文件。")  # fmt: skip
        told: list[tuple[str, Beaten | Problem]] = []
        async with shell.connect(nats) as bus:
            commander = Commander(bus)
            for name in names:
                try:
                    own = grants.credential(keyfile.read_key(folder / f"{name}.key"),
                                            keyfile.read_grants(folder / f"{name}.grants"))  # fmt: skip
                    heard: Beaten = await commander.ask(Beat(heartbeats.beat(own, now_ms())))
                    told.append((name, heard))
                except Unavailable:
                    raise
                except Problem as problem:  # of this key: the others are heard nevertheless
                    told.append((name, problem))
        _tell_beats(told, as_json)
        return not any(isinstance(one, Problem) for _, one in told)

    if not shell.run(go(), as_json):
        raise typer.Exit(1)


def _tell_beats(told: list[tuple[str, Beaten | Problem]], as_json: bool) -> None:
    if as_json:
        problems = {name: one.en for name, one in told if isinstance(one, Problem)}
        shell.print_json({"heard": [name for name, one in told if isinstance(one, Beaten)], "problems": problems})
        return
    for name, one in told:
        if isinstance(one, Problem):
            shell.err.print(f"  {name}: {say(one.en, one.zh)}", style="bold red", soft_wrap=True)
        else:
            shell.say_line(say(f"  {name}: heard, {one.holder}", f"  {name}：已收到，{one.holder}"))


def moment_ms(text: str, now: int) -> int:
    """A time, or so long ago; empty is now. Not in the future: until then the key could sign."""
    try:
        at_ms = now if not text else int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        at_ms = now - seconds(text) * 1000
    if not 0 <= at_ms <= now:
        raise BadInput(f"{text} is not a time in the past.", f"{text} 不是过去的时间。")
    return at_ms
