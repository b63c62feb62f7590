"""How a node comes under a tier above it: it asks with its keys, the tier above approves, it takes what it was granted.

What is granted is one key that may delegate, for the node's own place, bounded in time: the *deputy*. With it the node
makes its own working keys, and approves the nodes below it in the same way; and because all of that was signed
beforehand, a node that is cut off goes on commanding its subtree. Private keys stay where they were made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import codes
from fusioncmd.bus import users
from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.trust import grants, handing, keyfile, line_keys, requests, ring
from fusioncmd.trust.grants import Credential, GrantPurpose, PlaceCode, SignedGrant
from fusioncmd.trust.handing import Terms
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.requests import Granted, Request

PURPOSES: tuple[GrantPurpose, ...] = ("administer", "approve", "issue", "node")
PARENT = "parent"  # the user of the bus above as which this node comes


class JoinRequest(Struct, frozen=True, tag="join-request.1", tag_field="kind", forbid_unknown_fields=True):
    """`link` is the public key by which the node's NATS server will be known to the one above."""

    code: PlaceCode
    link: users.PublicKey
    deputy: Request


class Joined(Struct, frozen=True, tag="joined.1", tag_field="kind", forbid_unknown_fields=True):
    code: PlaceCode
    above: Annotated[PlaceCode, Meta(description="the node that approved")]
    granted: Granted


def ask(keys: Path, bus: Path, code: str, holder: str) -> JoinRequest:
    """Make the node's deputy key and that of its link, and ask for both; `Conflict` for a node that has keys."""
    if list((keys / "anchors").glob("*.grants")):
        raise Conflict(
            f"{keys} has keys of its own tier already; a node that joins begins with an empty folder.",
            f"{keys} 中已有本级密钥；加入上级的节点须从空目录开始。",
        )
    _, wanted = handing.ask_for(keys, ring.DEPUTY, holder, both_in_one=True)
    return JoinRequest(code, users.secret(bus, PARENT), wanted)


def read_request(data: bytes) -> JoinRequest:
    try:
        found = msgspec.json.decode(data, type=JoinRequest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("The file is no request to join.", "该文件不是节点加入申请。") from None
    requests.read_request(msgspec.json.encode(found.deputy))
    return found


def approve(
    keys: Path, bus: Path, own_code: str, request: JoinRequest, by: Credential, valid_ms: int, now_ms: int
) -> Joined:
    """Grant the deputy and let its link onto the bus."""
    if not request.code.startswith(own_code) or request.code == own_code:
        raise BadInput(f"{request.code} does not lie below {own_code}.", f"{request.code} 不在 {own_code} 之下。")
    terms = Terms(request.code, ring.BOTH, PURPOSES, True, valid_ms)
    granted = handing.grant(keys, request.deputy, by, terms, now_ms)
    line_keys.keep_above(keys, request.code, granted, by)
    users.admit(bus, link_name(request.code), request.code, request.link)
    return Joined(request.code, own_code, granted)


def approved(keys: Path, code: str) -> list[tuple[SignedGrant, ...]]:
    """What was granted from this folder to the node at `code`, each time that it was approved."""
    found = []
    for file in sorted((keys / ring.GRANTED).glob("*.grants")):
        chain = keyfile.read_grants(file)
        leaf = grants.decode(chain[-1].body)
        if leaf.path == code and leaf.may_delegate and "node" in leaf.purposes:
            found.append(chain)
    return found


def read_joined(data: bytes) -> Joined:
    try:
        return msgspec.json.decode(data, type=Joined)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted("The file does not say that a node may join.", "该文件不是节点加入批复。") from None


def take(data: Path, joined: Joined, now_ms: int) -> str:
    """Take the deputy, trust its root, and make the node's own keys under it. Returns whose they are."""
    keys = ring.folder_of(data)
    (name,) = handing.take(keys, joined.granted)
    own = handing.signer_of(keys, name)
    if own.grant.path != joined.code or "node" not in own.grant.purposes:
        raise Untrusted("The grant is not that of a node.", "该授权不是节点授权。", "purpose")
    line_keys.keep_below(keys, joined.above, joined.granted, own)
    ring.make_below(keys, own, own.grant.holder, now_ms)
    keyfile.make_file(data / "above", codes.parse(joined.above).code.encode(), 0o644)
    return own.grant.holder


def above(data: Path) -> str:
    """The node above that approved this one; empty for a node of its own."""
    try:
        return (data / "above").read_text("ascii").strip()
    except OSError:
        return ""


def check_joined(data: Path) -> str:
    """As `above`, for a node that is to be linked; a sentence when nobody approved it."""
    found = above(data)
    if not found or not users.seed_file(users.folder_of(data), PARENT).exists():
        raise NotFound(
            "No tier above has approved this node: `fusioncmd nodes request` here, `nodes approve` there, `nodes take` "
            "here.",
            "上级尚未批准本节点：请先在本机执行 fusioncmd nodes request，由上级 nodes approve，再在本机 nodes take。",
        )
    return found


def link_name(code: str) -> str:
    return f"link-{code}"
