"""Links in a NATS server's configuration: accounts and leaf nodes. What passes between tiers, and no more. Pure.

One account holds the links to nodes below, the one to the node above, and voice: NATS passes a frame from link to link,
once on each, and only where somebody beyond listens. What a link's user may say and hear keeps the rest from passing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fusioncmd import subjects
from fusioncmd.bus.users import BusUser
from fusioncmd.voice import subjects as talk_subjects
from tiers.bus_rights import rights_of
from tiers.link_rights import says_down, says_up

LINK_S_MAX = 10  # for a node below to say who it is; NATS would wait two seconds, a satellite needs more
PARENT_SEED = "FUSIONCMD_PARENT_SEED"  # the environment variable with the key for the node above


class LinkSettings(Protocol):
    """What `nats_config.NatsSettings` says of links."""

    @property
    def node(self) -> str: ...
    @property
    def links(self) -> tuple[str, int] | None: ...
    @property
    def parent(self) -> str | None: ...
    @property
    def parent_ca(self) -> Path | None: ...
    @property
    def above_by_satellite(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Lent:
    """An account beside the node's own: what is said in it is lent to the node, and the node lends it what it hears."""

    name: str
    users: list[BusUser]
    says: tuple[str, ...]
    hears: tuple[str, ...]


def beside(settings: LinkSettings, own: str, inside: list[BusUser]) -> Iterator[Lent]:
    """The account of links and voice: of nodes below, which come in as users, of the node above, and of whoever carries
    voice here. What is lent is named link by link: NATS takes `fc.link.*.up` and the link to above for a circle."""
    below = [user.serves for user in inside if user.role == "link"]
    if settings.links is not None or settings.parent is not None or inside:
        above = settings.parent is not None or settings.above_by_satellite
        says = [subject for code in below for subject in says_up(code)]
        hears = [subject for code in below for subject in says_down(code)]
        says += says_down(settings.node) if above else ()
        hears += says_up(settings.node) if above else ()
        says += [subjects.SATELLITE_ALL] if any(user.role == "satellite" for user in inside) else []
        says += (talk_subjects.faults(user.path) for user in inside if user.role == "floor")
        yield Lent(f"{own}-links", inside, tuple(says), tuple(hears))


def account(lent: Lent, own: str) -> str:
    return f"""\
  "{lent.name}" {{
    users: [
{listed(map(user_line, lent.users))}\
    ]
    exports: [
{listed(lends(subject, own) for subject in lent.says)}\
    ]
    imports: [
{listed(borrows(subject, own) for subject in lent.hears)}\
    ]
  }}
"""


def lends(subject: str, to: str) -> str:
    return f'{{ stream: "{subject}", accounts: ["{to}"] }}'


def borrows(subject: str, account: str) -> str:
    return f'{{ stream: {{ account: "{account}", subject: "{subject}" }} }}'


def leafnodes(settings: LinkSettings, own: str, tls: str) -> str:
    """Where nodes below come in, and how this one comes in above. Timeouts are for a satellite's round trips."""
    if settings.links is None and settings.parent is None:
        return ""
    here = above = ""
    if settings.links is not None:
        host, port = settings.links
        here = f"""\
  host: "{host}"
  port: {port}
  no_advertise: true
  authorization {{ timeout: {LINK_S_MAX} }}
{tls}\
"""
    if settings.parent is not None:
        # The server above says nothing before the handshake (`nats_config._tls`).
        ca = settings.parent_ca and f', tls: {{ ca_file: "{settings.parent_ca.as_posix()}", handshake_first: true }}'
        remote = f'url: "{settings.parent}", nkey: ${PARENT_SEED}, account: "{own}-links"{ca or ""}'
        remote += f', first_info_timeout: "{LINK_S_MAX}s"'  # NATS would hang up after one second
        above = f'  reconnect: "1s"\n  remotes: [ {{ {remote} }} ]\n'
    return f"leafnodes {{\n{here}{above}}}\n"


def user_line(user: BusUser, clustered: bool = False, linked: bool = False, highest: bool = False) -> str:
    rights = rights_of(user, clustered, linked, highest)
    publish, hear = (", ".join(f'"{subject}"' for subject in some) for some in (rights.publish, rights.subscribe))
    says = f"allow: [{publish}]" if publish else 'deny: [">"]'  # an empty list allows everything
    may = f"publish: {{ {says} }}, subscribe: {{ allow: [{hear}] }}"
    return f"{{ nkey: {user.public}, permissions: {{ {may} }} }}  # {user.name}, {user.role}"


def listed(lines: Iterable[str]) -> str:
    return "".join(f"      {line}\n" for line in lines)
