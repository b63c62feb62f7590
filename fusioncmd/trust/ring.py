"""The keys in a data folder: made at the first start, found again by whoever signs or checks.

`root.key` grants all others and is needed for nothing else: it belongs on another machine. `anchors/` holds the root
grants that are believed here, and is written last: while it is empty, making the keys is not finished. An office has
two keys, NAME.actual and NAME.exercise, and the node one; each with the grants that lead to it beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from fusioncmd import limits
from fusioncmd.errors import NotFound
from fusioncmd.messages import Status
from fusioncmd.trust import grants, keyfile
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.expiry import DAY_MS
from fusioncmd.trust.grants import Credential, Grant, GrantPurpose, SignedGrant, credential
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.signatures import Signer

BOTH: tuple[Status, ...] = ("actual", "exercise")
OFFICE, NODE, ROOT = "office", "node", "root"


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
    root = credential(signer, chain)
    ends_ms = now_ms + limits.KEYS_VALID_DAYS * DAY_MS
    _grant(folder, NODE, root, f"{holder} {NODE}", ("node",), BOTH, ends_ms)
    for status in BOTH:
        _grant(folder, f"{OFFICE}.{status}", root, holder, ("approve", "issue"), (status,), ends_ms)
    keyfile.write_grants(folder / "anchors" / file.name, chain)
    return True


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
    keyfile.write_grants(file, (grants.issue(root, below),))


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
            f"No root key is trusted here: {folder / 'anchors'} is empty; `fusioncmd keys init` makes the keys.",
            f"{folder / 'anchors'} 中没有受信任的根密钥；可用 fusioncmd keys init 生成。",
        )
    return tuple(signed for file in files for signed in keyfile.read_grants(file))


def node_key(folder: Path) -> Credential:
    return _credential(folder, NODE)


def own_key(folder: Path, status: Status, now_ms: int) -> Credential:
    """The key to sign orders of that mode with: of several that are valid now, the one that is good for longest."""
    found = [_credential(folder, file.name.removesuffix(".key")) for file in sorted(folder.glob(f"*.{status}.key"))]
    good = [own for own in found if own.grant.not_before_ms <= now_ms <= own.grant.not_after_ms]
    if not good:
        mode = "演练" if status == "exercise" else "实战"
        if found:
            raise NotFound(f"The key for {status} orders in {folder} has expired.", f"{folder} 中的{mode}密钥已过期。")
        raise NotFound(
            f"There is no key for {status} orders in {folder}; name the folder that has yours with --keys.",
            f"{folder} 中没有{mode}指令的密钥；请用 --keys 指明密钥所在目录。",
        )
    return max(good, key=lambda own: (own.grant.not_after_ms, own.name))


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
