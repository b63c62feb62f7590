"""A key says that it still works, so that a dead one is found before it is needed. Pure; time is an argument.

The holder's program signs a heartbeat now and then. Who watches sees a key that is lost, broken, revoked or misgranted
by the heartbeat that does not come or does not hold, and not when an order has to go out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from fusioncmd import limits
from fusioncmd.messages import Id, Millis
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.chains import Anchors, Chain
from fusioncmd.trust.grants import Credential
from fusioncmd.trust.refusals import refusal
from fusioncmd.trust.revocations import Revocations


class Heartbeat(Struct, frozen=True, array_like=True, tag="heartbeat.1"):
    grant: Id
    at_ms: Millis


_form = Form(Heartbeat, 64)


def beat(own: Credential, now_ms: int) -> bytes:
    return statements.state("heartbeat", _form.encode(Heartbeat(own.name, now_ms)), own)


def hear(data: bytes, anchors: Anchors, revocations: Revocations, now_ms: int) -> tuple[Chain, int]:
    """Whose heartbeat it is and when it was made; `Untrusted` for one that proves no working key."""
    body, chain = statements.read(data, "heartbeat", anchors)
    heartbeat = _form.decode(body)
    if heartbeat.grant != chain.name:
        raise refusal("stale")
    if heartbeat.at_ms > now_ms + limits.CLOCK_SKEW_MS_MAX:
        raise refusal("future")
    if not chain.leaf.not_before_ms <= heartbeat.at_ms <= chain.leaf.not_after_ms:
        raise refusal("validity")
    revocations.check(chain, heartbeat.at_ms, None)
    return chain, heartbeat.at_ms


def whose(data: bytes, anchors: Anchors) -> Chain:
    """Whose key signed it, revoked or not; `Untrusted` when it proves nothing."""
    return statements.read(data, "heartbeat", anchors)[1]


def silent(chains: Iterable[Chain], heard_ms: Mapping[bytes, int], now_ms: int) -> list[Chain]:
    """Keys that should be alive and were not heard for too long; `heard_ms` has the last heartbeat by grant name."""
    due_ms = now_ms - limits.KEY_HEARTBEAT_S_MAX * 1000
    return [
        chain for chain in chains
        if chain.leaf.not_before_ms <= due_ms and now_ms <= chain.leaf.not_after_ms
        and heard_ms.get(chain.name, 0) < due_ms
    ]  # fmt: skip
