"""What a kit is and what it runs: its settings, kept beside its data so that the next start needs none, and the tier
that they make on one small computer."""

from __future__ import annotations

import os
import shutil
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.cli.bus_way import OWN
from fusioncmd.cli.camera_way import Cameras
from fusioncmd.cli.console_way import Console
from fusioncmd.cli.kit_front import Front, bracketed, haproxy
from fusioncmd.cli.linked import host_port, linked_way
from fusioncmd.cli.processes import Tier
from fusioncmd.cli.radio_way import Radio
from fusioncmd.cli.satellite_way import DEFAULT_RATE, satellite_of
from fusioncmd.cli.track_way import Tracks
from fusioncmd.cli.video_way import Video
from fusioncmd.errors import BadInput, NotFound
from fusioncmd.kit_disk import BUDGET_BYTES_MIN
from fusioncmd.networks import LOOPBACK
from fusioncmd.tls import SERVER, SERVER_KEY
from fusioncmd.video.keeping_bounds import KEPT_DAYS_MAX

FILE = "kit.json"
GATEWAYS = 1  # a process takes 20,000 terminals; a kit has dozens, and each process takes 34 MiB
DRONES = 4  # ports that they push to
NATS, TERMINALS, CONSOLE, TALK, PAGES, TALK_TLS, CONSOLE_TLS, MAVLINK, COT, DRONE = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
)  # ports, from the first
PORTS = DRONE + DRONES
HERE = "127.0.0.1"
Port = Annotated[int, Meta(ge=1, le=65_535)]


class Settings(Struct, frozen=True):
    """`hub`: where the node above takes kits in over a satellite, at `rate`, or by `ways`; `parent`: where, on an
    ordinary network; HOST:PORT. `site`: the kit's address on the network of those on site; without one, it serves its
    own machine alone. `disk_gib` 0: a part of what the disk has. `modem`: the serial line of a terminal for short
    messages. Without `media` there is no voice, video nor drone: 200 MiB less."""

    node: str
    hub: str = ""
    rate: str = DEFAULT_RATE
    ways: str = ""
    parent: str = ""
    site: str = ""
    first_port: Port = 8_700
    nats_port: Port = 4_222
    disk_gib: Annotated[int, Meta(ge=0, le=1 << 20)] = 0
    radio: bool = False
    modem: str = ""
    media: bool = True
    alone: bool = False

    @property
    def host(self) -> str:
        return self.site or HERE

    @property
    def pages(self) -> str:
        """Where those on site open the responder's page."""
        if self.site:
            return f"https://{bracketed(self.site)}:{self.port(PAGES)}/"
        return f"http://{HERE}:{self.port(TERMINALS)}/"

    @property
    def console(self) -> str:
        if self.site:
            return f"https://{bracketed(self.site)}:{self.port(CONSOLE_TLS)}/"
        return f"http://{HERE}:{self.port(CONSOLE)}/"

    @property
    def networks(self) -> tuple[str, ...]:
        """Who may tell positions here: those on site, of whose addresses the last byte (IPv6: half) is their own."""
        length = 64 if ":" in self.site else 24
        return (str(ip_network(f"{self.site}/{length}", strict=False)),) if self.site else LOOPBACK

    def port(self, which: int) -> int:
        return self.first_port + which


_settings = msgspec.json.Decoder(Settings)


