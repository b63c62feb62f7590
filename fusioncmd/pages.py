"""Where the pages are that `make pages` builds, and whether they are there: a package without Node.js has none."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal
from urllib.parse import urlsplit

RESPONDER = "responder"
TALK = b'<meta name="talk" content="%b"'


def folder_of(page: Literal["responder", "console"]) -> Traversable:
    """The files of a page, with `<page>.html` among them; it need not be there."""
    return files("fusioncmd") / "web" / "dist" / page


def source_of(talk: str) -> str:
    """What a Content-Security-Policy has to allow, so that a page reaches who is at `talk` (`:PORT` or a URL)."""
    if talk.startswith(":"):
        return f"*{talk}"
    parts = urlsplit(talk)
    return f"{parts.scheme}://{parts.netloc}"


def with_talk(files: Mapping[str, bytes], talk: str) -> dict[str, bytes]:
    """The files of the responder's page, which is told where talkgroups are. Its service worker is another then, too:
    so the page that a device keeps is read anew."""
    told = dict(files)
    if (page := f"{RESPONDER}.html") in told:
        told[page] = told[page].replace(TALK % b"", TALK % escape(talk).encode())
    if "sw.js" in told:
        told["sw.js"] += f"\n// {talk}\n".encode()
    for name in (page, "sw.js"):
        if f"{name}.gz" in told:
            told[f"{name}.gz"] = gzip.compress(told[name], mtime=0)
    return told


def is_built(page: Literal["responder", "console"]) -> bool:
    return (folder_of(page) / f"{page}.html").is_file()
