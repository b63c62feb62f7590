"""How questions and replies of the `api` vocabulary travel: bounded MessagePack, a reply or a problem in it. Pure."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.api.question import Question
from fusioncmd.errors import BadInput, BadMessage, Problem, problem_from


class Asked(Struct, frozen=True, array_like=True):
    """A question, and the session of who asks it (empty: nobody logged in)."""

    session: Annotated[bytes, Meta(max_length=limits.SESSION_BYTES_MAX)]
    question: msgspec.Raw


class Trouble(Struct, frozen=True):
    code: str
    en: str
    zh: str


class Envelope(Struct, frozen=True, omit_defaults=True):
    ok: msgspec.Raw = msgspec.Raw()
    problem: Trouble | None = None


T = TypeVar("T")
_encoder = msgspec.msgpack.Encoder()


def encode_question(question: Question[Any], session: bytes = b"") -> bytes:
    try:
        asked = Asked(session, msgspec.Raw(_encoder.encode(question)))
    except UnicodeEncodeError:
        raise BadInput("The text is not valid UTF-8.", "文字不是有效的 UTF-8。") from None
    return _bounded(_encoder.encode(asked), limits.API_REQUEST_BYTES_MAX)


def encode_reply(reply: object) -> bytes:
    return _bounded(_encoder.encode(Envelope(ok=msgspec.Raw(_encoder.encode(reply)))), limits.API_REPLY_BYTES_MAX)


def encode_problem(problem: Problem) -> bytes:
    return _encoder.encode(Envelope(problem=Trouble(problem.code, problem.en, problem.zh)))


def decode_question(kind: type[T], data: bytes) -> tuple[T, bytes]:
    """The question, and the session of who asks."""
    asked = _decode(Asked, _bounded(data, limits.API_REQUEST_BYTES_MAX))
    return _decode(kind, bytes(asked.question)), asked.session


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