def read(data: Path) -> Settings | None:
    """None where there are none yet."""
    try:
        return _settings.decode((data / FILE).read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise BadInput(f"{data / FILE} cannot be used: {error}.", f"无法使用 {data / FILE}：{error}。") from None


def write(data: Path, settings: Settings) -> None:
    """On disk when it returns, and left alone where it says that already: a kit loses its power at any moment, and
    starts by this file alone."""
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    if read(data) == settings:
        return
    partial = data / f"{FILE}.partial"
    with partial.open("wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(settings), indent=1))
        out.flush()
        os.fsync(out.fileno())
    os.replace(partial, data / FILE)


def only_kit() -> Path:
    """The folder of the one kit of this machine, for who names none: FUSIONCMD_DATA, else the one at home."""
    given = os.environ.get("FUSIONCMD_DATA")
    home = Path.home() / ".fusioncmd"
    found = [Path(given)] if given else sorted(file.parent for file in home.glob(f"*/{FILE}"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise no_kit()
    raise BadInput(
        f"There are {len(found)} kits on this machine: say --node.", f"本机有 {len(found)} 套装备：请加 --node。"
    )


def no_kit() -> NotFound:
    return NotFound(
        "This machine is no kit yet. Make it one: fusioncmd kit prepare --node PLACE --hub HOST:PORT",
        "本机尚未配置为四合一装备。请执行：fusioncmd kit prepare --node 地点 --hub 主机:端口",
    )


def check(settings: Settings) -> None:
    """`BadInput` for what makes no sense, before any of it is kept."""
    if settings.hub and settings.parent:
        raise BadInput("--hub and --parent exclude each other: say --hub '' or --parent '' to take one back.",
                       "--hub 与 --parent 不能同用：用 --hub '' 或 --parent '' 取消其一。")  # fmt: skip
    if settings.parent:
        host_port(settings.parent, "--parent")
    satellite_of(settings.hub or None, "", settings.rate, settings.ways or None, HERE, None)
    if settings.site:
        try:
            ip_address(settings.site)
        except ValueError:
            raise BadInput(f"--site is an address of this machine, not {settings.site!r}.",
                           f"--site 须为本机的一个地址，而非“{settings.site}”。") from None  # fmt: skip
        if settings.site in ("0.0.0.0", "::"):
            raise BadInput("--site is one address of this machine: phones and drones are told where to go.",
                           "--site 须为本机的一个具体地址：手机与无人机需据此接入。")  # fmt: skip


def check_disk(settings: Settings, data: Path) -> None:
    """`BadInput` for a disk on which a kit cannot work for a day."""
    free = shutil.disk_usage(data).free
    if free < BUDGET_BYTES_MIN and not (data / "nats").exists():
        raise BadInput(
            f"The disk of {data} has {free // 1024**2:,} MiB: a kit needs {BUDGET_BYTES_MIN // 1024**2} at least.",
            f"{data} 所在磁盘仅剩 {free // 1024**2:,} MiB，四合一装备至少需要 {BUDGET_BYTES_MIN // 1024**2} MiB。",
        )


def front_of(settings: Settings, data: Path) -> Front | None:
    """TLS for those on site, whose pages verify nothing without it; none on the own machine."""
    if not settings.site:
        return None
    certificate, behind = data / "tls", [(PAGES, HERE, TERMINALS), (CONSOLE_TLS, HERE, CONSOLE)]
    if settings.media:
        behind.append((TALK_TLS, settings.site, TALK))
    return Front(
        haproxy(), data / "front", settings.site, certificate / SERVER, certificate / SERVER_KEY,
        tuple((settings.port(at), f"{bracketed(host)}:{settings.port(to)}", to == TERMINALS)
              for at, host, to in behind),
    )  # fmt: skip


def tier_of(settings: Settings, data: Path, divisions: Path | None) -> Tier:
    """All that a kit runs. Its NATS server, console and gateways listen on the loopback; what others reach is TLS, and
    the ports of drones and radios, which know no better."""
    site, host = settings.site, settings.host
    front = front_of(settings, data)
    hub = settings.hub or None
    linked = linked_way(data, OWN, False, settings.parent or None, HERE, None, by_satellite=hub is not None)
    talk_at = f"https://{bracketed(host)}:{settings.port(TALK_TLS)}/" if site else f":{settings.port(TALK)}"
    first = settings.port(DRONE)
    return Tier(
        settings.node, data, divisions, None, settings.nats_port, None, HERE, settings.port(TERMINALS), GATEWAYS,
        proxies=LOOPBACK if site else (),
        linked=linked,
        console=Console(HERE, settings.port(CONSOLE), bool(site)),
        radio=Radio(host, 5_060, None) if settings.radio else None,
        voice=settings.media,
        video=Video(host if site else HERE, settings.port(TALK), talk_at) if settings.media else None,
        cameras=Cameras(host, range(first, first + DRONES)) if settings.media else None,
        keep=(settings.disk_gib or 1 << 20, KEPT_DAYS_MAX),
        tracks=Tracks(host, settings.port(MAVLINK), settings.port(COT), settings.networks),
        satellite=satellite_of(hub, linked.above, settings.rate, settings.ways or None, HERE, None),
        disk_bytes=settings.disk_gib * 1024**3,
        modem=settings.modem or None,
        beside=() if front is None else (("front", front.argv()),),
    )  # fmt: skip
