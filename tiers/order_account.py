"""What the ledger holds of one order, and what it tells of it to who asks for news. Pure: plain records."""

from __future__ import annotations

from dataclasses import dataclass, field

from pyroaring import BitMap

from fusioncmd.course import Course
from fusioncmd.messages import Audience, Order, Report
from fusioncmd.tally import Marks


@dataclass(slots=True)
class Account:
    """One order's evidence. `order` is None while only receipts for it, or what nodes said of it, have come."""

    order: Order | None = None
    sealed: bytes = b""  # the order as it was signed
    accepted_ms: int = 0  # as a node stated it
    statement: bytes = b""  # by which it did
    said: list[Audience] = field(default_factory=list)  # before the order, which tells which of them is true
    audience: BitMap | None = None
    marks: Marks = field(default_factory=Marks)
    reports: dict[bytes, Report] = field(default_factory=dict)
    course: Course = field(default_factory=Course)


@dataclass(slots=True)
class News:
    """What was folded since somebody asked last; `evidence` by order: of whom something new may be known."""

    orders: list[bytes] = field(default_factory=list)
    evidence: dict[bytes, BitMap] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
