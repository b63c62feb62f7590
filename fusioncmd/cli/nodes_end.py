"""`nodes revoke`: a node below is a node of this tier no longer. Its grant ends, and its link is let in no more.

Both are needed: without the grant nothing that it signs counts above, and without the link it is told nothing. What it
granted itself ends with its own grant, so the nodes below it fall too. The NATS server here starts anew for it, as a
reload keeps links that are up: a second or so in which all others wait, and lose nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fusioncmd.bus import users
from fusioncmd.cli import shell
from fusioncmd.cli.at_tier import DataOption, PlaceOption, at_tier
from fusioncmd.cli.bus import taken_up
from fusioncmd.cli.completion import complete_place
from fusioncmd.cli.key_options import ByOption, now_ms, tell
from fusioncmd.cli.keys_end import brought, moment_ms, revoked_words
from fusioncmd.errors import NotFound
from fusioncmd.trust import handing, joining, ring
from fusioncmd.trust.revocations import revoke as state_end
from fusioncmd.words import say

_target = say("The place of the node below.", "下级节点所在地点。")
_since = say(
    "Since when: 2h (ago), 2026-11-24T16:00; default now.", "自何时起：2h（之前）或 2026-11-24T16:00，默认现在。"
)


def revoke(
    target: Annotated[str, typer.Argument(metavar="PLACE", autocompletion=complete_place, help=_target)],
    since: Annotated[str, typer.Option("--since", metavar="TIME", help=_since)] = "",
    by: ByOption = "",
    node: PlaceOption = "",
    data: DataOption = None,
    nats: shell.NatsOption = shell.DEFAULT_NATS,
    divisions: shell.DivisionsOption = None,
    as_json: shell.JsonOption = False,
) -> None:
    async def go() -> None:
        places, _, home = at_tier(node, data, divisions)
        below = places.find(target)
        folder, since_ms = ring.folder_of(home), moment_ms(since, now_ms())
        chains = joining.approved(folder, below.code)
        linked = any(one.name == joining.link_name(below.code) for one in users.users(users.folder_of(home)))
        if not chains and not linked:
            raise NotFound(f"No node at {below.code} was approved here.", f"此处未批准过 {below.code} 的节点。")
        own = handing.signer_of(folder, by or granting_key(folder))
        made = [state_end(own, chain, since_ms) for chain in chains]
        for statement in made:
            handing.keep_end(folder, statement)
        try:
            told = await brought(made, folder / ring.ENDED, nats) if made else []
        finally:  # it needs no node that answers
            users.dismiss(users.folder_of(home), joining.link_name(below.code))
            running = await taken_up(home, None)
        tell(
            as_json, {"node": below.code, "revoked": told, "running": running},
            *dict.fromkeys(map(revoked_words, told)),
            (f"The link of {below.code} is let in no more{'' if running else ', from the next `fusioncmd up` on'}.",
             f"{'' if running else '下次运行 fusioncmd up 起，'}不再允许 {below.code} 的链路接入。"),
        )  # fmt: skip

    shell.run(go(), as_json)


def granting_key(folder: Path) -> str:
    """The key that grants others here: the root, or what the tier above delegated."""
    found = [name for name in ring.names(folder) if ring.is_called(name, ring.DEPUTY)]
    if ring.root_key_file(folder).exists():
        return ring.ROOT
    if not found:
        raise NotFound(
            f"No key in {folder} may grant others; name the one that does with --by.",
            f"{folder} 中没有可授权的密钥；请用 --by 指明。",
        )
    return found[-1]
