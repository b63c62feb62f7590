"""Sealed orders to be judged by two verifiers: good ones, forgeries, edges of every bound, and every other spelling.

A case is what a verifier is given; what it has to say is what `seals.verify` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import msgpack
import msgspec
from msgspec import structs

from fusioncmd import ids, limits
from fusioncmd.messages import Order, Selector, encode
from fusioncmd.orders import CLOCK_APART_MS_MAX
from fusioncmd.trust import grants, statements
from fusioncmd.trust.grants import Credential, SignedGrant
from fusioncmd.trust.refusals import Untrusted
from fusioncmd.trust.revocations import Revocation, Revocations
from loadtest import forged_grants, forged_orders
from loadtest.forgeries import CONTROLS, KINDS, Attempt, Forger, pack, resealed, unpack, with_chain
from loadtest.offices import NOW_MS

assert forged_grants and forged_orders  # loaded for the kinds that they register


@dataclass(frozen=True, slots=True)
class Case:
    """`statements`: revocations that were heard, whatever they prove."""

    name: str
    attempt: Attempt
    statements: tuple[bytes, ...] = ()

    def plain(self) -> dict[str, object]:
        """As JSON takes it; bytes in hexadecimal."""
        revocations = [data.hex() for data in self.statements]
        return {"sealed": self.attempt.data.hex(), "now_ms": self.attempt.now_ms, "revocations": revocations}


def verdict(forger: Forger, case: Case) -> dict[str, object]:
    """What Python says, as JSON takes it."""
    known = Revocations(forger.offices.anchors)
    known.update(case.statements)
    found = forger.judge(replace(case.attempt, revocations=known))
    if isinstance(found, Untrusted):
        return {"reason": found.reason}
    fields: dict[str, Any] = {"kind": "order.1", **{f: getattr(found.order, f) for f in Order.__struct_fields__}}
    for name in ("id", "refs", "root"):
        fields[name] = None if fields[name] is None else fields[name].hex()
    audience = found.order.audience
    fields["audience"] = {f: list(getattr(audience, f)) for f in Selector.__struct_fields__}
    fields["answers"] = list(found.order.answers)
    approvers = [chain.leaf.holder for chain in found.approvals]
    return {"order": fields, "holder": found.signer.leaf.holder, "approvers": approvers}


def forgeries(forger: Forger, count: int) -> Iterator[Case]:
    kinds = list(KINDS.values())
    for n in range(count):
        forger.renew(n)
        kind = kinds[n % len(kinds)]
        attempt = kind.make(forger)
        known = attempt.revocations
        yield Case(kind.name, attempt, () if known is None else known.statements)


def good(forger: Forger) -> Iterator[Case]:
    for name, spell in CONTROLS.items():
        for one in forger.good:
            yield Case(name, Attempt(spell(one)))


def edges(forger: Forger) -> Iterator[Case]:
    """Orders at and just beyond each bound, signed as they stand."""
    own = forger.offices.people["exercise", "Chen Wei"]
    start, end = own.grant.not_before_ms, own.grant.not_after_ms
    cancel = {"msg_type": "cancel", "refs": bytes(16), "root": bytes(16), "answers": ()}
    texts = [
        "\ufeff", "\x85", "\x1c", "\u2028", "\u00a0", "\u3000 \t\n", "a\x7f", "a\u009f", "a\u202e", "a\u2066", "😀", "",
        "😀" * 2_000, "x" * 2_000, "x" * 2_001, "\ufeffa", "a\u0000", "汉" * 2_000, "a\u2065", "\u200b",
    ]  # fmt: skip
    changes: list[dict[str, Any]] = [
        *({"text": text} for text in texts), *({"answers": answers} for answers in (
            (), ("a",) * 2, tuple("abcdefgh"), tuple("abcdefghi"), ("",), ("x" * 33,), ("😀" * 32,), ("a\u202e",),
            ("é", "e\u0301"))),
        *({"ladder": text} for text in ("", "sms 60 answered", "x" * 256, "x" * 257)),
        *({"open_s": s, "answer_within_s": 600} for s in (600, 599, 604_800, 604_801)),
        *({"receive_within_s": s} for s in (0, 1, 600, 601)), {"answer_within_s": 119}, {"node": "44010"},
        *({"node": code} for code in ("440106", "440106001", "440106001001", "4402", "44", "")),
        *({"audience": Selector(nodes)} for nodes in (
            (), ("4401", "4401"), ("440106", "440103"), ("4401",) * 64, ("4401",) * 65, ("4401", "45"))),
        *({"audience": Selector(("4401",), *more)} for more in (
            (("a",),), (("",),), (("x" * 33,),), (("a",) * 33,), ((), ("45",)), ((), ("450",)), ((), (), ("b",)),
            (("a",), ("4401",), ("b",)), ((), (), (), ("44.weather",)), (("a",), (), (), ("440106.fire-2",) * 16),
            ((), (), (), ("44.a",) * 17), ((), (), (), ("44.Weather",)), ((), (), (), ("weather",)))),
        {"refs": bytes(16)}, {"root": bytes(16)}, cancel, cancel | {"answers": ("a",)},
        cancel | {"msg_type": "update"}, {"severity": "unknown"}, {"severity": "calm"}, {"msg_type": "query"},
        *({"issued_ms": ms, "id": ids.make(ms, bytes(10))} for ms in (start, start - 1, end, end + 1, 0)),
        {"issued_ms": 2**48, "id": ids.make(2**48 - 1, bytes(10))}, {"issued_ms": 2**48 + 1}, {"issued_ms": 2**60},
    ]  # fmt: skip
    for change in changes:
        order = forger.offices.order(own, **change)
        body = msgspec.msgpack.encode(order)
        for now_ms in (NOW_MS, min(order.issued_ms, 2**48)):
            yield Case(f"edge {change!s:.60}", Attempt(resealed(body, own), now_ms))
    yield from _moments(forger, own, cancel)


def _moments(forger: Forger, own: Credential, cancel: dict[str, Any]) -> Iterator[Case]:
    for change in ({}, cancel):
        order = forger.offices.order(own, **change)
        sealed, end_ms = resealed(encode(order), own), order.issued_ms + order.open_s * 1000
        last_ms = order.issued_ms + limits.ORDER_OPEN_S_MAX * 1000
        for now_ms in (order.issued_ms - limits.CLOCK_SKEW_MS_MAX, end_ms, last_ms, order.issued_ms):
            for apart in (-1, 0, 1):
                yield Case(f"at {now_ms + apart}", Attempt(sealed, now_ms + apart))
    for apart in (-1, 0, 1):
        for side in (-1, 1):
            ident = ids.make(NOW_MS + side * (CLOCK_APART_MS_MAX + apart), bytes(10))
            body = encode(forger.offices.order(own, issued_ms=NOW_MS, id=ident))
            yield Case(f"made {side * apart} ms apart", Attempt(resealed(body, own)))


def holders(forger: Forger) -> Iterator[Case]:
    """Grants at and beyond their bounds, by a grantor who checks nothing."""
    city, chen = forger.offices.city, forger.offices.people["exercise", "Chen Wei"]
    begins, ends = city.grant.not_before_ms, city.grant.not_after_ms
    changes: list[dict[str, Any]] = [
        {}, {"path": "440106"}, {"path": "4401060"}, {"purposes": ("issue", "approve")}, {"purposes": ()},
        {"purposes": ("issue", "issue")}, {"statuses": ()}, {"statuses": ("exercise", "actual")},
        {"not_before_ms": begins, "not_after_ms": ends}, {"not_before_ms": begins - 1}, {"not_after_ms": ends + 1},
        {"not_before_ms": ends, "not_after_ms": ends}, {"may_delegate": True}, {"algorithm": "sm2"},
        {"algorithm": ""}, {"algorithm": "x" * 17}, {"key": bytes(15)}, {"key": bytes(97)}, {"key": bytes(33)},
        {"key": b"\x02" + bytes(31)}, {"above": bytes(16)},
    ]  # fmt: skip
    names = ["Chen Wei", "a" * 64, "a" * 65, "", "😀" * 64, "a\nb", "a\u2028", "a\u202e", "a\u0085", "\ufeffa"]
    for holder, change in [*((name, {}) for name in names), *(("Chen Wei", change) for change in changes)]:
        fields = {"statuses": ("exercise",), "purposes": ("issue",)} | change
        signer = forger.offices.signer()
        draft = structs.replace(forger.offices.draft(city, holder, signer), **fields)
        body = msgspec.msgpack.encode(draft)
        chain = (*city.chain, SignedGrant(body, city.signer.sign("grant", city.name, body)))
        own = Credential(signer, draft, grants.name_of(body), chain)
        order = forger.offices.order(chen, issuer=holder, node="440106", audience=Selector(("440106",)))
        yield Case(f"grant {holder!s:.9} {change!s:.60}", Attempt(resealed(msgspec.msgpack.encode(order), own)))


def spellings(forger: Forger) -> Iterator[Case]:
    """Each value of the envelope, of a grant and of the order written longer than it must be, signed as it stands."""
    own = forger.offices.people["exercise", "Chen Wei"]
    order = encode(forger.offices.order(own, audience=Selector(("4401",), ("flood",))))
    for body in _longer(order):
        yield Case("an order spelled otherwise", Attempt(resealed(body, own)))
    for data in _longer(pack(unpack(resealed(order, own)))):
        yield Case("an envelope spelled otherwise", Attempt(data))
    for body in _longer(own.chain[-1].body):
        above = forger.offices.city
        chain = (*above.chain, SignedGrant(body, above.signer.sign("grant", above.name, body)))
        yield Case("a grant spelled otherwise", Attempt(resealed(order, with_chain(own, chain))))


def _longer(data: bytes) -> Iterator[bytes]:
    """`data` with one of its values, each in turn, under a longer head than it needs."""
    value = msgpack.unpackb(data)
    for n in range(_count(value)):
        for wide in (1, 2, 3):
            left = [n]
            spelled = _pack(value, left, wide)
            if spelled != data:
                yield spelled


def _count(value: Any) -> int:
    inner = [x for pair in value.items() for x in pair] if isinstance(value, dict) else value
    return 1 + (sum(map(_count, inner)) if isinstance(inner, list) else 0)


def _pack(value: Any, left: list[int], wide: int) -> bytes:
    widened = left[0] == 0
    left[0] -= 1
    inner = [x for pair in value.items() for x in pair] if isinstance(value, dict) else value
    parts = b"".join(_pack(x, left, wide) for x in inner) if isinstance(inner, list) else b""
    if isinstance(value, bool) or value is None or not widened:
        return _narrow(value, parts)
    match value:
        case int():
            return bytes([0xCC + wide]) + value.to_bytes(1 << wide, "big") if value < 1 << 8 * (1 << wide) else b"\xc0"
        case str() | bytes():
            raw = value.encode() if isinstance(value, str) else value
            size, first = wide - 1, 0xD9 if isinstance(value, str) else 0xC4
            return bytes([first + size]) + len(raw).to_bytes(1 << size, "big") + raw if len(raw) < 256 else b"\xc0"
        case _:
            first = 0xDC if isinstance(value, list) else 0xDE
            size = 2 if wide == 1 else 4
            return bytes([first + size // 4]) + len(value).to_bytes(size, "big") + parts


def _narrow(value: Any, parts: bytes) -> bytes:
    if isinstance(value, dict | list):
        head = bytes(msgpack.packb([None] * len(value)) if isinstance(value, list) else b"")
        if isinstance(value, list):
            return head[: len(head) - len(value)] + parts
        return (bytes([0x80 | len(value)]) if len(value) < 16 else b"\xde" + len(value).to_bytes(2, "big")) + parts
    return bytes(msgpack.packb(value))


def revoked_by(forger: Forger) -> Iterator[Case]:
    """Revocations of each key of a chain by each of several: those above it, itself, and those who may not."""
    offices = forger.offices
    chen, li = (offices.people["exercise", name] for name in ("Chen Wei", "Li Na"))
    second = offices.forced(offices.city, "Chen Wei", chen.signer, statuses=("exercise",), purposes=("issue",))
    sealed = [offices.sealed(own, issuer="Chen Wei") for own in (chen, second)]
    for by in (offices.root, offices.province, offices.city, chen, li, offices.node, forger.stranger.city):
        for depth in range(len(chen.chain) + 1):
            body = msgspec.msgpack.encode(Revocation(NOW_MS, chen.chain[:depth]))
            for what in ("revoke", "issue"):
                said = statements.state(what, body, by)
                for spelled in (said, said[:-1], said + b"\0"):
                    yield from (Case("who may revoke", Attempt(data), (spelled, b"noise")) for data in sealed)


def selectors(forger: Forger) -> Iterator[Case]:
    """An order whose audience names its lists in every order, twice, or empty."""
    own = forger.offices.people["exercise", "Chen Wei"]
    body = encode(forger.offices.order(own, audience=Selector(("4401",), ("a",), ("440106",), ("b",))))
    pairs = [msgpack.packb(name) + msgpack.packb(value) for name, value in msgpack.unpackb(body)["audience"].items()]
    whole = b"\x84" + b"".join(pairs)
    assert whole in body
    empty = [b"\xa5roles\x90", b"\xa9not_nodes\x90"]
    chosen = [*permutations(pairs), *((*pairs[:n], pairs[n], *pairs[n:]) for n in range(4)), pairs[1:], pairs[:1],
              (pairs[0], empty[0]), (pairs[0], pairs[1], empty[1]), (pairs[0], b"\xa5later\x90"), ()]  # fmt: skip
    for lists in chosen:
        spelled = bytes([0x80 | len(lists)]) + b"".join(lists)
        yield Case("an audience spelled otherwise", Attempt(resealed(body.replace(whole, spelled), own)))


def all_cases(forger: Forger, mutants: int) -> list[Case]:
    makers = (good, edges, holders, spellings, selectors, revoked_by)
    return [case for make in makers for case in make(forger)] + list(forgeries(forger, mutants))
