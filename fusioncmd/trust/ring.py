"""The keys in a data folder: made at the first start, found again by whoever signs or checks.

`root.key` grants all others and is needed for nothing else: it belongs on another machine. `anchors/` holds the root
grants that are believed here, and is written last: while it is empty, making the keys is not finished. An office has
two keys, NAME.actual and NAME.exercise, its administrator NAME.admin, and the node one; each with the grants that lead
to it beside it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from fusioncmd import limits
from fusioncmd.errors import NotFound, Problem
from fusioncmd.messages import Status
from fusioncmd.trust import grants, keyfile
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.grants import Credential, Grant, GrantPurpose, SignedGrant, credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocations
from fusioncmd.trust.signatures import Signer

BOTH: tuple[Status, ...] = ("actual", "exercise")
OFFICE, NODE, ROOT = "office", "node", "root"
DEPUTY = "deputy"  # what the tier above delegated to this node: it grants all others here
ADMIN = "admin"
GRANTED = "granted"  # the folder in which is kept what was granted from here
ENDED = "revocations"  # and that for what was revoked from here


class Held(Struct, frozen=True):
    """A grant in a folder; `has_key`: its private key lies beside it."""

    name: str
    grant: Grant
    has_key: bool


def folder_of(data: Path) -> Path:
    return data / "keys"


def root_key_file(folder: Path) -> Path:
    return folder / f"{ROOT}.key"


def make(folder: Path, place: str, holder: str, now_ms: int) -> bool:
    """Root, node and office keys for `place`, in the name of `holder`; False when they were there already.

    What an interrupted start left is used and not made anew: a key that is overwritten is lost.
    """
    if _anchor_files(folder):
        return False
    begins_ms = now_ms - limits.CLOCK_SKEW_MS_MAX
    signer = _key(root_key_file(folder))
    file = folder / f"{ROOT}.grants"
    if not file.exists():
        ends_ms = now_ms + limits.ROOT_VALID_DAYS * DAY_MS
        keyfile.write_grants(file, (grants.root(signer, holder, place, BOTH, begins_ms, ends_ms),))
    chain = keyfile.read_grants(file)
    make_below(folder, credential(signer, chain), holder, now_ms)
    keyfile.write_grants(folder / "anchors" / file.name, chain)
    return True


def make_below(folder: Path, above: Credential, holder: str, now_ms: int) -> None:
    """The keys that a node and its office work with, granted by `above`: a root, or what the tier above delegated."""
    ends_ms = now_ms + limits.KEYS_VALID_DAYS * DAY_MS
    _grant(folder, NODE, above, f"{holder} {NODE}", ("node",), BOTH, ends_ms)
    for status in BOTH:
        _grant(folder, f"{OFFICE}.{status}", above, holder, ("approve", "issue"), (status,), ends_ms)
    _grant(folder, f"{OFFICE}.{ADMIN}", above, holder, ("administer",), BOTH, ends_ms)


def _grant(
    folder: Path, name: str, root: Credential, holder: str, purposes: tuple[GrantPurpose, ...],
    statuses: tuple[Status, ...], ends_ms: int,
) -> None:  # fmt: skip
    signer, file = _key(folder / f"{name}.key"), folder / f"{name}.grants"
    if file.exists():
        return
    above = root.grant
    below = Grant(
        above=root.name, holder=holder, purposes=purposes, path=above.path, statuses=statuses, may_delegate=False,
        not_before_ms=above.not_before_ms, not_after_ms=min(ends_ms, above.not_after_ms), algorithm=signer.algorithm,
        key=signer.public,
    )  # fmt: skip
    keyfile.write_grants(file, (*root.chain, grants.issue(root, below)))


def _key(file: Path) -> Signer:
    return keyfile.read_key(file) if file.exists() else keyfile.make_key(file)


def anchors(folder: Path) -> Anchors:
    """The roots that are believed here."""
    return Anchors(roots(folder))


def roots(folder: Path) -> tuple[SignedGrant, ...]:
    """Their grants, as they are given to terminals."""
    files = _anchor_files(folder)
    if not files:
        raise NotFound(
            f"No root key is trusted here: {folder / 'anchors'} is empty; `fusioncmd keys init` makes the keys of a "
            "tier, `keys take` takes what was granted.",
            f"{folder / 'anchors'} 中没有受信任的根密钥；"
            "可用 fusioncmd keys init 生成本级密钥，或用 keys take 收取授权。",
        )
    return tuple(signed for file in files for signed in keyfile.read_grants(file))


def node_key(folder: Path) -> Credential:
    """The node's key that is good for longest."""
    found = node_keys(folder)
    return max(found, key=lambda own: (own.grant.not_after_ms, own.name)) if found else _credential(folder, NODE)


