"""`keys request`, `grant`, `take`, `rotate`: how somebody comes to a key, and to the next one before it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import msgspec
import typer

from fusioncmd import limits
from fusioncmd.cli import shell
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.drafts import check_length
from fusioncmd.cli.durations import within
from fusioncmd.cli.key_options import (
    ByOption,
    KeysOption,
    OutOption,
    ValidOption,
    chain_words,
    day,
    folder_of,
    now_ms,
    read_file,
    tell,
    write_file,
)
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.messages import Status
from fusioncmd.trust import grants, handing, keyfile, requests, ring
from fusioncmd.trust.grants import Grant, GrantPurpose
from fusioncmd.trust.handing import Terms
from fusioncmd.trust.requests import Granted, Request
from fusioncmd.words import say

VALID = "365d"
_kind = say("commander (two keys), or node, office (one key).", "commander（两把密钥），或 node、office（一把）。")
_place = say("The place whose subtree it may command.", "可指挥的地点及其以下。")
_mode = say("both, actual or exercise.", "both（两者）、actual（实战）或 exercise（演练）。")
_purpose = say("issue, approve, node; several with commas.", "issue、approve、node，可用逗号并列。")
_delegate = say("It may grant keys below it.", "可向下转授。")
_holder = say("Whose key it is.", "密钥持有人。")
Holder = Annotated[str, typer.Option("--holder", metavar="NAME", help=_holder)]


def request(
    holder: Holder,
    kind: Annotated[str, typer.Option("--for", metavar="KIND", help=_kind)] = "commander",
    keys: KeysOption = None,
    out: OutOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        check_length(holder, limits.ISSUER_CHARS_MAX, say("--holder", "--holder "))
        stems = {"commander": handing.OWN, "node": ring.NODE, "office": ring.OFFICE}
        if kind not in stems:
            raise BadInput(f"--for is commander, node or office, not {kind!r}.",
                           f"--for 须为 commander、node 或 office，而非“{kind}”。")  # fmt: skip
        folder = folder_of(keys, shell.load_divisions(divisions))
        name, made = handing.ask_for(folder, stems[kind], holder, both_in_one=kind != "commander")
        _tell_request(folder, name, made, out, as_json)

    shell.run(go(), as_json)


def _tell_request(folder: Path, name: str, made: Request, out: Path | None, as_json: bool) -> None:
    file = out or Path(f"{name}.request.json")
    write_file(file, msgspec.json.encode(made))
    tell(
        as_json, {"request": file, "folder": folder, "name": name, "keys": [one.key for one in made.keys]},
        (f"Keys were made in {folder}; they stay there. Bring {file} to who grants keys:",
         f"已在 {folder} 生成密钥，密钥不离开此处。请将 {file} 交给授权人："),
        (f"  fusioncmd keys grant {file.name} --path PLACE --by KEY   and then, here: fusioncmd keys take FILE",
         f"  fusioncmd keys grant {file.name} --path 地点 --by 密钥   之后在此执行 fusioncmd keys take 文件"),
    )  # fmt: skip


def grant(
    file: Annotated[Path, typer.Argument(metavar="REQUEST", help=say("What was asked for.", "授权申请文件。"))],
    path: Annotated[str, typer.Option("--path", metavar="PLACE", autocompletion=complete_place, help=_place)],
    by: ByOption,
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help=_mode)] = "both",
    purpose: Annotated[str, typer.Option("--purpose", metavar="WORDS", help=_purpose)] = "",
    delegate: Annotated[bool, typer.Option("--delegate", help=_delegate)] = False,
    valid: ValidOption = VALID,
    out: OutOption = None,
    keys: KeysOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places = shell.load_divisions(divisions)
        folder = folder_of(keys, places)
        terms = Terms(places.find(path).code, _modes(mode), _purposes(purpose), delegate, _valid_ms(valid))
        wanted = requests.read_request(read_file(file))
        granted = handing.grant(folder, wanted, handing.signer_of(folder, by), terms, now_ms())
        target = out or Path(f"{file.name.removesuffix('.json').removesuffix('.request')}.granted.json")
        write_file(target, msgspec.json.encode(granted))
        _tell_granted(granted, target, as_json)

    shell.run(go(), as_json)


def _tell_granted(granted: Granted, file: Path, as_json: bool) -> None:
    proved = requests.prove(granted)
    lines = [(_grant_words(chain.leaf), ) * 2 for chain in proved]  # fmt: skip
    tell(
        as_json, {"granted": file, "grants": [chain.leaf for chain in proved], "root": requests.root_name(granted)},
        *lines,
        (f"Give {file} to {proved[0].leaf.holder}: fusioncmd keys take {file.name}",
         f"请将 {file} 交给“{proved[0].leaf.holder}”：fusioncmd keys take {file.name}"),
        (f"The root key is {requests.root_name(granted)}: say it, they will be shown the same.",
         f"根密钥指纹：{requests.root_name(granted)}，请口头核对。"),
    )  # fmt: skip


def _grant_words(leaf: Grant) -> str:
    modes, purposes = ", ".join(leaf.statuses), ", ".join(leaf.purposes)
    return f"  {leaf.holder}  {leaf.path}  {modes}  {purposes}  {day(leaf.not_before_ms)} – {day(leaf.not_after_ms)}"


def _modes(text: str) -> tuple[Status, ...]:
    modes: dict[str, tuple[Status, ...]] = {"both": ring.BOTH, **{status: (status,) for status in ring.BOTH}}
    if text not in modes:
        raise BadInput(f"--mode is both, actual or exercise, not {text!r}.", f"--mode 不能是“{text}”。")
    return modes[text]


def _purposes(text: str) -> tuple[GrantPurpose, ...]:
    known: tuple[GrantPurpose, ...] = get_args(GrantPurpose)
    words = [word.strip() for word in text.split(",") if word.strip()]
    if unknown := [word for word in words if word not in known]:
        raise BadInput(
            f"--purpose names issue, approve, node or administer, not {unknown[0]!r}.", f"没有用途“{unknown[0]}”。"
        )
    return tuple(purpose for purpose in known if purpose in words)


def _valid_ms(text: str) -> int:
    return within(text, "--valid", limits.ROOT_VALID_DAYS * 86_400) * 1000


def take(
    file: Annotated[Path, typer.Argument(metavar="GRANTS", help=say("What was granted.", "授权结果文件。"))],
    keys: KeysOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        folder = folder_of(keys, shell.load_divisions(divisions))
        granted = requests.read_granted(read_file(file))
        new_root = not list((folder / "anchors").glob("*.grants"))
        names = handing.take(folder, granted)
        lines = [(f"  {name}: {chain_words(chain)}",) * 2 for name, chain in
                 zip(names, requests.prove(granted), strict=True)]  # fmt: skip
        mark = f"{requests.root_holder(granted)}: {requests.root_name(granted)}"
        root = (f"From now on this root key is trusted here; is it the one that you were told? {mark}",
                f"自此信任以下根密钥，请核对：{mark}")  # fmt: skip
        told = {"folder": folder, "names": names, "root": requests.root_name(granted), "root_is_new": new_root}
        tell(as_json, told, *lines, *([root] if new_root else []))

    shell.run(go(), as_json)


def rotate(
    stem: Annotated[str, typer.Argument(metavar="NAME", help=say("Which key.", "密钥名称。"))] = "",
    by: ByOption = "",
    valid: ValidOption = "",
    out: OutOption = None,
    keys: KeysOption = None,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        folder = folder_of(keys, shell.load_divisions(divisions))
        name, old = _newest(folder, stem)
        above = handing.signer_of(folder, by) if by else None
        valid_ms = _valid_ms(valid) if valid else old.not_after_ms - old.not_before_ms
        if above is not None and min(now_ms() + valid_ms, above.grant.not_after_ms) <= old.not_after_ms:
            raise BadInput(
                "The next key would end no later than this one; say --valid, or use a key above that is good longer.",
                "新密钥不会晚于现有密钥到期；请用 --valid 延长，或用有效期更长的上级密钥。",
            )
        next_name, made = handing.ask_for(folder, name, old.holder, both_in_one=len(old.statuses) > 1)
        if above is None:
            _tell_request(folder, next_name, made, out, as_json)
            return
        terms = Terms(old.path, ring.BOTH, old.purposes, old.may_delegate, valid_ms)
        granted = handing.grant(folder, made, above, terms, now_ms())
        names = handing.take(folder, granted)
        lines = [(_grant_words(chain.leaf),) * 2 for chain in requests.prove(granted)]
        tell(
            as_json, {"folder": folder, "names": names}, *lines,
            (f"{', '.join(names)} will be used from now on; what was signed with the old ones stays good.",
             f"今后使用 {'、'.join(names)}；旧密钥已签发的仍然有效。"),
        )  # fmt: skip

    shell.run(go(), as_json)


def _newest(folder: Path, stem: str) -> tuple[str, Grant]:
    """What the key is called without its number and mode, and its last grant."""
    found: dict[str, Grant] = {}
    for name in ring.names(folder):
        plain = name.split(".")[0]
        base = next((s for s in (handing.OWN, ring.NODE, ring.OFFICE) if ring.is_called(plain, s)), plain)
        leaf = grants.decode(keyfile.read_grants(folder / f"{name}.grants")[-1].body)
        if base != ring.ROOT and (base not in found or leaf.not_after_ms > found[base].not_after_ms):
            found[base] = leaf
    if stem not in found and (stem or len(found) != 1):
        known = ", ".join(found) or say("none", "无")
        raise NotFound(f"Say which key: there are {known} in {folder}.", f"请指明密钥：{folder} 中有 {known}。")
    return next((name, leaf) for name, leaf in found.items() if stem in ("", name))
