"""Keys asked for, granted, taken and ended, in a folder of keys: `ring` knows what lies where in it.

Private keys never leave the folder in which they were made. What was granted from here is kept in `granted/`, and what
was revoked from here in `revocations/`, so that it can be brought to a node that does not answer now.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fusioncmd import limits
from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.messages import Status
from fusioncmd.trust import grants, keyfile, requests, ring
from fusioncmd.trust.grants import Credential, Grant, GrantPurpose, SignedGrant
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.requests import Granted, Request, Wanted
from fusioncmd.trust.revocations import digest_of

OWN = "own"  # what a commander's keys are called in their folder
ORDERING: tuple[GrantPurpose, ...] = ("approve", "issue")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a request is granted. `statuses` narrows each key to these; no purposes: those of who signs orders."""

    path: str
    statuses: tuple[Status, ...]
    purposes: tuple[GrantPurpose, ...]
    may_delegate: bool
    valid_ms: int


def ask_for(folder: Path, stem: str, holder: str, both_in_one: bool) -> tuple[str, Request]:
    """Make the keys: one for each mode, or one for both. Returns what they are called, and the request for them."""
    if not holder.strip():
        raise BadInput("Say whose key it is.", "请指明密钥持有人。")
    modes: tuple[tuple[Status, ...], ...] = (ring.BOTH,) if both_in_one else tuple((status,) for status in ring.BOTH)
    name = _free(folder, stem)
    made = []
    for statuses in modes:
        signer = keyfile.make_key(folder / f"{_file_name(name, statuses)}.key")
        made.append(requests.wanted(holder, statuses, signer))
    return name, requests.read_request(msgspec.json.encode(Request(holder, tuple(made))))


def _file_name(stem: str, statuses: tuple[Status, ...]) -> str:
    return f"{stem}.{statuses[0]}" if len(statuses) == 1 else stem


