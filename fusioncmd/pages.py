"""Where the pages are that `make pages` builds, and whether they are there: a package without Node.js has none."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Literal


def folder_of(page: Literal["responder", "console"]) -> Traversable:
    """The files of a page, with `<page>.html` among them; it need not be there."""
    return files("fusioncmd") / "web" / "dist" / page


def is_built(page: Literal["responder", "console"]) -> bool:
    return (folder_of(page) / f"{page}.html").is_file()
