"""Bytes of a province: in memory, on the wire, and on disk. Pure."""

from __future__ import annotations

from math import ceil

from fusioncmd import limits
from fusioncmd.ladder.bounds import LADDER_STREAM_BYTES_MAX
from fusioncmd.ladder.steps import NAMED, parse
from fusioncmd.plan import costs as c
from fusioncmd.plan.asked import Asked
from fusioncmd.plan.steps import MIB, Factor, Group, Step

HELD_DAYS = 8  # an order is open for a day, and a gateway holds it for seven more
HELD_MIN = 256  # below so many a gateway forgets none; above, at twice those that it must hold (responder/board.py)
LADDER_STEPS = len(parse(NAMED["standard"]).steps)  # each order climbs all of them
LEDGER_FILES = 2  # each ledger file stands twice


def orders_kept(asked: Asked) -> int:
    return ceil(asked.orders_per_day * asked.keep_days)


def reports_of_order(asked: Asked) -> int:
    """Beyond the bound they are shed from memory."""
    return min(ceil(asked.people * asked.reports / 100), limits.REPORTS_PER_ORDER_MAX)


def orders_until_full(asked: Asked) -> int:
    """How many orders of this size the stream of orders takes: it forgets none."""
    return int(limits.CALL_STREAM_BYTES_MAX / (asked.people * c.AUDIENCE_DISK.plain))


def ladders_kept(asked: Asked) -> int:
    """Orders whose ladders a node still has: for as long as a gateway holds them, too."""
    return min(orders_kept(asked), ceil(HELD_DAYS * asked.orders_per_day))


def ladders_until_full(asked: Asked) -> int:
    return int(LADDER_STREAM_BYTES_MAX / (LADDER_STEPS * asked.people * c.LADDER_DISK.plain))


def gateway_memory(asked: Asked, connected: int, processes: int) -> Group:
    """Of all gateways, of the kernel for their connections, and of the NATS servers."""
    people, each = Factor(connected), Factor(processes)
    held = Factor(min(orders_kept(asked), max(HELD_MIN, ceil(2 * HELD_DAYS * asked.orders_per_day))))
    steps = (
        Step("kernel", "B", (people, c.KERNEL.factor)),
        Step("processes", "B", (each, c.GATEWAY.factor)),
        Step("connections", "B", (people, c.SOCKET.factor)),
        Step("orders", "B", (each, held, Factor(asked.people), c.POSTED.factor)),
        Step("nats", "B", (Factor(asked.replicas), c.NATS.factor)),
    )
    return Group("memory", "B", steps)


def node_memory(asked: Asked) -> Group:
    people, orders = Factor(asked.people), Factor(orders_kept(asked))
    steps = (
        Step("idle", "B", (Factor(1), c.NODE.factor)),
        Step("roster", "B", (people, c.PERSON.factor)),
        Step("orders", "B", (orders, people, c.ACCOUNT.factor)),
        Step("reports", "B", (orders, Factor(reports_of_order(asked)), c.REPORT.factor)),
        Step("ladders", "B", (Factor(ladders_kept(asked)), Factor(LADDER_STEPS), people, c.LADDER_DISK.factor)),
    )
    return Group("node_memory", "B", steps)


def traffic(asked: Asked, connected: int, processes: int) -> Group:
    """Bytes a second while a call-down runs, and how many messages."""
    people = Factor(connected)
    batches = (Factor(processes), Factor(1000 / limits.GATHER_MS_MAX, "/s"))
    steps = [
        Step("batches", "/s", batches),
        Step("disk", "", batches, (c.STORES.factor,)),
        Step("receipts", "B/s", (people, c.RECEIPT.factor), (Factor(asked.confirmed_s, "s"),)),
        Step("heads", "B/s", (*batches, c.BATCH.factor)),
        Step("presence", "B/s", (people, Factor(1 / limits.PRESENCE_EVERY_S, "/s"), c.PRESENCE.factor)),
        Step("audience", "B", (Factor(processes), Factor(asked.people), c.AUDIENCE_DISK.factor)),
        Step("links", "B/s", (people, c.WIRE.factor), (Factor(asked.delivered_s, "s"),)),
    ]
    if asked.satellite:
        share = Factor(asked.satellite, "%")
        steps.append(Step("satellite", "B/s", (people, share, c.WIRE.factor), (Factor(asked.delivered_s, "s"),)))
    return Group("traffic", "", tuple(steps), "apart")


def disk(asked: Asked) -> Group:
    """Of one order to everyone, answered by all."""
    people, reports = Factor(asked.people), Factor(reports_of_order(asked))
    steps = (
        Step("order", "B", (people, c.AUDIENCE_DISK.factor, Factor(asked.replicas))),
        Step("ledger", "B", (people, c.LEDGER_DISK.factor, Factor(LEDGER_FILES))),
        Step("reports", "B", (reports, c.REPORT_DISK.factor, Factor(LEDGER_FILES))),
    )
    return Group("disk", "B", steps)


def disk_kept(asked: Asked) -> Group:
    """Of all orders that are kept, the roster, and what devices gave. Receipts and reports leave their streams within a
    minute, ladders a week after their order."""
    people, copies = Factor(asked.people), Factor(asked.replicas)
    ladders = (Factor(ladders_kept(asked)), Factor(LADDER_STEPS), people, c.LADDER_DISK.factor, copies)
    steps = (
        Step("orders", "B", (Factor(orders_kept(asked)), Factor(disk(asked).value / MIB, "MiB"))),
        Step("roster", "B", (people, c.ROSTER_DISK.factor, copies)),
        Step("ladders", "B", ladders),
        Step("subscriptions", "B", (people, c.PUSH_DISK.factor, copies)),
        Step("pictures", "B", (c.PICTURES.factor, copies)),
    )
    return Group("disk_kept", "B", steps)
