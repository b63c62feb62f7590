"""The way to a tier's bus: where its server listens, in TLS or not, and with which key it is entered.

`fusioncmd up` writes it down in `bus/url` of its data folder: the URL, the folder of the keys, and the authority that
vouches for the server, one a line; so that commands on the same machine need be told nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fusioncmd.bus import users
from fusioncmd.errors import BadInput, NotFound, Unavailable
from fusioncmd.ladder.config import FILE
from fusioncmd.networks import is_loopback
from fusioncmd.words import reason

KEY_VARIABLE = "FUSIONCMD_BUS_KEY"
LOOK_S_MAX = 2.0
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


@dataclass(frozen=True, slots=True)
class Way:
    """`cert` and `key_file` of the server, and the authority `ca` that vouches for it; none of them: plain text.

    `keys` is the folder of keys for somebody else's server; `open`: that one lets everyone in, and it is meant.
    """

    host: str = "127.0.0.1"
    cert: Path | None = None
    cert_key: Path | None = None
    ca: Path | None = None
    keys: Path | None = None
    open: bool = False

    def url(self, port: int) -> str:
        """Of the own server, as processes of this machine reach it."""
        host = _EVERY_ADDRESS.get(self.host) or (f"[{self.host}]" if ":" in self.host else self.host)
        return f"{'tls' if self.cert else 'nats'}://{host}:{port}"

    def server_options(self) -> list[str]:
        tls = ["--tls-cert", str(self.cert), "--tls-key", str(self.cert_key)] if self.cert else []
        return ["--host", self.host, *tls]


OWN = Way()  # on the loopback, with the keys in the data folder


class FoundWay(NamedTuple):
    key: Path | None
    ca: Path | None


def own_way(data: Path, host: str, cert: Path | None, cert_key: Path | None, ca: Path | None) -> Way:
    """How the own NATS server listens. `BadInput` for an address that others reach, when there is no TLS for it."""
    if (cert is None) != (cert_key is None):
        raise BadInput("--tls-cert and --tls-key belong together.", "--tls-cert 与 --tls-key 须同时给出。")
    made = data / "tls"
    if cert is None and not is_loopback(host) and (made / "server.pem").exists():
        cert, cert_key = made / "server.pem", made / "server.key"
    if cert is None and not is_loopback(host):
        raise BadInput(
            f"Others would reach the bus at {host} in plain text: give --tls-cert and --tls-key, or let "
            "`fusioncmd tls init` make certificates for development.",
            f"总线将在 {host} 以明文对外开放：请给出 --tls-cert 与 --tls-key，或用 fusioncmd tls init 生成开发用证书。",
        )
    for file in (cert, cert_key, ca):
        if file is not None and not os.access(file, os.R_OK):
            raise NotFound(f"{file} cannot be read.", f"无法读取 {file}。")
    if cert is not None and ca is None and (made / "ca.pem").exists():
        ca = made / "ca.pem"
    return Way(host, cert, cert_key, ca)


def joined_way(data: Path, ca: Path | None, keys: Path | None, open_bus: bool) -> Way:
    """Of somebody else's server: with the keys in `keys`, or those in `data`."""
    if open_bus and keys is not None:
        raise BadInput("--bus-key and --open-bus exclude each other.", "--bus-key 与 --open-bus 不能同用。")
    folder = keys or users.folder_of(data)
    if not open_bus and not users.seed_file(folder, users.NODE).exists():
        raise NotFound(
            f"There is no key of the bus in {folder}: --bus-key names the folder with node.nk, office.nk and the "
            "gateways'; --open-bus joins a server that lets everyone in.",
            f"{folder} 中没有总线密钥：请用 --bus-key 指定含 node.nk、office.nk 和网关密钥的目录；"
            "若该服务器不设限，请加 --open-bus。",
        )
    return Way(ca=ca, keys=None if open_bus else folder, open=open_bus)