def _free(folder: Path, stem: str) -> str:
    """`stem`, or `stem-2`, `stem-3` … when keys of that name are there."""
    taken = {file.name.split(".")[0] for kind in ("key", "grants") for file in folder.glob(f"*.{kind}")}
    names = [stem, *(f"{stem}-{n}" for n in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def signer_of(folder: Path, text: str) -> Credential:
    """The key that `text` names: one of the folder, or a file; a root's grant may lie among the trusted roots."""
    file = folder / f"{text}.key" if (folder / f"{text}.key").exists() else Path(text)
    signer, beside = keyfile.read_key(file), file.with_suffix(".grants")
    if beside.exists():
        return grants.credential(signer, keyfile.read_grants(beside))
    for chain in _roots(folder):
        if grants.decode(chain[0].body).key == signer.public:
            return grants.credential(signer, chain)
    raise NotFound(f"{beside} is not there: what was {file} granted?", f"找不到 {beside}：无法得知 {file} 的授权。")


def grant(folder: Path, request: Request, by: Credential, terms: Terms, now_ms: int) -> Granted:
    """Grant what is asked for, as far as `terms` say so, and keep it here; `Untrusted` when it would be wider than what
    `by` may, or when a key in it was granted before."""
    known = tuple(grants.decode(chain[-1].body) for _, chain in all_grants(folder))
    chains = []
    for wanted in request.keys:
        statuses = tuple(status for status in wanted.statuses if status in terms.statuses)
        if statuses:
            requests.check_unknown(wanted.key, (*known, by.grant))
            signed = grants.issue(by, _below(by, request.holder, wanted, statuses, terms, now_ms))
            chains.append((*by.chain, signed))
    if not chains:
        raise BadInput("Nothing of what is asked for is in that mode.", "申请中没有该类别的密钥。")
    granted = Granted(_root_of(folder, chains[0], by), tuple(chains))
    requests.prove(granted)
    for chain in chains:
        keyfile.write_grants(folder / ring.GRANTED / f"{grants.name_of(chain[-1].body).hex()}.grants", chain)
    return granted


def _below(
    by: Credential, holder: str, wanted: Wanted, statuses: tuple[Status, ...], terms: Terms, now_ms: int
) -> Grant:
    if not terms.purposes and len(statuses) > 1:
        raise BadInput(
            "A key for both modes signs no orders; say --purpose node, or what it may grant with --delegate.",
            "同时用于实战与演练的密钥不能签发指令；请用 --purpose node，或用 --delegate 指明可转授的用途。",
        )
    return Grant(
        above=by.name, holder=holder, purposes=tuple(sorted(set(terms.purposes or ORDERING))), path=terms.path,
        statuses=statuses, may_delegate=terms.may_delegate,
        not_before_ms=max(now_ms - limits.CLOCK_SKEW_MS_MAX, by.grant.not_before_ms),
        not_after_ms=min(now_ms + terms.valid_ms, by.grant.not_after_ms), algorithm=wanted.algorithm, key=wanted.key,
    )  # fmt: skip


def _root_of(folder: Path, chain: tuple[SignedGrant, ...], by: Credential) -> SignedGrant:
    name = grants.decode(chain[0].body).above
    for (root,) in _roots(folder):
        if grants.name_of(root.body) == name:
            return root
    raise NotFound(f"The root above that key is not in {folder}.", f"{folder} 中没有该密钥的根证书。")


def _roots(folder: Path) -> Iterator[tuple[SignedGrant]]:
    for file in sorted((folder / "anchors").glob("*.grants")):
        for signed in keyfile.read_grants(file):
            yield (signed,)


def take(folder: Path, granted: Granted) -> list[str]:
    """Put each chain beside its private key, and the root among those that are trusted, if there are none yet. Returns
    what the keys are called. `Untrusted` for another root, or for keys that are not here; nothing is changed then."""
    found = requests.prove(granted)
    trusted = [root for (root,) in _roots(folder)]
    if trusted and granted.root not in trusted:
        raise Untrusted(
            f"It goes back to another root key than those that are trusted in {folder}.",
            f"其根密钥不在 {folder} 受信任的根密钥之列。",
            "root",
        )
    waiting = {keyfile.read_key(file).public: file.stem for file in sorted(folder.glob("*.key")) if _is_ours(file)}
    if missing := [chain.leaf.holder for chain in found if chain.leaf.key not in waiting]:
        raise Untrusted(
            f"The private key that this was granted to ({missing[0]}) is not in {folder}.",
            f"{folder} 中没有对应的私钥（{missing[0]}）。",
            "key",
        )
    names = [waiting[chain.leaf.key] for chain in found]
    files = [folder / f"{name}.grants" for name in names]
    for file, signed in zip(files, granted.chains, strict=True):
        if file.exists() and keyfile.read_grants(file) != signed:
            raise Conflict(f"{file} is there already, with another grant.", f"{file} 已存在，且授权不同。")
    for file, signed in zip(files, granted.chains, strict=True):
        if not file.exists():
            keyfile.write_grants(file, signed)
    if not trusted:
        keyfile.write_grants(folder / "anchors" / f"{ring.ROOT}.grants", (granted.root,))
    return names


def _is_ours(file: Path) -> bool:
    """Not the keys of tickets and sessions, which grant nothing."""
    return file.name not in ("session.key", "ticket.key")


def all_grants(folder: Path) -> Iterator[tuple[str, tuple[SignedGrant, ...]]]:
    """What each is called, and its chain: of the folder's own keys, and of what was granted from it."""
    for file in (*sorted(folder.glob("*.grants")), *sorted((folder / ring.GRANTED).glob("*.grants"))):
        yield file.stem, keyfile.read_grants(file)


def find_grants(folder: Path, text: str) -> list[tuple[str, tuple[SignedGrant, ...]]]:
    """The grants that `text` names: a file, a key of the folder (`own` is each of its modes), or a holder."""
    if (file := Path(text)).is_file():
        data = file.read_bytes()
        try:
            return [(file.stem, chain) for chain in requests.read_granted(data).chains]
        except Untrusted:
            return [(file.stem, keyfile.read_grants(file))]
    by_content = {
        chain: name for name, chain in reversed(list(all_grants(folder)))
    }  # what is given out may be here too
    every = [(name, chain) for chain, name in reversed(by_content.items())]
    found = [(name, chain) for name, chain in every if text in (name, name.split(".")[0])]
    found = found or [(name, chain) for name, chain in every if grants.decode(chain[-1].body).holder == text]
    if not found:
        raise NotFound(f"There is no grant of {text} in {folder}.", f"{folder} 中没有“{text}”的授权。")
    return found


def keep_end(folder: Path, statement: bytes) -> Path:
    """Keep that a key has ended; the same once more changes nothing."""
    file = folder / ring.ENDED / f"{digest_of(statement).hex()}.statement"
    if not file.exists():
        keyfile.make_file(file, statement, 0o644)
    return file


def kept_ends(folder: Path) -> list[bytes]:
    return [file.read_bytes() for file in sorted((folder / ring.ENDED).glob("*.statement"))]
