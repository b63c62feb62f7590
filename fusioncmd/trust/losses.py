"""A node says that somebody's devices are lost, for the tiers above and below: each has devices of its own. Pure.

A device is a record under the ticket key of the tier where it enrolled, and another tier can neither read nor end it.
What crosses a link is therefore who lost them and when: each tier ends the devices of that person that enrolled with it
until then. A statement is never taken back: who has the phone again enrols it anew.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import StorageFull
from fusioncmd.exchange import bounds, items
from fusioncmd.exchange.items import Family
from fusioncmd.messages import Millis, Number
from fusioncmd.trust import statements
from fusioncmd.trust.canonical import Form
from fusioncmd.trust.grants import Credential, PlaceCode
from fusioncmd.trust.judge import Judge
from fusioncmd.trust.refusals import refusal


class Missing(Struct, frozen=True, array_like=True, tag="missing.1"):
    """Every device that the person with `number`, of `town`, had enrolled by `at_ms`. `by`: who reported it."""

    number: Number
    town: PlaceCode
    at_ms: Millis
    by: Annotated[str, Meta(max_length=limits.AUDIT_FIELD_CHARS_MAX)]


_form = Form(Missing, 2_048)


def state(missing: Missing, own: Credential) -> bytes:
    return statements.state("node", _form.encode(missing), own)


class Losses:
    """What is known of them, by the key that each has in the exchange; `judge` knows the time and the roots."""

    def __init__(self, judge: Judge, losses_max: int = bounds.LOSSES_MAX) -> None:
        self._judge, self._max = judge, losses_max
        self.held: dict[bytes, bytes] = {}

    def read(self, data: bytes) -> Missing:
        """What a node of that town, or above it, stated while its key was good; `Untrusted` for anything else."""
        body, node = statements.read(data, "node", self._judge.anchors)
        missing = _form.decode(body)
        if "node" not in node.leaf.purposes:
            raise refusal("purpose")
        if not missing.town.startswith(node.leaf.path):
            raise refusal("scope")
        if not node.leaf.not_before_ms <= missing.at_ms <= node.leaf.not_after_ms:
            raise refusal("validity")
        if missing.at_ms > self._judge.now_ms + limits.CLOCK_SKEW_MS_MAX:
            raise refusal("future")
        self._judge.revocations.check(node, missing.at_ms, None)
        return missing

    def add(self, data: bytes) -> None:
        """`Untrusted` for what no node stated; `StorageFull` beyond LOSSES_MAX."""
        missing = self.read(data)
        key = key_of(missing, data)
        if key not in self.held:
            self.check_room()
        self.held[key] = data

    def check_room(self) -> None:
        if len(self.held) >= self._max:
            raise StorageFull(
                f"{self._max:,} losses are kept for other tiers, and no more: end these devices there.",
                f"供其他层级的挂失记录已达 {self._max:,} 条上限，请在相应层级吊销设备。",
            )


def key_of(missing: Missing, data: bytes) -> bytes:
    return items.statement_key(Family.LOST, missing.town, items.name_of(data))
