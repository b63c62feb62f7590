"""Attempts on the chain, the keys and the second person: wider, shuffled, borrowed, revoked, weak, the same twice."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from fusioncmd.messages import Selector, encode
from fusioncmd.trust import grants, statements
from fusioncmd.trust.grants import Credential, SignedGrant
from fusioncmd.trust.revocations import Revocations, revoke
from fusioncmd.trust.signatures import ED25519, Signer
from loadtest.forgeries import Attempt, Forger, Good, kind, pack, resealed, unpack, with_chain, with_seal
from loadtest.offices import BOTH, DAY_MS, EVERYTHING, NOW_MS, Offices, sign_grant

WEAK_KEYS = tuple(
    bytes.fromhex(text)
    for text in (
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # 1 + p: the same point, not canonical
        "0100000000000000000000000000000000000000000000000000000000000080",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # p
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # 3 + p: a key of full order, not canonical
    )
)  # fmt: skip


def _ordered(forger: Forger, own: Credential, **changes: Any) -> Attempt:
    return Attempt(resealed(encode(forger.offices.order(own, **changes)), own))


# --- grants


@kind("a grant edited, its signature kept", "signature", "chain", "mode", "scope", "validity")
def grant_edited(forger: Forger) -> Attempt:
    """By whoever holds the last key: its own grant made wider."""
    good = forger.pick()
    own, wider = good.own, forger.rng.choice(_WIDER)
    edited = replace(own.grant, **wider)
    chain = (*own.chain[:-1], SignedGrant(grants.encode(edited), own.chain[-1].signature))
    return Attempt(resealed(encode(good.order), with_chain(own, chain)))


_WIDER: tuple[dict[str, Any], ...] = (
    {"path": "44"}, {"may_delegate": True}, {"purposes": EVERYTHING}, {"holder": "Governor"},
    {"not_after_ms": NOW_MS + 9_999 * DAY_MS}, {"not_before_ms": 0}, {"statuses": BOTH},
)  # fmt: skip


@kind("a grant wider than the one above it", "scope", "mode", "purpose", "validity", "delegation")
def grant_wider(forger: Forger) -> Attempt:
    """The grantor is in on it, and breaks the rule."""
    offices, rng = forger.offices, forger.rng
    end_ms = offices.city.grant.not_after_ms
    wider: dict[str, Any]
    if rng.random() < 0.3:  # a commander who may not grant grants
        above, wider = offices.people["actual", "Chen Wei"], {"purposes": ("issue",)}
    elif rng.random() < 0.3:  # an office for exercises alone grants for actual orders, or an office of nodes orders
        narrow: dict[str, Any] = rng.choice(({"statuses": ("exercise",)}, {"purposes": ("node",)}))
        above = offices.grant(offices.city, "Narrow Office", **({"statuses": BOTH, "may_delegate": True} | narrow))
        wider = {"statuses": ("actual",), "purposes": ("issue",)}
    else:
        above = offices.city
        some: list[dict[str, Any]] = [
            {"path": "44"},
            {"path": "4406"},
            {"not_after_ms": end_ms + 1},
            {"not_before_ms": 1},
        ]
        wider = {"statuses": ("actual",), **rng.choice(some)}
    own = offices.forced(above, "Chen Wei", **wider)
    return _ordered(forger, own, node="4401", audience=Selector(("4401",)))


@kind("a key that grants for both modes signs an order", "mode")
def both_modes(forger: Forger) -> Attempt:
    return _ordered(forger, forger.rng.choice((forger.offices.city, forger.offices.province, forger.offices.root)))


@kind("a key granted to itself", "key")
def granted_to_itself(forger: Forger) -> Attempt:
    city = forger.offices.city
    return _ordered(forger, forger.offices.forced(city, "Guangzhou Office", city.signer, statuses=("actual",)))


@kind("a key for another purpose", "purpose")
def another_purpose(forger: Forger) -> Attempt:
    mode = forger.rng.choice(BOTH)
    purposes = forger.rng.choice((("node",), ("approve",), ("approve", "node")))
    return _ordered(forger, forger.offices.grant(forger.offices.city, "Li Na", purposes=purposes, statuses=(mode,)))


@kind("a weak or misspelled public key", "key")
def weak_key(forger: Forger) -> Attempt:
    """One signature that fits every message: R the identity, S nought. A grantor was fooled into granting the key."""
    key = forger.rng.choice(WEAK_KEYS)
    signer = Signer(ED25519, key, lambda _: (1).to_bytes(32, "little") + bytes(32))
    own = forger.offices.forced(forger.offices.city, "Chen Wei", signer, purposes=("issue",), statuses=("actual",))
    return _ordered(forger, own)


# --- chains


@kind("the chain shuffled, doubled or shortened", "chain", "root", "bytes", "signature")
def chain_shuffled(forger: Forger) -> Attempt:
    good, rng = forger.pick(), forger.rng
    chain = good.own.chain
    ways = [
        chain[::-1],
        chain[1:],
        chain[:-1],
        (*chain, chain[-1]),
        (chain[0], *chain),
        chain[:1],
        (),
        (*chain, *chain),
    ]
    ways += [(*chain[1:], chain[0]), (chain[0], *chain[2:])]
    sealed = unpack(good.data)
    made = rng.choice(ways)
    by = rng.choice((sealed.seal.by, grants.name_of(made[-1].body))) if made else sealed.seal.by
    return Attempt(with_seal(sealed, chain=made, by=by))


@kind("a borrowed chain", "signature")
def borrowed_chain(forger: Forger) -> Attempt:
    """A stranger's key behind a commander's chain."""
    good = forger.pick()
    thief = Credential(forger.stranger.city.signer, good.own.grant, good.own.name, good.own.chain)
    return Attempt(resealed(encode(good.order), thief))


@kind("another grant of the same key", "signature")
def another_grant(forger: Forger) -> Attempt:
    """The key has a second grant, and its order is shown under that."""
    good = forger.pick()
    own = good.own
    second = forger.offices.forced(
        forger.offices.city, own.grant.holder, own.signer, statuses=own.grant.statuses, purposes=("issue",)
    )
    return Attempt(with_seal(unpack(good.data), chain=second.chain, by=second.name))


@kind("another province's root", "root")
def another_root(forger: Forger) -> Attempt:
    return _ordered(forger, forger.stranger.people[forger.rng.choice(BOTH), "Chen Wei"])


@kind("another root's name over one's own chain", "chain", "root", "signature")
def false_root(forger: Forger) -> Attempt:
    false: Offices = forger.stranger
    first = sign_grant(replace(false.province.grant, above=forger.offices.root.name), false.root.signer)
    own = with_chain(false.people["actual", "Chen Wei"], (first, *false.people["actual", "Chen Wei"].chain[1:]))
    return _ordered(forger, own)


@kind("revoked", "revoked")
def revoked(forger: Forger) -> Attempt:
    """Dated before the revocation, by a thief: it was not seen before."""
    good, offices = forger.pick(), forger.offices
    by = forger.rng.choice((good.own, offices.city, offices.province, offices.root))
    depth = forger.rng.randrange(max(1, len(by.chain)), len(good.own.chain) + 1)
    known = Revocations(offices.anchors)
    known.add(revoke(by, good.own.chain[:depth], NOW_MS + forger.rng.randrange(-DAY_MS, DAY_MS)))
    return Attempt(good.data, revocations=known)


# --- the second person


def _approved(
    forger: Forger, good: Good, approver: Credential, for_what: Any = "approve", body: bytes = b""
) -> Attempt:
    seal = statements.seal(for_what, body or encode(good.order), approver)
    return Attempt(pack(replace(unpack(good.data), approvals=(seal,))))


@kind("approved by oneself", "same_person")
def approved_by_oneself(forger: Forger) -> Attempt:
    good = forger.rng.choice([g for g in forger.good if g.own.grant.holder == "Chen Wei"])
    grant = good.own.grant
    new_key = forger.offices.grant(forger.offices.city, grant.holder, purposes=("approve",), statuses=grant.statuses)
    other_name = forger.offices.forced(
        forger.offices.city, "Wang Fang", good.own.signer, purposes=("approve",), statuses=grant.statuses
    )
    return _approved(forger, good, forger.rng.choice((good.own, new_key, other_name)))


@kind("approved twice by the same", "same_person")
def approved_twice(forger: Forger) -> Attempt:
    good = next(g for g in forger.rng.sample(forger.good, len(forger.good)) if g.approvers)
    sealed = unpack(good.data)
    return Attempt(pack(replace(sealed, approvals=sealed.approvals * 2)))


@kind("approved by who may not", "purpose", "scope", "mode", "root")
def approved_wrongly(forger: Forger) -> Attempt:
    good, offices = forger.pick(), forger.offices
    mode = good.own.grant.statuses
    other = ("actual",) if mode == ("exercise",) else ("exercise",)
    wrong: list[dict[str, Any]] = [
        {"purposes": ("issue",), "statuses": mode}, {"purposes": ("approve",), "statuses": other},
        {"purposes": ("approve",), "statuses": mode, "path": "440103"}, {"purposes": ("approve",), "statuses": BOTH},
    ]  # fmt: skip
    approver = offices.grant(offices.city, "Wang Fang", **forger.rng.choice(wrong))
    return _approved(forger, good, forger.rng.choice((approver, forger.stranger.people[mode[0], "Li Na"])))


@kind("an approval of something else", "signature")
def approval_of_another(forger: Forger) -> Attempt:
    good = forger.pick()
    approver = forger.offices.people[good.order.status, "Li Na"]
    other = encode(replace(good.order, text="Drill: stay where you are."))
    if forger.rng.random() < 0.5:
        return _approved(forger, good, approver, forger.rng.choice(("issue", "node")))
    return _approved(forger, good, approver, body=other)


@kind("an approval passed off as the order's signature", "signature")
def approval_as_signature(forger: Forger) -> Attempt:
    good = next(g for g in forger.rng.sample(forger.good, len(forger.good)) if g.approvers)
    sealed = unpack(good.data)
    return Attempt(pack(replace(sealed, seal=sealed.approvals[0], approvals=())))


@kind("approved by a revoked key", "revoked")
def approver_revoked(forger: Forger) -> Attempt:
    good = next(g for g in forger.rng.sample(forger.good, len(forger.good)) if g.approvers)
    known = Revocations(forger.offices.anchors)
    known.add(revoke(forger.offices.city, good.approvers[0].chain, NOW_MS))
    return Attempt(good.data, revocations=known)
