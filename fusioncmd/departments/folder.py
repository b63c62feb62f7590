"""The departments of a tier on disk: one file each in the folder `departments` beside the users of its bus.

`NAME.json` says what it is; `NAME.nk` is the key with which it comes to the bus, and belongs on its machine;
`NAME.token` the secret that one without NATS shares with this tier. Server, node and gateway read the same files.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path

import msgspec

from fusioncmd.bus import nkey, users
from fusioncmd.departments import department as departments
from fusioncmd.departments.department import DEPARTMENTS_MAX, FILE_BYTES_MAX, Department
from fusioncmd.errors import BadInput, Conflict, NotFound, Problem
from fusioncmd.trust.keyfile import OTHERS, make_file, open_to_others
from fusioncmd.words import reason

FOLDER = "departments"
TOKEN_BYTES = 24


def folder_of(bus: Path) -> Path:
    return bus / FOLDER


def seed_file(bus: Path, name: str) -> Path:
    return folder_of(bus) / f"{name}.nk"


def token_file(bus: Path, name: str) -> Path:
    return folder_of(bus) / f"{name}.token"


def make_secret(bus: Path, name: str, by_http: bool) -> tuple[str | None, str]:
    """Its public key, or its token, whichever it has; made now, if there is none."""
    folder_of(bus).mkdir(parents=True, exist_ok=True, mode=0o700)
    file = token_file(bus, name) if by_http else seed_file(bus, name)
    if by_http:
        if not file.exists():
            make_file(file, base64.urlsafe_b64encode(os.urandom(TOKEN_BYTES)), 0o600)
        return None, token_of(bus, name)
    if not file.exists():
        make_file(file, nkey.seed_of(os.urandom(nkey.SEED_BYTES)).encode(), 0o600)
    return nkey.public_of(users.read_seed(file)), ""


def token_of(bus: Path, name: str) -> str:
    """BadInput: others may read it."""
    file = token_file(bus, name)
    try:
        if file.stat().st_mode & OTHERS:
            raise BadInput(*open_to_others(file))
        return file.read_bytes()[:256].decode("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{file} is not a department's token.", f"{file} 不是部门令牌文件。") from None


def check_new(bus: Path, made: Department, again: bool) -> None:
    """Conflict: there is one of that name. BadInput: it cannot be so."""
    file = folder_of(bus) / f"{made.name}.json"
    if file.exists() and not again:
        raise Conflict(
            f"There is a department {made.name}; --again changes it.", f"已有部门 {made.name}；如需更改请加 --again。"
        )
    if not file.exists() and len(list(folder_of(bus).glob("*.json"))) >= DEPARTMENTS_MAX:
        raise BadInput(f"There are {DEPARTMENTS_MAX} departments already.", f"部门已达 {DEPARTMENTS_MAX} 个。")
    departments.check(made)


def put(bus: Path, made: Department, again: bool = False) -> None:
    """As `check_new`; `again`: it is another now."""
    check_new(bus, made, again)
    file = folder_of(bus) / f"{made.name}.json"
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    make_file(new, msgspec.json.format(msgspec.json.encode(made)), 0o644)
    new.rename(file)


def remove(bus: Path, name: str) -> None:
    """NotFound. Its secret goes with it: who comes back under that name has another."""
    file = folder_of(bus) / f"{name}.json"
    if "/" in name or not file.exists():
        raise NotFound(f"There is no department {name[:40]}.", f"没有部门 {name[:40]}。")
    file.unlink()
    for secret in (seed_file(bus, name), token_file(bus, name)):
        secret.unlink(missing_ok=True)


def read(bus: Path) -> tuple[Department, ...]:
    """All, by name. BadInput for a file that says something else: nobody is let in by mistake."""
    found = []
    for file in sorted(folder_of(bus).glob("*.json")):
        try:
            with file.open("rb") as opened:
                data = opened.read(FILE_BYTES_MAX + 1)
        except OSError as error:
            en, zh = reason(error)
            raise BadInput(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
        try:
            one = departments.decode(data)
        except BadInput as problem:
            raise BadInput(f"{file}: {problem.en}", f"{file}：{problem.zh}") from None
        if one.name != file.stem:
            raise BadInput(f"{file} is of another name.", f"{file} 文件名与部门名不符。")
        found.append(one)
    return tuple(found)


class DepartmentFolder:
    """Read again when a file changes; where one is wrong, those before go on, and `problem` says why."""

    def __init__(self, bus: Path) -> None:
        self._bus = bus
        self.held: tuple[Department, ...] = ()
        self.problem: tuple[str, str] | None = None
        self._read_at: tuple[tuple[str, int, int], ...] | None = None

    def current(self) -> tuple[Department, ...]:
        at = self._state()
        if at != self._read_at:
            try:
                self.held, self.problem = read(self._bus), None
            except Problem as problem:
                self.problem = problem.en, problem.zh
            self._read_at = at
        return self.held

    def _state(self) -> tuple[tuple[str, int, int], ...]:
        try:
            found = [(entry.name, entry.stat()) for entry in os.scandir(folder_of(self._bus))]
        except OSError:
            return ()
        return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in found if name.endswith(".json")))
