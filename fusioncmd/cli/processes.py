"""One tier as processes: what is run, with which options, and in which order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusioncmd import limits
from fusioncmd.bus import users
from fusioncmd.cli.alarm_way import Alarms
from fusioncmd.cli.bus_way import OWN, Way
from fusioncmd.cli.camera_way import Cameras
from fusioncmd.cli.console_way import Console
from fusioncmd.cli.linked import ALONE, Linked
from fusioncmd.cli.radio_way import Radio
from fusioncmd.cli.satellite_way import Satellite
from fusioncmd.cli.seen_way import Seen
from fusioncmd.cli.track_way import Tracks
from fusioncmd.cli.video_way import Video
from fusioncmd.ladder.config import FILE
from fusioncmd.ladder.settings import push_point


@dataclass(frozen=True, slots=True)
class Tier:
    """What one `up` runs. `nats` is given when a server runs already.

    `proxies` are the addresses and networks of the proxies through which terminals come; empty: they come directly.
    """

    node: str
    data: Path
    divisions: Path | None
    nats: str | None
    nats_port: int
    nats_server: str | None
    host: str
    port: int
    gateways: int
    proxies: tuple[str, ...] = ()
    second_above: int = limits.SECOND_PERSON_PEOPLE
    way: Way = OWN
    linked: Linked = ALONE
    console: Console | None = None
    radio: Radio | None = None
    voice: bool = False  # talkgroups, also where no radio comes in
    video: Video | None = None
    cameras: Cameras | None = None
    keep: tuple[int, int] = (0, 0)  # GiB of video that is recorded, and days
    satellite: Satellite | None = None
    disk_bytes: int | None = None  # of a kit: for all that it keeps; 0: what its disk affords
    modem: str | None = None  # the serial port of the last line
    beside: tuple[tuple[str, list[str]], ...] = ()  # further processes: name and command line
    tracks: Tracks | None = None
    alarms: Alarms | None = None
    seen: Seen | None = None

    @property
    def parts(self) -> frozenset[str]:
        """What there is beside node, responder gateways and console."""
        optional = "radio", "voice", "video", "cameras", "satellite", "tracks", "alarms", "seen", "modem"
        return frozenset(part for part in optional if getattr(self, part))

    @property
    def nats_url(self) -> str:
        return self.nats or self.way.url(self.nats_port)

    @property
    def bus_keys(self) -> Path | None:
        """Where the keys of the bus are; None where it lets everyone in."""
        return None if self.way.open else self.way.keys or users.folder_of(self.data)

    def bus_key(self, name: str) -> Path | None:
        return None if self.bus_keys is None else users.seed_file(self.bus_keys, name)

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """Each child's name and command line, in starting order."""
        python = [sys.executable, "-m"]
        common = ["--data", str(self.data)]
        if self.nats is None:
            own = ["--node", self.node, "--port", str(self.nats_port), *common, *self.way.server_options()]
            own += self.linked.server_options()
            own += self.alarms.server_options() if self.alarms else []
            own += ["--nats-server", self.nats_server] if self.nats_server else []
            yield "nats", [*python, "tiers.nats_server", *own]
        places = ["--divisions", str(self.divisions)] if self.divisions else []
        second = ["--second-person-above", str(self.second_above)]
        own = ["--node", self.node, "--nats", self.nats_url, *common, *places, *second]
        above = ["--above", self.linked.above] if self.linked.above else []
        video = ["--video"] if self.video else []
        disk = [] if self.disk_bytes is None else ["--disk-bytes", str(self.disk_bytes)]
        yield "node", [*python, "tiers", *own, *above, *video, *disk, *self._login("node")]
        behind = ["--proxy-protocol", *(f"--trust={proxy}" for proxy in self.proxies)] if self.proxies else []
        push = ["--push-key", key.hex()] if (key := push_point(self.data)) else []
        talk = ["--talk", self.video.at] if self.video else []
        for i in range(1, self.gateways + 1):
            listen = ["--host", self.host, "--port", str(self.port), *behind]
            name = f"responder-{i}"
            serve = ["--serve", self.node, "--nats", self.nats_url, *listen, "--name", name, *common, *push, *talk]
            yield name, [*python, "gateways.responder", *serve, *self._login(name)]
        if self.console is not None:
            listen = ["--host", self.console.host, "--port", str(self.console.port)]
            behind = ["--proxied"] if self.console.proxied else []
            polygons = self.data / "counties.geojson"
            counties = ["--counties", str(polygons)] if polygons.exists() else []
            own = ["--nats", self.nats_url, *listen, *behind, *places, *counties, *talk]
            yield "console", [*python, "gateways.console", *own, *self._login(users.CONSOLE)]
        yield from self._media(python, common, places)
        yield from self._satellites(python, common)
        yield from self._last_line(python)
        if (self.data / FILE).exists():
            reach = ["--nats", self.nats_url, *common, *self._login(users.CHANNELS)]
            yield "channels", [*python, "gateways.channels", *reach]
        yield from self.beside

    def _media(self, python: list[str], common: list[str], places: list[str]) -> Iterator[tuple[str, list[str]]]:
        """Of voice, video and positions."""
        nats = ["--nats", self.nats_url, *common]
        own = ["--node", self.node, *nats, *self._login(users.FLOOR)]
        if self.voice or self.radio is not None or self.video is not None:
            yield "talk", [*python, "tiers.talk", *own]
        if self.video is not None and self.keep[0]:
            yield "keep", [*python, "tiers.keep", *own, "--gib", str(self.keep[0]), "--days", str(self.keep[1])]
        for name, way, user, more in (
            ("radio", self.radio, users.RADIO, places), ("video", self.video, users.VIDEO, places),
            ("camera", self.cameras, users.CAMERA, []), ("track", self.tracks, users.TRACK, []),
            ("alarm", self.alarms, users.ALARM, []), ("seeing", self.seen, users.SEEING, []),
        ):  # fmt: skip
            if way is not None:
                own = ["--serve", self.node, *nats, *way.options(), *more, *self._login(user)]
                yield name, [*python, f"gateways.{name}", *own]

    def _satellites(self, python: list[str], common: list[str]) -> Iterator[tuple[str, list[str]]]:
        if (satellite := self.satellite) is None:
            return
        own = ["--serve", self.node, "--nats", self.nats_url, *common, *self._login(users.SATELLITE)]
        if satellite.hub is not None:
            yield "satellite", [*python, "gateways.satellite", *own, *satellite.up_options()]
            if self.video is not None or self.cameras is not None:
                encodes = ["--node", self.node, "--nats", self.nats_url, *self._login(users.SATELLITE)]
                yield "thin", [*python, "gateways.satellite.thin", *encodes]
        if satellite.listens is not None:
            yield "satellite-hub", [*python, "gateways.satellite", *own, *satellite.hub_options()]

    def _last_line(self, python: list[str]) -> Iterator[tuple[str, list[str]]]:
        """The last line."""
        if self.modem is not None:
            own = ["--nats", self.nats_url, "--port", self.modem, *self._login(users.LINE)]
            yield "shortmessage", [*python, "gateways.shortmessage", *own]

    def _login(self, name: str) -> list[str]:
        key = self.bus_key(name)
        return [*(["--bus-key", str(key)] if key else []), *(["--tls-ca", str(self.way.ca)] if self.way.ca else [])]
