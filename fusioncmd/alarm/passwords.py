"""The passwords of sensors, which come in by MQTT: made here, shown once, and kept as hashes that nats-server reads.

The one file that knows bcrypt. A password has 130 bits of chance, so the cheapest hash is as good as the dearest, and a
thousand sensors that connect at once after a power cut do not stop the server for minutes.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from pathlib import Path

import bcrypt

from fusioncmd.errors import BadInput, Conflict, NotFound
from fusioncmd.trust.keyfile import make_file

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
FOLDER = "sensors"  # beside the users of the bus
ROUNDS = 4
PASSWORD_BYTES = 17
SENSORS_MAX = 20_000  # reject
HASH_BYTES_MAX = 128


def make(bus: Path, name: str, again: bool = False) -> str:
    """The password of a new sensor, or another for one that has one already: then the old one ends with the next start
    or SIGHUP of the server. BadInput, Conflict."""
    if not NAME.fullmatch(name):
        raise BadInput(
            f"{name[:40]!r} is no name of a sensor: a letter, then up to 31 letters, digits, - and _.",
            f"“{name[:40]}”不能作传感器名称：须以字母开头，其后至多 31 个字母、数字、- 或 _。",
        )
    file = bus / FOLDER / f"{name}.bcrypt"
    if file.exists() and not again:
        raise Conflict(
            f"{name} has a password already; --again gives another.", f"{name} 已有口令；如需更换请加 --again。"
        )
    if len(list((bus / FOLDER).glob("*.bcrypt"))) >= SENSORS_MAX:
        raise BadInput(f"There are {SENSORS_MAX} sensors already.", f"传感器已达 {SENSORS_MAX} 个。")
    password = base64.b32encode(os.urandom(PASSWORD_BYTES)).decode().rstrip("=").lower()
    file.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_file(file, bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS, b"2a")), 0o600)
    return password


def end(bus: Path, name: str) -> None:
    """NotFound."""
    file = bus / FOLDER / f"{name}.bcrypt"
    if not NAME.fullmatch(name) or not file.exists():
        raise NotFound(f"There is no sensor {name[:40]} with a password.", f"没有已设口令的传感器 {name[:40]}。")
    file.unlink()


def hashes(bus: Path) -> Iterator[tuple[str, str]]:
    """Name and hash of each. BadInput for a file that is none: nobody is let in by mistake."""
    for file in sorted((bus / FOLDER).glob("*.bcrypt")):
        text = file.read_bytes()[: HASH_BYTES_MAX + 1].decode("ascii", "replace").strip()
        if not NAME.fullmatch(file.stem) or not re.fullmatch(r"\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}", text):
            raise BadInput(f"{file} is not the password of a sensor.", f"{file} 不是传感器口令文件。")
        yield file.stem, text
