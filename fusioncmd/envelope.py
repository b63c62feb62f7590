"""How questions and replies of the `api` vocabulary travel: bounded MessagePack, a reply or a problem in it. Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Struct

from fusioncmd import limits
from fusioncmd.api import Request
from fusioncmd.errors import BadInput, BadMessage, Problem, problem_from


class Trouble(Struct, frozen=True):
    code: str
    en: str
    zh: str


class Envelope(Struct, frozen=True, omit_defaults=True):
    ok: msgspec.Raw = msgspec.Raw()
    problem: Trouble | None = None


T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


def encode_request(request: Request) -> bytes:
    try:
        return _bounded(_encoder.encode(request), limits.API_REQUEST_BYTES_MAX)
    except UnicodeEncodeError:
        raise BadInput("The text is not valid UTF-8.", "文字不是有效的 UTF-8。") from None


def encode_reply(reply: object) -> bytes:
    return _bounded(_encoder.encode(Envelope(ok=msgspec.Raw(_encoder.encode(reply)))), limits.API_REPLY_BYTES_MAX)


def encode_problem(problem: Problem) -> bytes:
    return _encoder.encode(Envelope(problem=Trouble(problem.code, problem.en, problem.zh)))


def decode_request(kind: type[T], data: bytes) -> T:
    return _decode(kind, _bounded(data, limits.API_REQUEST_BYTES_MAX))


def decode_reply(kind: type[T], data: bytes) -> T:
    """The reply in `data`; the problem that it carries is raised."""
    envelope = _decode(Envelope, data)
    if envelope.problem is not None:
        raise problem_from(envelope.problem.code, envelope.problem.en, envelope.problem.zh)
    return _decode(kind, bytes(envelope.ok))


def _decode(kind: type[T], data: bytes) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadMessage(f"Not a valid {kind.__name__}: {error}.", f"不是有效的 {kind.__name__}：{error}。") from None


def _bounded(data: bytes, bytes_max: int) -> bytes:
    if len(data) > bytes_max:
        raise BadMessage(
            f"{len(data)} bytes exceed the bound of {bytes_max}.", f"{len(data)} 字节超过上限 {bytes_max}。"
        )
    return data
