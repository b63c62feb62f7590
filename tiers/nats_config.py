"""The configuration of a tier node's own NATS server. Pure: settings in, text out.

The node has an account, its gateways another, and so have the links to the nodes below and the link to the node above:
between accounts passes what is lent, and nothing else. Each user by public key, so that no secret stands in the file;
allow-lists only; nobody without a key. What a user may do is in `bus_rights`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from fusioncmd import limits
from fusioncmd.bus.port import STREAMS
from fusioncmd.bus.users import BusUser
from fusioncmd.errors import NotFound
from tiers.bus_rights import gateway_shares, rights_of, says_down, says_up


@dataclass(frozen=True, slots=True)
class NatsSettings:
    node: str
    port: int
    store: Path
    host: str = "127.0.0.1"
    tls: tuple[Path, Path] | None = None  # certificate, private key
    links: tuple[str, int] | None = None  # where nodes below come in: address and port
    parent: str | None = None  # where the node above takes this one in: nats-leaf://host:port or tls://host:port
    parent_ca: Path | None = None


LINK_S_MAX = 10  # for a node below to say who it is; NATS would wait two seconds, a satellite needs more
PARENT_SEED = "FUSIONCMD_PARENT_SEED"  # the environment variable with the key for the node above


@dataclass(frozen=True, slots=True)
class Lent:
    """An account beside the node's own: what is said in it is lent to the node, and the node lends it what it hears."""

    name: str
    users: list[BusUser]
    says: tuple[str, ...]
    hears: tuple[str, ...]


def render(settings: NatsSettings, users: Iterable[BusUser]) -> str:
    """A nats-server configuration file. `NotFound` without a user: such a server would let everyone in."""
    known = tuple(users)
    if not known:
        raise NotFound(
            "Nobody may use the bus yet; `fusioncmd up` makes its users.", "总线尚无用户；请先运行 fusioncmd up。"
        )
    own, lent = f"fc-{settings.node}", f"fc-{settings.node}-gateways"
    gateways = [user for user in known if user.role == "gateway"]
    inboxes = [f"_INBOX.{user.name}.>" for user in gateways]
    beside = list(_beside(settings, own, [user for user in known if user.role == "link"]))
    exports = [f'{{ service: "{subject}", accounts: ["{lent}"] }}' for subject in gateway_shares()]
    exports += [f'{{ stream: "{inbox}", accounts: ["{lent}"] }}' for inbox in inboxes]
    exports += [_lends(subject, one.name) for one in beside for subject in one.hears]
    borrowed = [_borrows(subject, one.name) for one in beside for subject in one.says]
    imports = [
        f'{{ service: {{ account: "{own}", subject: "{subject}" }}, to: "{theirs}" }}'
        for subject, theirs in gateway_shares().items()
    ]
    imports += [f'{{ stream: {{ account: "{own}", subject: "{inbox}" }} }}' for inbox in inboxes]
    return f"""\
{listening(settings)}\
authorization {{ timeout: {limits.BUS_LOGIN_S_MAX} }}
system_account: SYS
accounts {{
  SYS {{ }}
  "{own}" {{
    jetstream: enabled
    users: [
{_listed(_user(user) for user in known if user.role not in ("gateway", "link"))}\
    ]
    exports: [
{_listed(exports)}\
    ]
    imports: [
{_listed(borrowed)}\
    ]
  }}
  "{lent}" {{
    users: [
{_listed(_user(user) for user in gateways)}\
    ]
    imports: [
{_listed(imports)}\
    ]
  }}
{"".join(_account(one, own) for one in beside)}\
}}
{_leafnodes(settings, own)}"""


def _beside(settings: NatsSettings, own: str, below: list[BusUser]) -> Iterator[Lent]:
    """The accounts of links: of those to nodes below, which come in as users, and of the one to the node above."""
    if settings.links is not None:
        yield Lent(f"{own}-links", below, says=says_up("*"), hears=says_down("*"))
    if settings.parent is not None:
        yield Lent(f"{own}-above", [], says=says_down(settings.node), hears=says_up(settings.node))


def _account(lent: Lent, own: str) -> str:
    return f"""\
  "{lent.name}" {{
    users: [
{_listed(map(_user, lent.users))}\
    ]
    exports: [
{_listed(_lends(subject, own) for subject in lent.says)}\
    ]
    imports: [
{_listed(_borrows(subject, own) for subject in lent.hears)}\
    ]
  }}
"""


def _lends(subject: str, to: str) -> str:
    return f'{{ stream: "{subject}", accounts: ["{to}"] }}'


def _borrows(subject: str, account: str) -> str:
    return f'{{ stream: {{ account: "{account}", subject: "{subject}" }} }}'


def _leafnodes(settings: NatsSettings, own: str) -> str:
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
{_tls(settings.tls)}\
"""
    if settings.parent is not None:
        ca = f', tls: {{ ca_file: "{settings.parent_ca.as_posix()}" }}' if settings.parent_ca else ""
        remote = f'url: "{settings.parent}", nkey: ${PARENT_SEED}, account: "{own}-above"{ca}'
        above = f'  reconnect: "1s"\n  remotes: [ {{ {remote} }} ]\n'
    return f"leafnodes {{\n{here}{above}}}\n"


def listening(settings: NatsSettings) -> str:
    """Where it listens and what it keeps; by itself, a server that knows nobody and lets everyone in.

    `sync_interval: always`: a PubAck means that the message is on disk. Nothing listens beyond `host`. With TLS, the
    handshake comes first: nothing, not even the server's greeting, is said in plain text.
    """
    return f"""\
# Written by fusioncmd at every start; changes made here are lost.
server_name: "fc-{settings.node}"
host: "{settings.host}"
port: {settings.port}
max_payload: {limits.BUS_PAYLOAD_BYTES_MAX}
max_pending: {limits.BUS_PAYLOAD_BYTES_MAX * 16}
max_connections: {limits.BUS_CONNECTIONS_MAX}
write_deadline: "10s"
ping_interval: "10s"
ping_max: 3
{_tls(settings.tls)}\
jetstream {{
  store_dir: "{settings.store.as_posix()}"
  domain: "fc-{settings.node}"
  sync_interval: always
  max_memory_store: 268435456
  max_file_store: {sum_of_streams()}
}}
"""


def sum_of_streams() -> int:
    """The streams' own bounds together, so that the server never refuses to create one."""
    return sum(spec.bytes_max for spec in STREAMS)


def _user(user: BusUser) -> str:
    rights = rights_of(user)
    publish, hear = (", ".join(f'"{subject}"' for subject in some) for some in (rights.publish, rights.subscribe))
    may = f"publish: {{ allow: [{publish}] }}, subscribe: {{ allow: [{hear}] }}"
    return f"{{ nkey: {user.public}, permissions: {{ {may} }} }}  # {user.name}, {user.role}"


def _listed(lines: Iterable[str]) -> str:
    return "".join(f"      {line}\n" for line in lines)


def _tls(files: tuple[Path, Path] | None) -> str:
    if files is None:
        return ""
    certificate, key = files
    return f"""\
tls {{
  cert_file: "{certificate.as_posix()}"
  key_file: "{key.as_posix()}"
  min_version: "1.2"
  handshake_first: true
  timeout: {limits.BUS_LOGIN_S_MAX}
}}
"""
