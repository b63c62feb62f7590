"""The keys of a made-up province, all from one seed: a root, offices that grant, people who order and approve."""

from __future__ import annotations

from random import Random
from typing import Any

from fusioncmd import ids
from fusioncmd.messages import Order, Selector, Status, encode
from fusioncmd.trust import grants, seals, signatures
from fusioncmd.trust.chains import Anchors
from fusioncmd.trust.grants import Credential, Grant, SignedGrant
from fusioncmd.trust.signatures import Signer

NOW_MS = 1_790_000_000_000
DAY_MS = 86_400_000
BOTH: tuple[Status, ...] = ("actual", "exercise")
EVERYTHING = ("approve", "issue", "node")


class Offices:
    """44, the province; 44.01, a city in it; and below that, two of everybody for each mode."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = Random(seed)
        signer = self.signer()
        self.root_grant = grants.root(signer, "Province Root", "44", BOTH, NOW_MS - 900 * DAY_MS, NOW_MS + 900 * DAY_MS)
        self.root = grants.credential(signer, (self.root_grant,))
        self.anchors = Anchors([self.root_grant])
        self.province = self.grant(self.root, "Provincial Office", statuses=BOTH, may_delegate=True)
        self.city = self.grant(self.province, "Guangzhou Office", path="4401", statuses=BOTH, may_delegate=True)
        self.people = {
            (mode, name): self.grant(self.city, name, purposes=("approve", "issue"), statuses=(mode,))
            for mode in BOTH
            for name in ("Chen Wei", "Li Na")
        }
        self.node = self.grant(self.city, "Node 4401", purposes=("node",), statuses=BOTH)

    def signer(self) -> Signer:
        return signatures.signer(self.rng.randbytes(signatures.SEED_BYTES))

    def draft(self, above: Credential, holder: str, signer: Signer, **changes: Any) -> Grant:
        """A grant below `above` that takes over what is not changed."""
        higher = above.grant
        fields: dict[str, Any] = {
            "above": above.name, "holder": holder, "purposes": higher.purposes, "path": higher.path,
            "statuses": higher.statuses, "may_delegate": False, "not_before_ms": higher.not_before_ms + DAY_MS,
            "not_after_ms": higher.not_after_ms - DAY_MS, "algorithm": signer.algorithm, "key": signer.public,
        }  # fmt: skip
        return Grant(**(fields | changes))

    def grant(self, above: Credential, holder: str, **changes: Any) -> Credential:
        """A new key, granted by the one above."""
        signer = self.signer()
        signed = grants.issue(above, self.draft(above, holder, signer, **changes))
        return grants.credential(signer, (*above.chain, signed))

    def forced(self, above: Credential, holder: str, signer: Signer | None = None, **changes: Any) -> Credential:
        """What a grantor who breaks every rule would sign: nothing is checked."""
        own = signer or self.signer()
        chain = (*above.chain, sign_grant(self.draft(above, holder, own, **changes), above.signer))
        grant = self.draft(above, holder, own, **changes)
        return Credential(own, grant, grants.name_of(chain[-1].body), chain)

    def order(self, own: Credential, **changes: Any) -> Order:
        """An order that `own` may sign, unless `changes` say otherwise."""
        rng = self.rng
        issued_ms = NOW_MS - rng.randrange(60_000)
        fields: dict[str, Any] = {
            "id": ids.make(issued_ms - rng.randrange(30_000), rng.randbytes(10)), "msg_type": "alert",
            "status": own.grant.statuses[0], "refs": None, "root": None, "node": own.grant.path,
            "issuer": own.grant.holder, "issued_ms": issued_ms, "text": "台风红色预警：请立即到岗并应答。",
            "severity": rng.choice(("extreme", "severe", "moderate")), "answers": ("here", "need help"),
            "audience": Selector((own.grant.path,)), "receive_within_s": 120, "answer_within_s": 600,
            "open_s": rng.randrange(3_600, 86_400),
        }  # fmt: skip
        return Order(**(fields | changes))

    def sealed(self, own: Credential, *approvers: Credential, **changes: Any) -> bytes:
        data = seals.seal(encode(self.order(own, **changes)), own)
        for approver in approvers:
            data = seals.approve(data, approver)
        return data


def sign_grant(grant: Grant, signer: Signer) -> SignedGrant:
    """Signed as it stands, however wide it is."""
    body = grants.encode(grant)
    return SignedGrant(body, signer.sign("grant", grant.above, body))
