"""The playbooks of a data folder: read again when the file changes; where it is wrong, those before go on."""

from __future__ import annotations

from pathlib import Path

from fusioncmd.alarm import playbook as playbooks
from fusioncmd.alarm.playbook import Playbook
from fusioncmd.errors import BadInput
from fusioncmd.words import reason
from tiers.problems import Said

FILE = "playbooks.toml"


class PlaybookFile:
    """`problem`: what is wrong with the file."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self.held: tuple[Playbook, ...] = ()  # as read last
        self.problem: Said | None = None
        self._read_at: tuple[int, int] | None = None

    def current(self) -> tuple[Playbook, ...]:
        try:
            stat = self._file.stat()
            if (at := (stat.st_mtime_ns, stat.st_size)) != self._read_at:
                self.held, self._read_at, self.problem = playbooks.read(self._file.read_bytes()), at, None
        except FileNotFoundError:
            self.held, self._read_at, self.problem = (), None, None
        except OSError as error:
            en, zh = reason(error)
            self.problem = f"{self._file} cannot be read: {en}", f"无法读取 {self._file}：{zh}"
        except BadInput as problem:
            self._read_at = at
            self.problem = f"{FILE}: {problem.en}", f"{FILE}：{problem.zh}"
        return self.held

    def named(self, name: str) -> Playbook | None:
        return next((each for each in self.current() if each.name == name), None)
