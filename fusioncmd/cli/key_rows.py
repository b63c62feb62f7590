"""The lines of `keys list`: each grant of a folder with its chain, and what a node knows of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct
from rich.text import Text

from fusioncmd.api.keys import KeyLine
from fusioncmd.cli import shell
from fusioncmd.cli.figures import plain
from fusioncmd.cli.key_options import MODES, PURPOSES
from fusioncmd.trust import handing, ring
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.expiry import DAY_MS, threshold
from fusioncmd.trust.grants import Grant
from fusioncmd.trust.revocations import Revocations
from fusioncmd.words import say

NAME_CHARS = 12  # of what was granted from here and is known by its digest


class Shelved(Struct, frozen=True):
    """A grant in a folder; `has_key`: its private key lies beside it."""

    name: str
    chain: Chain
    has_key: bool


class Row(Struct, frozen=True):
    name: str
    grant: Grant
    has_key: bool
    id: bytes
    chain: tuple[str, ...]  # holders, from the root down
    since_ms: int | None  # of its end, as is known here or at the node
    heard_ms: int | None

    @classmethod
    def of(cls, one: Shelved, ended: Revocations, known: Mapping[bytes, KeyLine] | None) -> Row:
        line = (known or {}).get(one.chain.name)
        ends = [ended.since_ms(one.chain), line.since_ms if line else None]
        since_ms = min((end for end in ends if end is not None), default=None)
        holders = tuple(grant.holder for grant in one.chain.grants)
        heard_ms = line.heard_ms if line else None
        return cls(one.name, one.chain.leaf, one.has_key, one.chain.name, holders, since_ms, heard_ms)


def shelf(folder: Path, anchors: Anchors) -> Iterator[Shelved]:
    """Own keys first, then what was granted from here and is not among them."""
    seen = set()
    for name, signed in handing.all_grants(folder):
        chain = ring.chain_of(signed, anchors)
        if chain.name not in seen:
            seen.add(chain.name)
            own = (folder / f"{name}.grants").exists()
            yield Shelved(name if own else name[:NAME_CHARS], chain, (folder / f"{name}.key").exists())


def cells(row: Row, now_ms: int) -> list[Text]:
    grant, comma = row.grant, say(", ", "、")
    left = max(0, grant.not_after_ms - now_ms) // DAY_MS
    days = Text(f"{left:,}", "" if threshold(grant, now_ms) is None else "bold red")
    heard = Text("–" if row.heard_ms is None else shell.local_time(row.heard_ms))
    if row.since_ms is not None:
        heard = Text(say("REVOKED ", "已撤销 ") + shell.local_time(row.since_ms), "bold red")
    return [
        Text(row.name),
        Text(plain(grant.holder)),
        Text(grant.path),
        Text(comma.join(say(*MODES[status]) for status in grant.statuses)),
        Text(comma.join(say(*PURPOSES[purpose]) for purpose in grant.purposes)),
        days,
        Text(say("here", "在此") if row.has_key else say("elsewhere", "不在此")),
        heard,
        Text(plain(" → ".join(row.chain[:-1])) or "–"),
    ]
