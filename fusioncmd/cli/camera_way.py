"""How cameras come in to `fusioncmd up`: they are pulled, and drones push to ports of one address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fusioncmd import cameras
from fusioncmd.errors import BadInput
from fusioncmd.words import say


@dataclass(frozen=True, slots=True)
class Cameras:
    """`ports`: where drones push to, at `host`; none, where cameras are only pulled."""

    host: str
    ports: range

    def options(self) -> list[str]:
        first = self.ports.start if self.ports else 0
        return ["--host", self.host, "--port", str(first), "--ports", str(len(self.ports))]

    @property
    def words(self) -> str:
        if not self.ports:
            return say("pulled", "仅拉流")
        at = f"{self.host}:{self.ports.start}-{self.ports.stop - 1}"
        return say(f"pulled, or pushed to {at}", f"拉流，或推流至 {at}")


def cameras_of(host: str, ports: str | None) -> Cameras | None:
    """None without ports; `0` is none to push to. `BadInput` for ports that are none, and for an address that is every
    one: drones are told where to push."""
    if ports is None:
        return None
    if ports == "0":
        return Cameras(host, range(0))
    found = re.fullmatch(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", ports)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 0 < first <= last < 65_536 or last - first >= cameras.PORTS_MAX:
        raise BadInput(
            f"--cameras is 0, or the ports that drones push to, such as 8710-8719; {cameras.PORTS_MAX} at most.",
            f"--cameras 须为 0，或供推流的端口，例如 8710-8719，至多 {cameras.PORTS_MAX} 个。",
        )
    if host in ("0.0.0.0", "::", ""):
        raise BadInput(
            "--camera-host is one address of this machine: drones are told where to push.",
            "--camera-host 须为本机的一个具体地址：无人机需据此推流。",
        )
    return Cameras(host, range(first, last + 1))
