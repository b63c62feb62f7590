"""What leaves to a department that fetches it: alerts on disk, the newest of them, and an Atom feed that lists them.

Who only fetches confirms nothing: that it was told means here that it lies there to be fetched.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from fusioncmd.alarm import cap_write, cap_xml
from fusioncmd.alarm.cap import CapAlert
from fusioncmd.errors import Conflict, NotFound, Problem
from fusioncmd.trust.keyfile import make_file

FOLDER = "feeds"  # in the data folder
KEPT_MAX = 128  # alerts of one department; shed, the oldest
_IDENT = re.compile(r"[0-9A-Za-z.-]{1,80}")


class DepartmentFeed:
    def __init__(self, data: Path) -> None:
        self._folder = data / FOLDER

    def put(self, name: str, data: bytes) -> None:
        """On disk. Problem where it cannot be; the same again changes nothing."""
        alert = cap_xml.read(data)
        file = self._file(name, alert.identifier)
        try:
            make_file(file, data, 0o600)
        except Conflict:
            return
        for old in self._newest(name)[KEPT_MAX:]:
            old.unlink(missing_ok=True)

    def alert(self, name: str, ident: str) -> bytes:
        """NotFound."""
        try:
            return self._file(name, ident).read_bytes()
        except OSError:
            raise NotFound(f"There is no alert {ident[:80]}.", f"没有预警 {ident[:80]}。") from None

    def atom(self, name: str, title: str) -> bytes:
        """RFC 4287, the newest first; links are relative to where it is fetched."""
        alerts = [alert for file in self._newest(name) if (alert := _read(file)) is not None]
        return cap_write.atom(f"urn:fusioncmd:department:{name}", title, alerts, lambda ident: f"cap/{ident}.xml")

    def keep(self, names: Iterable[str]) -> None:
        """Of others nothing."""
        wanted = set(names)
        for folder in self._folder.glob("*"):
            if folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def _file(self, name: str, ident: str) -> Path:
        if not _IDENT.fullmatch(ident) or ident.startswith("."):
            raise NotFound(f"There is no alert {ident[:80]}.", f"没有预警 {ident[:80]}。")
        return self._folder / name / f"{ident}.xml"

    def _newest(self, name: str) -> list[Path]:
        """By when they came: a name may be of an alarm that began long ago."""
        found = [(file.stat().st_mtime_ns, file) for file in (self._folder / name).glob("*.xml")]
        return [file for _, file in sorted(found, reverse=True)]


def _read(file: Path) -> CapAlert | None:
    try:
        return cap_xml.read(file.read_bytes())
    except (OSError, Problem):  # gone just now, or cut by hand: it is not listed
        return None
