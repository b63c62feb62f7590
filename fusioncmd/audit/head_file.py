"""A signed head in a file: the node's own copy beside its keys, or one that is carried elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from fusioncmd import limits
from fusioncmd.errors import Unavailable
from fusioncmd.words import reason


class HeadFile:
    """A copy of the last head beside the keys: whoever has the broker has not got that."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> bytes:
        """Empty where there is none."""
        try:
            with self._file.open("rb") as opened:
                return opened.read(limits.STATEMENT_BYTES_MAX)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _unavailable(self._file, error) from None

    def write(self, data: bytes) -> None:
        """By rename, after it is on disk."""
        new = self._file.with_name(f"{self._file.name}.{os.getpid()}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with new.open("wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            new.replace(self._file)
        except OSError as error:
            raise _unavailable(self._file, error) from None


def head_file(data: Path) -> HeadFile:
    """In a node's folder."""
    return HeadFile(data / "audit" / "head")


def _unavailable(file: Path, error: OSError) -> Unavailable:
    en, zh = reason(error)
    return Unavailable(f"{file} cannot be used: {en}.", f"无法使用 {file}：{zh}。")
