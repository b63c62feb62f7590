"""What ffmpeg says, line by line, and what it means. Pure.

Its lines have a level (`-loglevel level+info`); what a camera wrote stands only where it is quoted, indented by more
than what is looked at here. Lines may hold passwords: nobody shows them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateways.camera import troubles
from gateways.camera.bounds import LINE_CHARS_MAX
from gateways.camera.troubles import Words


class Found(NamedTuple):
    """A stream of what is read: `kind` is Video or Audio, `codec` as ffmpeg names it."""

    kind: str
    codec: str


class Ready(NamedTuple):
    """Everything was agreed on; packets follow."""


class Wrong(NamedTuple):
    words: Words


Sign = Found | Ready | Wrong
_STREAM = re.compile(r"\[info\]   Stream #0:\d+(?:\[0x[0-9a-f]+\])?(?:\([a-z]{2,3}\))?: (Video|Audio): ([a-z0-9_]+)")
_WORDS = (  # the first that is in a line
    ("401 Unauthorized", troubles.PASSWORD),
    ("403 Forbidden", troubles.PASSWORD),
    ("Incorrect passphrase", troubles.PASSWORD),
    ("ERROR:BADSECRET", troubles.PASSWORD),
    ("NetConnection.Connect.Rejected", troubles.PASSWORD),
    ("Unexpected stream ", troubles.STRANGER),
    ("App field don't match up", troubles.STRANGER),
    ("404 Not Found", troubles.NOT_THERE),
    ("NetStream.Play.StreamNotFound", troubles.NOT_THERE),
    ("Connection refused", troubles.REFUSED),
    ("No route to host", troubles.NO_ROUTE),
    ("Network is unreachable", troubles.NO_ROUTE),
    ("Failed to resolve hostname", troubles.NO_NAME),
    ("Connection timed out", troubles.NO_ANSWER),
    ("Operation timed out", troubles.NO_ANSWER),
    ("Address already in use", troubles.TAKEN),
    ("Cannot assign requested address", troubles.TAKEN),
    ("dimensions not set", troubles.NO_PICTURE),
    ("matches no streams", troubles.NO_VIDEO),
)
_SRT_FAILED = re.compile(r"\[srt @ [0-9a-fx]+\] \[error\] Connection to .* failed: Input/output error")


def read(line: str) -> Sign | None:
    """None for what tells nothing new."""
    line = line[:LINE_CHARS_MAX]
    if (found := _STREAM.match(line)) is not None:
        return Found(found[1], found[2])
    if line.startswith("[info]"):
        return Ready() if line.startswith("[info] Stream mapping:") else None
    for words, trouble in _WORDS:
        if words in line:
            return Wrong(trouble)
    return Wrong(troubles.NO_ANSWER) if _SRT_FAILED.match(line) else None
