"""How a tier is linked: to the node above it, and where nodes below come in."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from fusioncmd.bus import users
from fusioncmd.cli.bus_way import Way
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.networks import is_loopback
from fusioncmd.trust import joining


@dataclass(frozen=True, slots=True)
class Linked:
    """`above` is the code of the node above, `parent` its address as NATS writes it; `listens` is for nodes below."""

    above: str = ""
    parent: str = ""
    parent_key: Path | None = None
    parent_ca: Path | None = None
    listens: tuple[str, int] | None = None
    by_satellite: bool = False  # the node above is reached by a gateway, and not by the NATS server

    def server_options(self) -> list[str]:
        """Of the NATS server, which makes the links."""
        up = ["--parent", self.parent, "--parent-key", str(self.parent_key)] if self.parent else []
        ca = ["--parent-ca", str(self.parent_ca)] if self.parent_ca else []
        down = ["--links-host", self.listens[0], "--links-port", str(self.listens[1])] if self.listens else []
        return [*up, *ca, *down, *(["--above-by-satellite"] if self.by_satellite else [])]


ALONE = Linked()


def linked_way(
    data: Path, way: Way, joins: bool, parent: str | None, links_host: str, links_port: int | None,
    parent_ca: Path | None = None, by_satellite: bool = False, satellite_port: int | None = None,
) -> Linked:  # fmt: skip
    """`joins`: the NATS server is somebody else's, and so are its links. `parent_ca` vouches for the node above, which
    may have another authority than the own bus; without it, that one's does. `by_satellite`: it is reached so, and not
    as a `parent`."""
    if joins and (parent or links_port or by_satellite or satellite_port):
        raise BadInput(
            "--parent, --links-port and satellite links are for the own NATS server; with --nats, links are set up "
            "there.",
            "--parent、--links-port 与卫星链路用于自带 NATS 服务器；使用 --nats 时请在该服务器上配置链路。",
        )
    if parent is not None and by_satellite:
        raise BadInput(
            "--parent and --satellite exclude each other: there is one way to the node above.",
            "--parent 与 --satellite 不能同用：至上级的链路只有一条。",
        )
    if links_port is not None and way.cert is None and not is_loopback(links_host):
        raise BadInput(
            f"Nodes below would come in at {links_host} in plain text: give --tls-cert and --tls-key, or let "
            "`fusioncmd tls init` make certificates for development.",
            f"下级节点将以明文接入 {links_host}：请给出 --tls-cert 与 --tls-key，"
            "或用 fusioncmd tls init 生成开发用证书。",
        )
    if parent_ca is not None and (parent is None or not os.access(parent_ca, os.R_OK)):
        raise (
            BadInput("--parent-ca goes with --parent.", "--parent-ca 须与 --parent 同用。")
            if parent is None
            else NotFound(f"{parent_ca} cannot be read.", f"无法读取 {parent_ca}。")
        )
    listens = None if links_port is None else (links_host, links_port)
    if parent is None:
        above = joining.check_joined(data) if by_satellite else ""
        return Linked(above, listens=listens, by_satellite=by_satellite)
    host, port = host_port(parent, "--parent")
    above = joining.check_joined(data)
    ca = parent_ca or (None if is_loopback(host) else way.ca)
    scheme = "nats-leaf" if ca is None else "tls"
    key = users.seed_file(users.folder_of(data), joining.PARENT)
    return Linked(above, f"{scheme}://{host}:{port}", key, ca, listens)


def host_port(text: str, option: str) -> tuple[str, int]:
    """`BadInput` for what is not HOST:PORT."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise BadInput(f"{option} is HOST:PORT, not {text!r}.", f"{option} 须为 主机:端口，而非“{text}”。")
    return host, int(port)
