"""What a recorder answers to the one above that keeps copies: rows of its index, and bytes of its segments.

Blocking: to be called beside the loop.
"""

from __future__ import annotations

from fusioncmd.errors import NotFound
from fusioncmd.video.copying import PIECE_BYTES_MAX, AskBytes, AskRows, Bytes, Rows
from tiers.kept_store import INDEX, KeptStore


def rows_from(store: KeptStore, asked: AskRows) -> Rows:
    hours = store.hours()
    hour = asked.hour or (hours[0] if hours else "")
    data = b""
    try:
        with (store.folder / hour / INDEX).open("rb") as opened:
            opened.seek(asked.offset)
            data = opened.read(PIECE_BYTES_MAX)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        pass  # an hour that went, or none
    data = data[: data.rfind(b"\n") + 1]
    later = [one for one in hours if one > hour]
    if not data and later:
        return Rows(asked.number, b"", later[0], 0)
    return Rows(asked.number, data, hour, asked.offset + len(data))


def bytes_of(store: KeptStore, asked: AskBytes) -> Bytes:
    try:
        file = store.file(store.find(asked.segment))
        with file.open("rb") as opened:
            opened.seek(asked.offset)
            return Bytes(asked.number, opened.read(asked.limit))
    except (NotFound, FileNotFoundError):
        return Bytes(asked.number, b"")
