"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fusioncmd.errors import Unavailable
from fusioncmd.words import reason


@contextlib.contextmanager
def whole_file(file: Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A file to write to that takes the place of `file` when the block ends well, and leaves no trace otherwise.

    A pipe or a device is written to as it is: nothing may take its place.
    """
    special = file.exists() and not file.is_file()
    partial = file.with_name(f"{file.name}.partial")
    try:
        opened = os.open(file if special else partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with os.fdopen(opened, "wb") as target:
            yield target
        if not special:
            partial.replace(file)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be written: {en}.", f"无法写入 {file}：{zh}。") from None
    finally:
        if not special:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
