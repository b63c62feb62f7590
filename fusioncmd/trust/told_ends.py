"""Which keys have ended, told by a node to processes beside it that read no stream: one file, which the node replaces.

The file is believed for what it proves: each statement is signed by the key that it ends, or by one above.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from fusioncmd.errors import Unavailable
from fusioncmd.trust import ring
from fusioncmd.trust.chains import Chain
from fusioncmd.trust.revocations import Revocations
from fusioncmd.words import reason

FOLDER, FILE = "satellite", "ended"  # in a node's folder, where there is a satellite gateway
BYTES_MAX = 16 * 1024 * 1024  # of the file; reject: what it told before still counts

_decoder = msgspec.msgpack.Decoder(list[bytes])


def tell(folder: Path, statements: tuple[bytes, ...]) -> None:
    """`folder` is there; `Unavailable` when it cannot be written: what it said before stands."""
    new = folder / f"{FILE}.new"
    try:
        new.write_bytes(msgspec.msgpack.encode(statements))
        os.replace(new, folder / FILE)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{folder / FILE} cannot be written: {en}.", f"无法写入 {folder / FILE}：{zh}。") from None


class ToldEnds:
    """What the node of the folder `data` told, and what was stated on this machine (`ring.revocations`)."""

    def __init__(self, data: Path) -> None:
        self._keys, self._file = ring.folder_of(data), data / FOLDER / FILE
        self._told = Revocations(ring.anchors(self._keys))
        self._seen = (0, 0)
        self.refused = 0  # statements of the file that prove nothing, and files that are none

    def since_ms(self, chain: Chain) -> int | None:
        """Since when a link of the chain has ended; None while none has."""
        self._look()
        found = (ends.since_ms(chain) for ends in (self._told, ring.revocations(self._keys)))
        return min((since_ms for since_ms in found if since_ms is not None), default=None)

    def _look(self) -> None:
        try:
            status = self._file.stat()
            if (seen := (status.st_mtime_ns, status.st_size)) == self._seen or status.st_size > BYTES_MAX:
                return
            _, refused = self._told.update(_decoder.decode(self._file.read_bytes()))
            self._seen = seen
            self.refused += len(refused)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError):
            self.refused += 1
