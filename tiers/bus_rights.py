"""What each user of the bus may publish and hear, as allow-lists: what is not here is refused by NATS. Pure.

Tokens are exact: a node's own path and what lies below it, a gateway's own name. Whoever takes over a gateway can
lose or invent the answers of that gateway's own people, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd import subjects
from fusioncmd.bus.consumers import fixed_name
from fusioncmd.bus.port import CALL, RECEIPT, REPORT, ROSTER, STREAMS, TRUST, StreamSpec
from fusioncmd.bus.users import BusUser
from fusioncmd.codes import Path

API = "$JS.API"
FLOW = "$JS.FC"  # where a consumer is told that what it sent has been handled
GATEWAY_ASKS = ("enrol", "renew")
# Of the trust between nodes and commanders, what a gateway has to know; one consumer each, held to its filter.
GATEWAY_TRUSTS = ("fc.trust.revocation.>", "fc.trust.heartbeat.>", "fc.trust.lost.>")


@dataclass(frozen=True, slots=True)
class Rights:
    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


def rights_of(user: BusUser) -> Rights:
    """Every user hears its own inbox, and nobody else's."""
    make = {"node": _node, "gateway": _gateway, "office": _office, "commander": _commander}[user.role]
    publish, hear = make(user)
    return Rights(publish, (f"_INBOX.{user.name}.>", *hear))


def _node(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    here = user.path
    publish = (
        *_below(subjects.call(here)), "fc.audience.*", *_below(subjects.roster(here)), *_below(subjects.audit(here)),
        "fc.trust.revocation.*", "fc.trust.heartbeat.*", f"fc.trust.device.{here.dotted}.>", "fc.trust.lost.>",
        *_below(subjects.audit_head(here)), "fc.account.*",
        # Its answers. Not `allow_responses`: an asker could have them put on any subject, the province's too.
        "_INBOX.>",
        subjects.api("*"),  # what a person at its machine asks with its key
    )  # fmt: skip
    made = tuple(f"{API}.STREAM.CREATE.{stream.name}" for stream in STREAMS)
    forgets = tuple(f"{API}.STREAM.PURGE.{stream.name}" for stream in (RECEIPT, REPORT))
    reads = tuple(subject for stream in STREAMS for subject in _reads(stream))
    return (*publish, *made, *forgets, *reads), (subjects.api(">"), subjects.PRESENCE_ALL)


def _gateway(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    says = (subjects.receipt(user.name), subjects.presence(user.name), *_below(subjects.report(user.path)))
    orders = fixed_name(user.name, ("", ""))
    reads = [f"{API}.CONSUMER.CREATE.{CALL.name}.{orders}", *_keeps(CALL, orders)]
    for pattern in GATEWAY_TRUSTS:
        name = fixed_name(user.name, (pattern,))
        reads += [f"{API}.CONSUMER.CREATE.{TRUST.name}.{name}.{pattern}", *_keeps(TRUST, name)]
    edges = (f"{API}.STREAM.INFO.{CALL.name}", f"{API}.STREAM.INFO.{TRUST.name}")
    return (*says, *map(subjects.api, GATEWAY_ASKS), *edges, *reads), ()


def _office(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The command line on the node's own machine: it loads the roster, and reads it for tickets."""
    return (subjects.api(">"), *_below(subjects.roster(user.path)), *_reads(ROSTER)), ()


def _commander(user: BusUser) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return (subjects.api(">"),), ()


def _reads(stream: StreamSpec) -> tuple[str, ...]:
    """All of a stream, by consumers of any name."""
    of = f"{API}.CONSUMER.CREATE.{stream.name}"
    direct = f"{API}.DIRECT.GET.{stream.name}.>"
    return (f"{API}.STREAM.INFO.{stream.name}", f"{of}.>", *_keeps(stream, "*"), direct)


def _keeps(stream: StreamSpec, name: str) -> tuple[str, ...]:
    return f"{API}.CONSUMER.DELETE.{stream.name}.{name}", f"{FLOW}.{stream.name}.{name}.>"


def _below(subject: str) -> tuple[str, str]:
    return subject, f"{subject}.>"


def account_of(path: Path) -> str:
    """The account of a node: its users and streams, and nobody else's."""
    return f"fc-{path.code}"
