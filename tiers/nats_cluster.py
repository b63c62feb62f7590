"""`python -m tiers.nats_cluster`: the configurations of three NATS servers that are one bus, with each stream on all.

Any one of the three may be lost. Each gets a folder with its file, for `python -m tiers.nats_server --config FILE` on
its machine; the three know the same users, and join each other by a secret that is made here and stands in the files,
which only their owner may read. What goes into them is the same on each call but for that secret, which is kept.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fusioncmd.bus.users import BusUser, folder_of, users
from fusioncmd.cli.bus_way import make_users
from fusioncmd.departments.department import Department
from fusioncmd.departments.folder import read
from fusioncmd.errors import BadInput, Problem
from fusioncmd.limits import CLUSTER_SERVERS
from fusioncmd.networks import is_loopback
from fusioncmd.trust.keyfile import make_file
from fusioncmd.words import sentence
from tiers.nats_config import Member, NatsSettings, render

SECRET_BYTES = 32
CONFIG = "nats-server.conf"


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one server listens: for clients at `port`, for the other two at `route_port`."""

    host: str
    port: int
    route_port: int

    @property
    def named(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def spot(text: str) -> Spot:
    """HOST:PORT:ROUTEPORT; an IPv6 address may stand in brackets."""
    host, *ports = text.rsplit(":", 2)
    if len(ports) != 2 or not host or not all(p.isascii() and p.isdigit() and 0 < int(p) < 65_536 for p in ports):
        raise BadInput(f"{text!r} is not HOST:PORT:ROUTEPORT.", f"“{text}”不是 HOST:PORT:ROUTEPORT。")
    return Spot(host.strip("[]"), int(ports[0]), int(ports[1]))


def configurations(
    node: str, spots: tuple[Spot, ...], store: Path, known: Iterable[BusUser], secret: str,
    tls: tuple[Path, Path, Path] | None = None, departments: tuple[Department, ...] = (),
) -> list[str]:  # fmt: skip
    """One text for each of three spots. `tls`: certificate, private key and authority, where they lie on each machine.

    `BadInput` unless there are three, each of its own, and TLS where one of them listens beyond loopback. `store` is
    the folder, on each machine, in which each server has one of its own.
    """
    if (
        len(spots) != CLUSTER_SERVERS
        or len({(s.host, p) for s in spots for p in (s.port, s.route_port)}) != 2 * CLUSTER_SERVERS
    ):
        raise BadInput("A cluster is three servers, with ports of their own.", "集群须为三台服务器，端口各不相同。")
    if tls is None and not all(is_loopback(each.host) for each in spots):
        raise BadInput(
            "Beyond loopback a cluster needs --tls-cert, --tls-key and --tls-ca.",
            "非本机地址的集群须给出 --tls-cert、--tls-key 与 --tls-ca。",
        )
    routes = tuple(f"{each.named}:{each.route_port}" for each in spots)
    known = tuple(known)
    made = []
    for number, each in enumerate(spots, start=1):
        member = Member(number, each.host, each.route_port, routes, secret, tls[2] if tls else None)
        settings = NatsSettings(
            node, each.port, store / f"{number}", each.host, tls[:2] if tls else None, member=member
        )
        made.append(render(settings, known, departments=departments))
    return made


def write(out: Path, texts: Iterable[str]) -> list[Path]:
    """FOLDER/1 to 3, each with a configuration that only its owner may read; those of before are replaced."""
    files = []
    for number, text in enumerate(texts, start=1):
        file = out / str(number) / CONFIG
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        make_file(new, text.encode(), 0o600)
        files.append(new.rename(file))
    return files


def kept_secret(out: Path) -> str:
    """Of the routes: the one that was made before, so that servers that run are joined by those that are started."""
    file = out / "route.secret"
    if not file.exists():
        out.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_file(file, secrets.token_hex(SECRET_BYTES).encode(), 0o600)
    return file.read_text("ascii").strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tiers.nats_cluster", description=__doc__)
    parser.add_argument("--node", required=True)
    parser.add_argument("--data", type=Path, required=True, help="its folder `bus` names the users; made if missing")
    parser.add_argument("--gateways", type=int, default=2, help="of the tier: each has a key of its own")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--server", action="append", required=True, metavar="HOST:PORT:ROUTEPORT")
    parser.add_argument("--store", type=Path, required=True)
    for name in ("--tls-cert", "--tls-key", "--tls-ca"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    tls = (given.tls_cert, given.tls_key, given.tls_ca)
    try:
        if any(tls) and not all(tls):
            raise BadInput(
                "--tls-cert, --tls-key and --tls-ca belong together.", "--tls-cert、--tls-key 与 --tls-ca 须同时给出。"
            )
        spots = tuple(map(spot, given.server))
        make_users(given.data, given.node, given.gateways)
        bus = folder_of(given.data)
        texts = configurations(
            given.node, spots, given.store.absolute(), users(bus), kept_secret(given.out),
            tls if all(tls) else None, read(bus),
        )  # fmt: skip
        for file in write(given.out, texts):
            print(file)
    except Problem as problem:
        sys.exit(sentence(problem))
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")


if __name__ == "__main__":
    main()
