"""The seed of the next draw: in the data folder, known to nobody, its SHA-256 told before it is there."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from fusioncmd.errors import BadInput
from fusioncmd.experts import draw
from fusioncmd.experts.draw import SEED_BYTES, commitment
from fusioncmd.trust.keyfile import make_file

SEED_FILE = "draw.seed"


class DrawSeed:
    """`tell` has a commitment in the audit when it returns."""

    def __init__(self, data: Path, tell: Callable[[str], Awaitable[None]]) -> None:
        self._file, self._tell = data / SEED_FILE, tell

    async def next(self, published: Iterable[str]) -> bytes:
        """The one that is committed; if there is none, or it is published already (the process ended just then, or the
        folder is one of before), a new one."""
        try:
            seed = bytes.fromhex(self._file.read_text("ascii").strip())
            draw.check(seed)
            if seed.hex() not in published:
                return seed
        except (OSError, ValueError, BadInput):
            pass
        seed = os.urandom(SEED_BYTES)
        await self._tell(commitment(seed))
        self._file.unlink(missing_ok=True)
        make_file(self._file, seed.hex().encode(), 0o600)
        return seed

    def used(self) -> None:
        """A seed is used once."""
        self._file.unlink(missing_ok=True)
