"""The configuration of a tier node's own NATS server. Pure: settings in, text out.

The node has an account, its gateways another, and a third one has the links to the nodes below and above, and voice:
between accounts passes what is lent, and nothing else. Each user by public key, so that no secret stands in the file;
allow-lists only; nobody without a key. What a user may do is in `bus_rights`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fusioncmd import limits, subjects
from fusioncmd.bus.port import STREAMS
from fusioncmd.bus.users import LINKED, BusUser
from fusioncmd.departments.department import Department
from fusioncmd.errors import NotFound
from tiers import nats_departments, nats_sensors
from tiers.bus_rights import gateway_shares
from tiers.nats_links import account, beside, borrows, leafnodes, lends, listed, user_line

ROUTE_USER = "route"
LENT = ("gateway", "radio", "video", "camera", "alarm", "seeing")  # whose users are in the account of gateways


@dataclass(frozen=True, slots=True)
class Member:
    """One server's place in a cluster of `CLUSTER_SERVERS`. `routes` are host:port of them all; whoever joins them
    shows `secret`, and beyond loopback a certificate that `ca` vouches for."""

    number: int  # from 1
    host: str
    port: int
    routes: tuple[str, ...]
    secret: str
    ca: Path | None = None


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
    member: Member | None = None
    mqtt: tuple[str, int] | None = None  # where sensors come in
    above_by_satellite: bool = False  # the node above is reached by a gateway of this tier


def render(
    settings: NatsSettings, users: Iterable[BusUser], sensors: Iterable[tuple[str, str]] = (),
    departments: tuple[Department, ...] = (),
) -> str:  # fmt: skip
    """A nats-server configuration file; `sensors`: name and hash of each. `NotFound` without a user: such a server
    would let everyone in."""
    known = tuple(users)
    if not known:
        raise NotFound(
            "Nobody may use the bus yet; `fusioncmd up` makes its users.", "总线尚无用户；请先运行 fusioncmd up。"
        )
    clustered, linked = settings.member is not None, settings.parent is not None or settings.above_by_satellite
    own, lent = f"fc-{settings.node}", f"fc-{settings.node}-gateways"
    own_users = [user for user in known if user.role not in (*LENT, *LINKED, "sensors")]
    gateways = [user for user in known if user.role in LENT]
    inboxes = [f"_INBOX.{user.name}.>" for user in gateways]
    found = list(beside(settings, own, [user for user in known if user.role in LINKED]))
    exports = [f'{{ service: "{subject}", accounts: ["{lent}"] }}' for subject in gateway_shares()]
    exports += [f'{{ stream: "{inbox}", accounts: ["{lent}"] }}' for inbox in inboxes]
    exports += [lends(subject, lent) for subject in (subjects.RADIO_RING_ALL, subjects.RADIO_SPEAK_ALL)]
    exports += [lends(subject, one.name) for one in found for subject in one.hears]
    exports += nats_departments.exports(own, lent, departments)
    borrowed = [borrows(subject, one.name) for one in found for subject in one.says]
    borrowed += nats_departments.imports(own, lent, departments)
    imports = [
        f'{{ service: {{ account: "{own}", subject: "{subject}" }}, to: "{theirs}" }}'
        for subject, theirs in gateway_shares().items()
    ]
    imports += [f'{{ stream: {{ account: "{own}", subject: "{inbox}" }} }}' for inbox in inboxes]
    imports += [borrows(subject, own) for subject in (subjects.RADIO_RING_ALL, subjects.RADIO_SPEAK_ALL)]
    imports += nats_departments.gateway_imports(own, departments)
    return f"""\
{listening(settings)}\
authorization {{ timeout: {limits.BUS_LOGIN_S_MAX} }}
system_account: SYS
accounts {{
  SYS {{ }}
  "{own}" {{
    jetstream: enabled
    users: [
{listed(user_line(user, clustered, linked, user.path.code == settings.node and not linked) for user in own_users)}\
    ]
    exports: [
{listed(exports)}\
    ]
    imports: [
{listed(borrowed)}\
    ]
  }}
{_gateways(lent, gateways, imports, nats_departments.gateway_exports(own, departments))}\
{"".join(account(one, own) for one in found)}\
{_sensors(settings, own, known, sensors)}\
{nats_departments.accounts(own, lent, departments)}\
}}
{leafnodes(settings, own, _tls(settings.tls))}{_mqtt(settings)}"""


def _gateways(lent: str, users: Iterable[BusUser], imports: Iterable[str], exports: Iterable[str]) -> str:
    return f"""\
  "{lent}" {{
    users: [
{listed(user_line(user) for user in users)}\
    ]
    exports: [
{listed(exports)}\
    ]
    imports: [
{listed(imports)}\
    ]
  }}
