"""TLS for those on site of a kit: HAProxy in front of its pages, terminals, talk and console, as `docker/front` has it
for a tier, but for dozens of people. Started and watched like any other process of the kit."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fusioncmd.errors import NotFound

PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))  # it is not on everybody's
CONNECTIONS_MAX = 2_000  # beyond, they wait in the kernel
SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305"
)


def haproxy() -> str:
    found = shutil.which("haproxy", path=PATH)
    if found is None:
        raise NotFound(
            "Those on site need TLS, and HAProxy is not here: apt-get install haproxy. Without --site the kit serves "
            "its own machine alone.",
            "现场人员须经 TLS 接入，但本机没有 HAProxy：请先 apt-get install haproxy。不加 --site 时仅供本机使用。",
        )
    return found


@dataclass(frozen=True, slots=True)
class Front:
    """`ports`: where it listens at `host`, which address is behind it, and whether that one is told who connects (PROXY
    protocol)."""

    program: str
    folder: Path
    host: str
    certificate: Path
    key: Path
    ports: tuple[tuple[int, str, bool], ...]

    def argv(self) -> list[str]:
        return [self.program, "-db", "-f", str(self.folder / "haproxy.cfg")]

    def write(self) -> None:
        """Its configuration, and certificate and key in one file, readable by their owner alone."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        both = self.folder / "tls.pem"
        both.touch(0o600)
        both.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        (self.folder / "haproxy.cfg").write_text(self.text(), "utf-8")

    def text(self) -> str:
        parts = [
            f"frontend at-{at}\n    bind {bracketed(self.host)}:{at} ssl crt {self.folder / 'tls.pem'} alpn http/1.1 "
            f"tcp-ut 60s\n    default_backend behind-{at}\n"
            f"backend behind-{at}\n    server own {to}{' send-proxy-v2' if told else ''}\n"
            for at, to, told in self.ports
        ]
        return f"""\
# Written by fusioncmd kit at every start; changes made here are lost.
global
    log stdout format raw daemon notice
    maxconn {CONNECTIONS_MAX}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers {SUITES}
defaults
    log global
    mode tcp
    timeout connect 5s
    timeout client 15s
    timeout server 15s
    timeout tunnel 600s
    timeout client-fin 10s
    timeout server-fin 10s
{"".join(parts)}"""


def bracketed(host: str) -> str:
    """As it stands before a port."""
    return f"[{host}]" if ":" in host else host
