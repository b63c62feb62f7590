"""The secret that two nodes share for the last line, made when the one above approved the one below.

X25519 between the key that was granted and the key that granted it: each end has one of them, so nothing secret
travels, and a node that is approved anew shares another. It lies in `keys/line/`, so that the key that granted may be
taken to another machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.messages import Id
from fusioncmd.trust import grants, keyfile
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.requests import Granted

FOLDER = "line"


class LineKey(Struct, frozen=True, tag="line-key.1", tag_field="kind", forbid_unknown_fields=True):
    """Of the link between the node `lower` and the one above it. `grants` are the names of the chain that was granted
    to the lower one: with the end of any of them, this ends too."""

    peer: PlaceCode
    lower: PlaceCode
    grants: Annotated[tuple[Id, ...], Meta(min_length=1, max_length=limits.CHAIN_GRANTS_MAX)]
    secret: Annotated[bytes, Meta(min_length=32, max_length=32)]

    def __repr__(self) -> str:
        return f"<LineKey {self.peer}>"


def keep_above(folder: Path, lower: str, granted: Granted, by: Credential) -> None:
    """At the node that grants."""
    public = grants.decode(granted.chains[0][-1].body).key
    _keep(folder, LineKey(lower, lower, _names(granted), by.signer.agree(public)))


def keep_below(folder: Path, above: str, granted: Granted, own: Credential) -> None:
    """At the node that was granted its key."""
    chain = granted.chains[0]
    granted_by = chain[-2] if len(chain) > 1 else granted.root
    secret = own.signer.agree(grants.decode(granted_by.body).key)
    _keep(folder, LineKey(above, own.grant.path, _names(granted), secret))


def read_all(folder: Path) -> Iterator[LineKey]:
    """Those in the folder of keys; `Untrusted` for a file that is none, or that others may read."""
    for file in sorted((folder / FOLDER).glob("*.key")):
        data = keyfile.read_secret(file)
        try:
            yield msgspec.json.decode(data, type=LineKey)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Untrusted(f"{file} is no key of the last line.", f"{file} 不是短报文密钥。", "key") from None


def _names(granted: Granted) -> tuple[bytes, ...]:
    return tuple(grants.name_of(signed.body) for signed in granted.chains[0])


def _keep(folder: Path, key: LineKey) -> None:
    file = folder / FOLDER / f"{key.peer}.key"
    file.unlink(missing_ok=True)  # the node was approved anew
    keyfile.make_file(file, msgspec.json.encode(key), 0o600)
