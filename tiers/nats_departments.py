"""Departments in a NATS server's configuration: an account for each, with what leaves to it and what enters. Pure.

Each export and import is of one subject and for one account, so that a department hears what is listed for it, says
what is listed for it, and sees neither the bus nor another department. By requests alone: what it is told it confirms,
and what it says is confirmed. One without NATS is spoken for by the gateway of alarms, in the account of gateways.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fusioncmd.departments import subjects
from fusioncmd.departments.department import Department
from tiers.nats_links import listed

CONNECTIONS_MAX = 4  # of one department: itself, one that takes its place, and what hangs after a cut
SUBSCRIPTIONS_MAX = 32
PAYLOAD_BYTES_MAX = 1024**2


def account_of(own: str, department: Department) -> str:
    return f"{own}-department-{department.name}"


def exports(own: str, lent: str, known: Iterable[Department]) -> Iterator[str]:
    """Of the node's account: whose answers it takes, and from where."""
    for one in known:
        if one.desk:
            yield _service(subjects.says_answer(one.name), account_of(own, one) if one.by == "nats" else lent)


def imports(own: str, lent: str, known: Iterable[Department]) -> Iterator[str]:
    """Of the node's account: how it tells each what leaves."""
    for one in known:
        for what in _taken(one):
            told = subjects.takes(one.name, what)
            yield _from(account_of(own, one), what, told) if one.by == "nats" else _from(lent, told, told)


def gateway_exports(own: str, known: Iterable[Department]) -> Iterator[str]:
    """Of the account of gateways: whose alarms it takes, and whom it tells by HTTP."""
    for one in known:
        if one.by == "nats" and one.gives:
            yield _service(subjects.says_alarm(one.name), account_of(own, one))
        elif one.by != "nats":
            yield from (_service(subjects.takes(one.name, what), own) for what in _taken(one))


def gateway_imports(own: str, known: Iterable[Department]) -> Iterator[str]:
    for one in known:
        if one.by != "nats" and one.desk:
            answer = subjects.says_answer(one.name)
            yield _from(own, answer, answer)


def accounts(own: str, lent: str, known: Iterable[Department]) -> str:
    return "".join(_account(own, lent, one) for one in known if one.by == "nats")


def _account(own: str, lent: str, one: Department) -> str:
    says = [_from(lent, subjects.says_alarm(one.name), subjects.SAY_ALARM)] if one.gives else []
    says += [_from(own, subjects.says_answer(one.name), subjects.SAY_ANSWER)] if one.desk else []
    may_say = [*([subjects.SAY_ALARM] if one.gives else []), *([subjects.SAY_ANSWER] if one.desk else []), "_R_.>"]
    hears = [*_taken(one), "_INBOX.>"]
    may = f"publish: {{ allow: [{_quoted(may_say)}] }}, subscribe: {{ allow: [{_quoted(hears)}] }}"
    return f"""\
  "{account_of(own, one)}" {{
    limits: {{ max_connections: {CONNECTIONS_MAX}, max_subscriptions: {SUBSCRIPTIONS_MAX}, \
max_payload: {PAYLOAD_BYTES_MAX} }}
    users: [
      {{ nkey: {one.public}, permissions: {{ {may} }} }}  # {one.name}, department
    ]
    exports: [
{listed(_service(what, own) for what in _taken(one))}\
    ]
    imports: [
{listed(says)}\
    ]
  }}
"""


def _taken(one: Department) -> Iterator[str]:
    if one.takes:
        yield subjects.TAKE_ALARM
    if one.desk:
        yield subjects.TAKE_ORDER
    yield subjects.TAKE_HELLO


def _service(subject: str, to: str) -> str:
    return f'{{ service: "{subject}", accounts: ["{to}"] }}'


def _from(account: str, subject: str, here: str) -> str:
    return f'{{ service: {{ account: "{account}", subject: "{subject}" }}, to: "{here}" }}'


def _quoted(some: Iterable[str]) -> str:
    return ", ".join(f'"{each}"' for each in some)
