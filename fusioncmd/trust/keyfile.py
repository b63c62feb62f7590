"""Keys and grants on disk. A private key is made at random, readable by its owner only; there is no default.

`NAME.key` holds a private key and nothing else; `NAME.grants` the chain that it was granted, which is no secret.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd.errors import Conflict, NotFound, Unavailable
from fusioncmd.guessable import is_guessable
from fusioncmd.trust import signatures
from fusioncmd.trust.grants import SignedChain, SignedGrant
from fusioncmd.trust.refusals import Untrusted, refusal
from fusioncmd.trust.signatures import SEED_BYTES, Signer
from fusioncmd.words import reason

FILE_BYTES_MAX = 64 * 1024
OTHERS = 0o077  # who may not read a secret


class PrivateKey(Struct, frozen=True, tag="private-key.1", tag_field="kind", forbid_unknown_fields=True):
    algorithm: str
    seed: Annotated[bytes, Meta(min_length=SEED_BYTES, max_length=SEED_BYTES)]


class Grants(Struct, frozen=True, tag="grants.1", tag_field="kind", forbid_unknown_fields=True):
    chain: Annotated[SignedChain, Meta(min_length=1)]


def open_to_others(file: Path) -> tuple[str, str]:
    """The sentence of a secret that is none, in both languages."""
    return (
        f"{file} can be read by others than its owner; `chmod 600` it, and replace the key if they may have.",
        f"{file} 可被他人读取；请执行 chmod 600，如可能已泄露请更换密钥。",
    )


def make_key(file: Path, algorithm: str = signatures.ED25519) -> Signer:
    """A new private key; `Conflict` when the file is there already, because a key that is overwritten is lost."""
    seed = os.urandom(SEED_BYTES)
    made = signatures.signer(seed, algorithm)
    make_file(file, msgspec.json.encode(PrivateKey(algorithm, seed)), 0o600)
    return made


def read_key(file: Path) -> Signer:
    """`Untrusted` for a file that others may read, or that is no key."""
    data = read_secret(file)
    try:
        key = msgspec.json.decode(data, type=PrivateKey)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted(f"{file} is not a private key.", f"{file} 不是私钥文件。", "key") from None
    if is_guessable(key.seed):
        raise Untrusted(f"{file} holds a key that anybody can guess.", f"{file} 中的密钥可被猜出。", "key")
    return signatures.signer(key.seed, key.algorithm)


def read_secret(file: Path) -> bytes:
    """`Untrusted` for a file that others may read."""
    data, mode = _read(file)
    if mode & OTHERS:
        raise Untrusted(*open_to_others(file), "key")
    return data


def write_grants(file: Path, chain: tuple[SignedGrant, ...]) -> None:
    make_file(file, msgspec.json.encode(Grants(chain)), 0o644)


def read_grants(file: Path) -> tuple[SignedGrant, ...]:
    """A chain as it is written; what it proves is for `chains.Anchors` to say."""
    data, _ = _read(file)
    try:
        return msgspec.json.decode(data, type=Grants).chain
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Untrusted(f"{file} holds no grants.", f"{file} 不是授权文件。") from None


def _read(file: Path) -> tuple[bytes, int]:
    try:
        with file.open("rb") as opened:
            data, mode = opened.read(FILE_BYTES_MAX + 1), os.fstat(opened.fileno()).st_mode
    except OSError as error:
        en, zh = reason(error)
        raise NotFound(f"{file} cannot be read: {en}.", f"无法读取 {file}：{zh}。") from None
    if len(data) > FILE_BYTES_MAX:
        raise refusal("size")
    return data, mode


def make_file(file: Path, content: bytes, mode: int) -> None:
    """`file` with `content`, whole or not at all; never over another."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new.unlink(missing_ok=True)
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            os.link(new, file)
        except FileExistsError:
            raise Conflict(f"{file} is there already.", f"{file} 已存在。") from None
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        en, zh = reason(error)
        raise Unavailable(f"{file} cannot be written: {en}.", f"无法写入 {file}：{zh}。") from None