def node_keys(folder: Path) -> list[Credential]:
    """The node's keys that were granted: while one is replaced by another, both."""
    return [_credential(folder, name) for name in names(folder) if is_called(name, NODE)]


def names(folder: Path) -> list[str]:
    """What the keys in the folder are called, of those that were granted."""
    found = (file.name.removesuffix(".key") for file in sorted(folder.glob("*.key")))
    return [name for name in found if (folder / f"{name}.grants").exists()]


def is_called(name: str, stem: str) -> bool:
    """Whether `name` is the key `stem`, or one that came to replace it: `stem-2`, `stem-3` …"""
    return re.fullmatch(rf"{re.escape(stem)}(-[0-9]+)?", name) is not None


def chains(folder: Path, anchors: Anchors) -> Iterator[tuple[str, Chain | Problem]]:
    """Each grant in the folder, and those given out from here: what it proves, or why it proves nothing."""
    for file in (*sorted(folder.glob("*.grants")), *sorted((folder / GRANTED).glob("*.grants"))):
        try:
            yield file.stem, chain_of(keyfile.read_grants(file), anchors)
        except Problem as problem:
            yield file.stem, problem


def chain_of(signed: tuple[SignedGrant, ...], anchors: Anchors) -> Chain:
    """What a grants file proves; a root stands there alone."""
    name = grants.name_of(signed[-1].body)
    return anchors.prove(name, () if grants.decode(signed[-1].body).above == grants.NOTHING_ABOVE else signed)


def own_key(folder: Path, status: Status, now_ms: int) -> Credential:
    """The key to sign orders of that mode with: of several that are valid now, the one that is good for longest, and
    none that was revoked from here."""
    found = [_credential(folder, name) for name in names(folder) if name.endswith(f".{status}")]
    valid = [own for own in found if _is_valid(own, now_ms)]
    good = [own for own in valid if not _is_revoked(folder, own)]
    if not good:
        mode = "演练" if status == "exercise" else "实战"
        if valid:
            raise NotFound(f"The key for {status} orders in {folder} is revoked.", f"{folder} 中的{mode}密钥已被撤销。")
        if found:
            raise NotFound(f"The key for {status} orders in {folder} has expired.", f"{folder} 中的{mode}密钥已过期。")
        raise NotFound(
            f"There is no key for {status} orders in {folder}; name the folder that has yours with --keys.",
            f"{folder} 中没有{mode}指令的密钥；请用 --keys 指明密钥所在目录。",
        )
    return max(good, key=lambda own: (own.grant.not_after_ms, own.name))


def login_keys(folder: Path, now_ms: int) -> list[Credential]:
    """The keys that say who somebody is: one that signs orders, and the administrator's, as far as they are there."""
    found: list[Credential] = []
    for mode in ("exercise", "actual", ADMIN):
        if found and mode == "actual":
            continue
        keys = (_credential(folder, name) for name in names(folder) if name.endswith(f".{mode}"))
        good = [own for own in keys if _is_valid(own, now_ms) and not _is_revoked(folder, own)]
        found += sorted(good, key=lambda own: (own.grant.not_after_ms, own.name))[-1:]
    who = {(own.grant.holder, own.grant.path) for own in found[:1]}
    return [own for own in found if (own.grant.holder, own.grant.path) in who]


def _is_valid(own: Credential, now_ms: int) -> bool:
    return own.grant.not_before_ms <= now_ms <= own.grant.not_after_ms


def revocations(folder: Path) -> Revocations:
    """The ends of keys that were stated from here; whether a node has heard of them is not known."""
    found = Revocations(anchors(folder))
    _, refused = found.update(file.read_bytes() for file in sorted((folder / ENDED).glob("*.statement")))
    for problem in refused:
        raise problem
    return found


def _is_revoked(folder: Path, own: Credential) -> bool:
    if not (folder / ENDED).exists():
        return False
    known = revocations(folder)
    return known.since_ms(known.anchors.prove(own.name, own.chain)) is not None


def held(folder: Path) -> Iterator[Held]:
    """Every grant in the folder, by file name."""
    for file in sorted(folder.glob("*.grants")):
        name = file.name.removesuffix(".grants")
        yield Held(name, grants.decode(keyfile.read_grants(file)[-1].body), (folder / f"{name}.key").exists())


def _credential(folder: Path, name: str) -> Credential:
    signer, chain = keyfile.read_key(folder / f"{name}.key"), keyfile.read_grants(folder / f"{name}.grants")
    try:
        return credential(signer, chain)
    except Untrusted as problem:
        raise Untrusted(
            f"{folder / name}.key and its grants do not belong together.",
            f"{folder / name}.key 与其授权文件不匹配。",
            problem.reason,
        ) from None


def _anchor_files(folder: Path) -> list[Path]:
    return sorted((folder / "anchors").glob("*.grants"))
