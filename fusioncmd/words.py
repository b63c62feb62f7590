"""Which language a person is spoken to in: `say(en, zh)` picks by FUSIONCMD_LANG, else by the locale."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from functools import lru_cache

from fusioncmd.errors import Problem


@lru_cache(maxsize=1)
def chinese() -> bool:
    for name in ("FUSIONCMD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return value.lower().startswith("zh")
    return False


_REASONS = {
    errno.ENOENT: "没有该文件或目录", errno.EACCES: "没有权限", errno.EPERM: "不允许此操作", errno.ENOSPC: "磁盘已满",
    errno.EISDIR: "是目录", errno.ENOTDIR: "不是目录", errno.EROFS: "文件系统只读", errno.EADDRINUSE: "地址已被占用",
    errno.EEXIST: "已存在", errno.EADDRNOTAVAIL: "本机没有该地址",
}  # fmt: skip


def say(en: str, zh: str) -> str:
    return zh if chinese() else en


def sentence(problem: Problem) -> str:
    return say(problem.en, problem.zh)


def either(en: Sequence[str], zh: Sequence[str]) -> Sequence[str]:
    """Sentences as this person reads them; what has no Chinese, as from a node of an older version, in English."""
    return zh if chinese() and len(zh) == len(en) else en


def reason(error: OSError) -> tuple[str, str]:
    """Why the system refused, in both languages; in its own words where there are none here."""
    said = error.strerror or str(error)
    return said, _REASONS.get(error.errno or 0, said)
