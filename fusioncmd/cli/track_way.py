"""How positions come in to `fusioncmd up`: MAVLink by UDP, Cursor on Target by TCP and UDP, at one address."""

from __future__ import annotations

from dataclasses import dataclass

from fusioncmd.errors import BadInput
from fusioncmd.networks import LOOPBACK, is_loopback, read_networks
from fusioncmd.words import say


@dataclass(frozen=True, slots=True)
class Tracks:
    """`mavlink` and `cot` are ports at `host`, 0 for none; `peers`: the networks that may come."""

    host: str
    mavlink: int
    cot: int
    peers: tuple[str, ...]

    def options(self) -> list[str]:
        ports = ["--mavlink", str(self.mavlink), "--cot", str(self.cot)]
        return ["--host", self.host, *ports, *(f"--from={network}" for network in self.peers)]

    @property
    def words(self) -> str:
        found = [f"MAVLink udp {self.host}:{self.mavlink}"] if self.mavlink else []
        found += [f"CoT tcp+udp {self.host}:{self.cot}"] if self.cot else []
        return ", ".join(found)


def tracks_of(ways: str | None) -> Tracks | None:
    """`mavlink=14550,cot=8087,host=10.1.0.5,from=10.1.0.0/24`; None for none. On these ports nobody proves who they
    are, so beyond the loopback it has to be said who may come: BadInput."""
    if ways is None:
        return None
    host, ports, peers = "127.0.0.1", {"mavlink": 0, "cot": 0}, list[str]()
    for name, _, value in (way.strip().partition("=") for way in ways.split(",")):
        if name in ports and value.isascii() and value.isdecimal() and 0 < int(value) < 65_536:
            ports[name] = int(value)
        elif name == "host" and value:
            host = value
        elif name == "from":
            peers.append(value)
        else:
            raise BadInput(
                f"--tracks has no {name}={value}; it is like mavlink=14550,cot=8087,host=10.1.0.5,from=10.1.0.0/24.",
                f"--tracks 不支持 {name}={value}；格式如 mavlink=14550,cot=8087,host=10.1.0.5,from=10.1.0.0/24。",
            )
    if not any(ports.values()) or ports["mavlink"] == ports["cot"]:
        raise BadInput(
            "--tracks needs a port for mavlink or cot, each its own.",
            "--tracks 须给出 mavlink 或 cot 端口，且不得相同。",
        )
    read_networks(peers)
    if not is_loopback(host) and not peers:
        raise BadInput(
            "Neither MAVLink nor CoT proves who speaks: say with from=NETWORK who may come to --tracks.",
            "MAVLink 与 CoT 均不验证身份：请在 --tracks 中用 from=网段 指定允许接入者。",
        )
    return Tracks(host, ports["mavlink"], ports["cot"], tuple(peers) or LOOPBACK)


def tracks_line(tracks: Tracks) -> str:
    return say(f"  positions  {tracks.words}", f"  位置  {tracks.words}")
