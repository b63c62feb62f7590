"""How radios come in to `fusioncmd up`: SIP by UDP and TCP, and by TLS where there is a certificate."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from fusioncmd.errors import BadInput
from fusioncmd.words import say


@dataclass(frozen=True, slots=True)
class Radio:
    """Where the radio gateway listens; `tls` is a port, a certificate and its key."""

    host: str
    port: int
    tls: tuple[int, Path, Path] | None

    def options(self) -> list[str]:
        own = ["--host", self.host, "--port", str(self.port)]
        if self.tls is not None:
            own += ["--tls-port", str(self.tls[0]), "--cert", str(self.tls[1]), "--cert-key", str(self.tls[2])]
        return own

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        secured = say(f", sips:{host}:{self.tls[0]}", f"，sips:{host}:{self.tls[0]}") if self.tls else ""
        return f"sip:{host}:{self.port}{secured}"


def radio_of(
    data: Path, host: str, port: int | None, tls_port: int | None, cert: Path | None, key: Path | None
) -> Radio | None:
    """None without a port. `BadInput` for TLS without a certificate, and for an address that is every one: radios are
    told where their sound goes, and that is one address."""
    if port is None:
        if tls_port is not None:
            raise BadInput("--radio-tls goes with --radio.", "--radio-tls 须与 --radio 同用。")
        return None
    if host in ("0.0.0.0", "::", ""):
        raise BadInput(
            "--radio-host is one address of this machine: radios are told where to send their sound.",
            "--radio-host 须为本机的一个具体地址：电台需据此发送语音。",
        )
    if tls_port is None:
        return Radio(host, port, None)
    made = data / "tls"
    cert, key = (cert, key) if cert and key else (made / "server.pem", made / "server.key")
    if not (cert.exists() and key.exists()):
        raise BadInput(
            "--radio-tls needs a certificate: give --tls-cert and --tls-key, or run `fusioncmd tls init`.",
            "--radio-tls 需要证书：请给出 --tls-cert 与 --tls-key，或先运行 fusioncmd tls init。",
        )
    return Radio(host, port, (tls_port, cert, key))


async def listens(host: str, port: int) -> bool:
    """Whether somebody answers there."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
