"""Which language a person is spoken to in: `say(en, zh)` picks by FUSIONCMD_LANG, else by the locale."""

from __future__ import annotations

import os
from functools import lru_cache

from fusioncmd.errors import Problem


@lru_cache(maxsize=1)
def chinese() -> bool:
    for name in ("FUSIONCMD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return value.lower().startswith("zh")
    return False


def say(en: str, zh: str) -> str:
    return zh if chinese() else en


def sentence(problem: Problem) -> str:
    return say(problem.en, problem.zh)
