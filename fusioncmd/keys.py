"""The tier's secrets on disk: made at random at the first start, readable by their owner only. There is no default."""

from __future__ import annotations

import os
from pathlib import Path

from fusioncmd.errors import BadInput, Conflict, NotFound, Unavailable
from fusioncmd.guessable import is_guessable
from fusioncmd.tickets import KEY_BYTES
from fusioncmd.words import reason

OTHERS = 0o077  # who may not read a secret


def data_folder(node: str) -> Path:
    """Where a tier node keeps its files unless told otherwise: FUSIONCMD_DATA, else one folder per node at home."""
    given = os.environ.get("FUSIONCMD_DATA")
    return Path(given) if given else Path.home() / ".fusioncmd" / node


def claim(data: Path, node: str) -> None:
    """Make `data` the folder of `node`; `Conflict` when it is another node's."""
    file = data / "node"
    try:
        if not file.exists():
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            file.write_text(node, "ascii")
        theirs = file.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{file} cannot be used: {error}.", f"无法使用 {file}：{error}。") from None
    if theirs != node:
        raise Conflict(f"{data} belongs to node {theirs}, not {node}.", f"{data} 属于节点 {theirs}，不是 {node}。")


def session_key_file(data: Path) -> Path:
    return data / "keys" / "session.key"


def ensure_session_key(data: Path) -> bytes:
    """The key that sessions are made with, made now if there is none: with another one, everybody is logged out."""
    file = session_key_file(data)
    if not file.exists():
        _make_secret(file)
    return _secret(file, "session key", "会话密钥")


def ticket_key_file(data: Path) -> Path:
    return data / "keys" / "ticket.key"


def ensure_ticket_key(data: Path) -> bytes:
    """The ticket key, made now if there is none."""
    file = ticket_key_file(data)
    if not file.exists():
        _make_secret(file)
    return read_ticket_key(data)


def read_ticket_key(data: Path) -> bytes:
    return _secret(ticket_key_file(data), "ticket key", "票据密钥")


def _make_secret(file: Path) -> None:
    try:
        _make(file, os.urandom(KEY_BYTES))
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be written: {en}.", f"无法写入 {file}：{zh}。") from None


def _secret(file: Path, name: str, name_zh: str) -> bytes:
    try:
        key, mode = file.read_bytes(), file.stat().st_mode
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(
            f"The {name} {file} cannot be read ({en}); `fusioncmd up` makes it.",
            f"无法读取{name_zh} {file}（{zh}）；请先运行 fusioncmd up。",
        ) from None
    if len(key) != KEY_BYTES:
        raise NotFound(
            f"The {name} {file} is not {KEY_BYTES} bytes long.", f"{name_zh} {file} 长度不是 {KEY_BYTES} 字节。"
        )
    if mode & OTHERS or is_guessable(key):
        raise BadInput(
            f"The {name} {file} is no secret: others may read or guess it. Remove it; `fusioncmd up` makes another.",
            f"{name_zh} {file} 并非秘密：他人可读取或猜出。请将其删除，fusioncmd up 会重新生成。",
        )
    return key


def _make(file: Path, content: bytes) -> None:
    """`file` with `content`, whole or not at all, for its owner only."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        new.rename(file)
    finally:
        new.unlink(missing_ok=True)
