"""Small worlds for tests: orders and drafts with everything filled in that the test is not about, and their signers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pyroaring import BitMap

from fusioncmd import api, ids
from fusioncmd.access import Actor
from fusioncmd.audit.entries import Entry, fitted
from fusioncmd.client import Commander, key_login
from fusioncmd.codes import Path
from fusioncmd.errors import Problem
from fusioncmd.messages import Audience, Order, Selector, encode
from fusioncmd.trust import seals, witnesses
from fusioncmd.trust.judge import Judge
from loadtest.offices import BOTH, Offices

NOW_MS = 1_790_000_000_000
CHIEF = Actor("chief", frozenset({"commander", "administrator"}), Path("44"))  # may do anything in the province
EVERYONE = Selector(("44",))
OFFICES = Offices(1)
DUTY = {s: OFFICES.grant(OFFICES.province, "duty", purposes=("issue",), statuses=(s,)) for s in BOTH}
DEPUTY = {s: OFFICES.grant(OFFICES.province, "deputy", purposes=("approve",), statuses=(s,)) for s in BOTH}
NODE_KEY = OFFICES.grant(OFFICES.province, "node", purposes=("node",), statuses=BOTH)
ADMIN_KEY = OFFICES.grant(OFFICES.province, "duty", purposes=("administer",), statuses=BOTH)


async def by_key(commander: Commander) -> bytes:
    """The session of who issues orders and administers, at the node that `commander` asks."""
    return (await key_login(commander, (DUTY["exercise"], ADMIN_KEY), lambda: NOW_MS / 1000)).session


class Notebook:
    """A `Recorder` in memory: `entries` are kept at once, as long as there is no `problem`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.problem: Problem | None = None

    async def record(self, entry: Entry) -> None:
        if self.problem is not None:
            raise self.problem
        self.entries.append(fitted(entry))

    async def record_after(self, entry: Entry) -> None:
        self.note(entry)

    def note(self, entry: Entry) -> None:
        self.entries.append(fitted(entry))


def judge(now_ms: int = NOW_MS) -> Judge:
    """Believes whom `OFFICES` granted a key, at a time that stands still."""
    return Judge(OFFICES.anchors, lambda: now_ms / 1000)


def sealed(order: Order) -> bytes:
    """By one person, and a second where it is an actual order."""
    data = seals.seal(encode(order), DUTY[order.status])
    return seals.approve(data, DEPUTY["actual"]) if order.status == "actual" else data


def audience_of(order: Order, numbers: Iterable[int] = ()) -> Audience:
    """As the node states it; of what follows an alert, nobody."""
    packed = BitMap(numbers).serialize() if order.msg_type == "alert" else b""
    accepted = witnesses.accept(encode(order), packed, NODE_KEY, order.issued_ms)
    return Audience(order.id, packed, accepted)


def make_id(n: int = 1, now_ms: int = NOW_MS) -> bytes:
    return ids.make(now_ms, n.to_bytes(10, "big"))


def make_order(n: int = 1, **changes: Any) -> Order:
    fields: dict[str, Any] = {
        "id": make_id(n), "msg_type": "alert", "status": "exercise", "refs": None, "root": None, "node": "44",
        "issuer": "duty", "issued_ms": NOW_MS, "text": "Report for duty.", "severity": "severe",
        "answers": ("here", "need help"), "audience": EVERYONE, "receive_within_s": 120, "answer_within_s": 600,
        "open_s": 86_400,
    }  # fmt: skip
    fields |= changes
    return Order(**fields | {"root": fields["root"] or fields["refs"]})


def make_draft(n: int = 1, **changes: Any) -> api.Draft:
    fields: dict[str, Any] = {
        "id": make_id(n), "issuer": "duty", "text": "Report for duty.", "answers": ("here", "need help"),
        "audience": EVERYONE, "status": "exercise",
    }  # fmt: skip
    return api.Draft(**(fields | changes))