"""


def _sensors(
    settings: NatsSettings, own: str, known: tuple[BusUser, ...], sensors: Iterable[tuple[str, str]]
) -> str:  # fmt: skip
    if settings.mqtt is None:
        return ""
    return nats_sensors.account(own, [user for user in known if user.role == "sensors"], sensors)


def _mqtt(settings: NatsSettings) -> str:
    return "" if settings.mqtt is None else nats_sensors.listener(*settings.mqtt, _tls(settings.tls, first=False))


def listening(settings: NatsSettings) -> str:
    """Where it listens and what it keeps; by itself, a server that knows nobody and lets everyone in.

    `sync_interval: always`: a PubAck means that the message is on disk. Nothing listens beyond `host`. With TLS, the
    handshake comes first: nothing, not even the server's greeting, is said in plain text.
    """
    return f"""\
# Written by fusioncmd{" at every start; changes made here are lost" if settings.member is None else ""}.
server_name: "fc-{settings.node}{"" if settings.member is None else f"-{settings.member.number}"}"
host: "{settings.host}"
port: {settings.port}
max_payload: {limits.BUS_PAYLOAD_BYTES_MAX}
max_pending: {limits.BUS_PAYLOAD_BYTES_MAX * 16}
max_connections: {limits.BUS_CONNECTIONS_MAX}
write_deadline: "10s"
ping_interval: "10s"
ping_max: 3
{_tls(settings.tls)}\
{_cluster(settings)}\
jetstream {{
  store_dir: "{settings.store.as_posix()}"
  domain: "fc-{settings.node}"
  sync_interval: always
  max_memory_store: 268435456
  max_file_store: {sum_of_streams() + nats_sensors.STORE_BYTES_MAX}
}}
"""


def sum_of_streams() -> int:
    """The streams' own bounds together, so that the server never refuses to create one."""
    return sum(spec.bytes_max for spec in STREAMS)


def _tls(files: tuple[Path, Path] | None, first: bool = True) -> str:
    if files is None:
        return ""
    certificate, key = files
    return f"""\
tls {{
  cert_file: "{certificate.as_posix()}"
  key_file: "{key.as_posix()}"
  min_version: "1.2"
{"  handshake_first: true" if first else ""}
  timeout: {limits.BUS_LOGIN_S_MAX}
}}
"""


def _cluster(settings: NatsSettings) -> str:
    """The routes to the other servers. Their users come from the configuration alone, the same in each."""
    member = settings.member
    if member is None:
        return ""
    routes = "".join(f'    "nats-route://{ROUTE_USER}:{member.secret}@{route}"\n' for route in member.routes)
    tls = ""
    if settings.tls is not None and member.ca is not None:
        certificate, key = settings.tls
        tls = f"""\
  tls {{
    cert_file: "{certificate.as_posix()}"
    key_file: "{key.as_posix()}"
    ca_file: "{member.ca.as_posix()}"
    verify: true
    min_version: "1.2"
    timeout: {limits.BUS_LOGIN_S_MAX}
  }}
"""
    return f"""\
cluster {{
  name: "fc-{settings.node}"
  host: "{member.host}"
  port: {member.port}
  authorization {{ user: "{ROUTE_USER}", password: "{member.secret}", timeout: {limits.BUS_LOGIN_S_MAX} }}
{tls}\
  routes: [
{routes}\
  ]
}}
"""
