"""A second person with keys of their own, granted by the root key of a tier that was made for a test."""

from __future__ import annotations

import shutil
from pathlib import Path

from fusioncmd.messages import Status
from fusioncmd.trust import grants, keyfile, ring
from fusioncmd.trust.grants import Grant
from fusioncmd.trust.ring import BOTH

HOLDER = "deputy"


def make_deputy(tier_keys: Path, folder: Path, holder: str = HOLDER, place: str = "", by: str = ring.ROOT) -> Path:
    """Keys of both modes in `folder`, for `place` or all of the tier's, granted by the key called `by`."""
    above = grants.credential(
        keyfile.read_key(tier_keys / f"{by}.key"), keyfile.read_grants(tier_keys / f"{by}.grants")
    )
    for status in BOTH:
        _grant(folder, status, holder, place or above.grant.path, above)
    shutil.copytree(tier_keys / "anchors", folder / "anchors", dirs_exist_ok=True)
    return folder


def _grant(folder: Path, status: Status, holder: str, place: str, above: grants.Credential) -> None:
    signer, name = keyfile.make_key(folder / f"{holder}.{status}.key"), f"{holder}.{status}.grants"
    higher = above.grant
    below = Grant(
        above=above.name, holder=holder, purposes=("approve", "issue"), path=place, statuses=(status,),
        may_delegate=False, not_before_ms=higher.not_before_ms, not_after_ms=higher.not_after_ms,
        algorithm=signer.algorithm, key=signer.public,
    )  # fmt: skip
    keyfile.write_grants(folder / name, (*above.chain, grants.issue(above, below)))
