"""Before an order is sent: who is reachable, by tier, who by no channel, and how many are likely to answer. Pure.

Likely is the median of what recent orders of the same mode got from the people who are meant now, of those that are
over; where there are none, it says so.
"""

from __future__ import annotations

from itertools import islice
from statistics import median

from pyroaring import BitMap

from fusioncmd import api
from fusioncmd.codes import Path
from fusioncmd.ladder import bounds
from fusioncmd.messages import Status
from fusioncmd.orders import address
from fusioncmd.roster.directory import Roster
from fusioncmd.tally import View
from tiers.ledger import Ledger

RECENT_ORDERS_MAX = 10


def preview_of(
    request: api.Preview, meant: BitMap, reachable: BitMap, addressed: BitMap, needs_second: bool, roster: Roster,
    ledger: Ledger, now_ms: int,
) -> api.PreviewReply:  # fmt: skip
    """`addressed`: who has a phone number or a push subscription."""
    here = meant & reachable
    unreached = meant - here - addressed
    nodes = request.audience.nodes
    places = roster.divisions.children(address(request.audience)) if len(nodes) == 1 else [Path(n) for n in nodes]
    below = (
        api.PreviewRow(
            place.code, roster.divisions.name(place), roster.count(meant, place), roster.count(here, place),
            roster.count(unreached, place),
        )
        for place in places
    )  # fmt: skip
    rates = recent_rates(meant, request.status, ledger, now_ms)
    people = tuple(roster.person(n) for n in islice(unreached, bounds.UNREACHED_NAMED_MAX)) if request.names else ()
    return api.PreviewReply(
        len(meant), len(here), needs_second, len(unreached), tuple(row for row in below if row.targeted),
        median(rates) if rates else None, len(rates), people,
    )  # fmt: skip


def recent_rates(meant: BitMap, status: Status, ledger: Ledger, now_ms: int) -> list[float]:
    """Of the newest orders that are over, the share of those people who answered."""
    rates: list[float] = []
    for order in sorted(ledger.book.orders.values(), key=lambda o: o.id, reverse=True):
        if len(rates) == RECENT_ORDERS_MAX:
            break
        over = ledger.book.state(order, now_ms) in ("expired", "cancelled")
        if order.status == status and order.answers and over and (common := ledger.targeted(order) & meant):
            view = View(ledger.accounts[order.id].marks, common, BitMap())
            rates.append(len(view.answered) / len(common))
    return rates
