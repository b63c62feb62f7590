"""`channels.toml` and what it names, read from a node's data folder."""

from __future__ import annotations

import os
from pathlib import Path

from fusioncmd.errors import BadInput, NotFound, Unavailable
from fusioncmd.ladder import vapid
from fusioncmd.ladder.config import FILE, FILE_BYTES_MAX, Channels, Push, Sms, Webhook, read_channels, secret_of
from fusioncmd.trust.keyfile import OTHERS
from fusioncmd.words import reason


def read_settings(data: Path) -> Channels:
    """`BadInput`, one sentence, for a file that cannot be taken; `Unavailable` where it cannot be read."""
    text = _read(data / FILE)[0]
    try:
        return read_channels(text.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadInput(f"{FILE} is not UTF-8 text.", f"{FILE} 不是 UTF-8 文本。") from None


def secret(data: Path, one: Sms | Push | Webhook) -> bytes:
    """From a file that nobody else may read, or a variable."""
    name, variable = secret_of(one)
    if variable:
        if not (found := os.environ.get(variable, "")):
            raise NotFound(f"The variable {variable} is not set.", f"未设置环境变量 {variable}。")
        return found.encode()
    file = data / name
    data_read, mode = _read(file)
    if mode & OTHERS:
        raise BadInput(
            f"{file} can be read by others than its owner; `chmod 600` it.", f"{file} 可被他人读取；请执行 chmod 600。"
        )
    if not data_read.strip():
        raise BadInput(f"{file} is empty.", f"{file} 为空。")
    return data_read.strip()


def push_point(data: Path) -> bytes:
    """What terminals subscribe to push messages with; nothing where this tier sends none."""
    if not (data / FILE).exists() or (push := read_settings(data).push) is None:
        return b""
    return vapid.point(vapid.load(secret(data, push)))


def _read(file: Path) -> tuple[bytes, int]:
    try:
        with file.open("rb") as opened:
            return opened.read(FILE_BYTES_MAX), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