def way_of(
    joins: bool, data: Path, host: str, cert: Path | None, cert_key: Path | None, ca: Path | None, keys: Path | None,
    open_bus: bool,
) -> Way:  # fmt: skip
    """Of somebody else's server where it `joins` one, else of the own."""
    return joined_way(data, ca, keys, open_bus) if joins else own_way(data, host, cert, cert_key, ca)


def make_users(data: Path, node: str, gateways: int, parts: frozenset[str] = frozenset()) -> None:
    """The users that every tier has: node (two), office, commander, console, one for each gateway process; and those of
    its `parts`, by the names in `_OF_PARTS`."""
    folder = users.folder_of(data)
    users.ensure(folder, users.NODE, "node", node)
    users.ensure(folder, users.TRACKS, "track", node)
    users.ensure(folder, users.OFFICE, "office", node)
    users.ensure(folder, users.COMMANDER, "commander", node)
    if (data / FILE).exists():
        users.ensure(folder, users.CHANNELS, "channels", node)
    users.ensure(folder, users.CONSOLE, "commander", node)  # asks, with the session of whoever looks at it
    for name, role in sorted({user for part in parts for user in _OF_PARTS[part]}):
        users.ensure(folder, name, role, node)
    for i in range(1, gateways + 1):
        users.ensure(folder, f"responder-{i}", "gateway", node)


_OF_PARTS: dict[str, tuple[tuple[str, users.UserKind], ...]] = {
    "radio": ((users.RADIO, "radio"), (users.TALK, "talk"), (users.FLOOR, "floor")),
    "voice": ((users.FLOOR, "floor"),),
    "video": ((users.VIDEO, "video"), (users.BROWSERS, "talk"), (users.FLOOR, "floor")),
    "cameras": ((users.CAMERA, "camera"), (users.PICTURES, "talk")),
    "satellite": ((users.SATELLITE, "satellite"),),
    "tracks": ((users.TRACK, "track"),),
    "alarms": ((users.ALARM, "alarm"), (users.SENSORS, "sensors")),
    "seen": ((users.SEEING, "seeing"), (users.WATCHING, "watching")),
    "modem": ((users.LINE, "shortmessage"),),
}


def write_way(data: Path, url: str, way: Way) -> None:
    folder = users.folder_of(data)
    keys = "" if way.open else str((way.keys or folder).absolute())
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "url").write_text("\n".join((url, keys, str(way.ca.absolute()) if way.ca else "", "")), "utf-8")
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{folder} cannot be written: {en}.", f"无法写入 {folder}：{zh}。") from None


def found_way(url: str) -> FoundWay:
    """The key for the bus at `url`: FUSIONCMD_BUS_KEY, else the office's of the tier of this machine that serves it."""
    given = os.environ.get(KEY_VARIABLE)
    for data in _folders():
        try:
            serves, keys, ca = (users.folder_of(data) / "url").read_text("utf-8").split("\n")[:3]
        except (OSError, ValueError):
            continue
        if serves == url:
            office = users.seed_file(Path(keys), users.OFFICE) if keys else None
            return FoundWay(Path(given) if given else office, Path(ca) if ca else None)
    return FoundWay(Path(given) if given else None, None)


def _folders() -> list[Path]:
    given = os.environ.get("FUSIONCMD_DATA")
    if given:
        return [Path(given)]
    home = Path.home() / ".fusioncmd"
    return sorted(home.iterdir()) if home.is_dir() else []


async def lets_everyone_in(url: str, ca: Path | None) -> bool:
    """Whether the server at `url`, or any of a cluster's, takes a connection without a key."""
    from fusioncmd.bus.nats import open_bus

    for each in url.split(","):
        try:
            bus = await open_bus(each, "stranger", LOOK_S_MAX, quiet=True, ca=ca)
        except Unavailable:  # refused, which is right; or not there, which whoever connects next will say
            continue
        await bus.close()
        return True
    return False
