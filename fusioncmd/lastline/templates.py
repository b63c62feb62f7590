"""Orders that go as a number: the templates, and which of them an order was written by. Pure; files are read by who
asks (`read`).

A template has its text and answers in both languages, and up to four values that a commander fills in. What travels is
its number, 16 bits of its digest, and the values; whoever has another text under that number refuses the code, because
an order that reads differently than it was meant is worse than none.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import chain
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from fusioncmd import limits
from fusioncmd.errors import BadInput
from fusioncmd.lastline import bounds

OWN_FROM = 100  # a tier's own templates; below are those that the program brings
DIGEST_BITS = 16
Answer = Annotated[str, Meta(min_length=1, max_length=limits.ANSWER_CHARS_MAX)]
Answers = Annotated[tuple[Answer, ...], Meta(max_length=limits.ANSWERS_MAX)]
Text = Annotated[str, Meta(min_length=1, max_length=500)]
_VALUE = re.compile(r"\{(\d)\}")


class Template(Struct, frozen=True, forbid_unknown_fields=True):
    number: Annotated[int, Meta(ge=1, le=bounds.TEMPLATES_MAX)]
    name: Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9-]{0,31}\Z")]
    zh: Text
    en: Text
    answers_zh: Answers = ()
    answers_en: Answers = ()

    @property
    def digest(self) -> int:
        """16 bits of its content."""
        said = msgspec.msgpack.encode(self)
        return int.from_bytes(sha256(b"fusioncmd/lastline/template/1\0" + said).digest()[:2], "big")

    @property
    def values(self) -> int:
        return len(set(_VALUE.findall(self.zh)))

    def text(self, values: tuple[str, ...], chinese: bool) -> str:
        return _VALUE.sub(lambda found: values[int(found[1])], self.zh if chinese else self.en)

    def answers(self, chinese: bool) -> tuple[str, ...]:
        return self.answers_zh if chinese else self.answers_en

    def values_in(self, text: str, chinese: bool) -> tuple[str, ...] | None:
        """What was filled in, if `text` was written by this template."""
        parts = _VALUE.split(self.zh if chinese else self.en)
        names = parts[1::2]
        pattern = re.escape(parts[0]) + "".join(
            (f"(?P<v{name}>.+?)" if name not in names[:at] else f"(?P=v{name})") + re.escape(after)
            for at, (name, after) in enumerate(zip(names, parts[2::2], strict=True))
        )
        found = re.fullmatch(pattern, text)
        return None if found is None else tuple(found[f"v{at}"] for at in range(self.values))


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    template: tuple[Template, ...] = ()


Table = Mapping[int, Template]


def read(built_in: str, own: str = "") -> Table:
    """The templates of two files, by number. `BadInput` for one that is none, and for a number given twice."""
    table: dict[int, Template] = {}
    for each in chain(_parsed(built_in), _own(own)):
        if each.number in table:
            raise BadInput(f"Template {each.number} is there twice.", f"模板 {each.number} 重复。")
        _check(each)
        table[each.number] = each
    return table


def _own(text: str) -> Iterable[Template]:
    for each in _parsed(text):
        if each.number < OWN_FROM:
            raise BadInput(
                f"Template {each.name}: a tier's own have numbers from {OWN_FROM} to {bounds.TEMPLATES_MAX}.",
                f"模板 {each.name}：本级自定义模板编号须为 {OWN_FROM}–{bounds.TEMPLATES_MAX}。",
            )
        yield each


def _parsed(text: str) -> tuple[Template, ...]:
    if len(text) > bounds.TEMPLATE_BYTES_MAX:
        raise BadInput("The file of templates is too large.", "模板文件过大。")
    try:
        return msgspec.convert(tomllib.loads(text), _File).template
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(f"The file of templates cannot be taken: {error}.", f"模板文件无法采用：{error}。") from None


def _check(template: Template) -> None:
    names = set(_VALUE.findall(template.zh))
    whole = {str(at) for at in range(len(names))}
    if names != whole or set(_VALUE.findall(template.en)) != names or len(names) > bounds.VALUES_MAX:
        raise BadInput(
            f"Template {template.name}: both languages hold the same values, {{0}} first, at most {bounds.VALUES_MAX}.",
            f"模板 {template.name}：中英文须含相同的填写项，从 {{0}} 起，至多 {bounds.VALUES_MAX} 项。",
        )
    if len(template.answers_zh) != len(template.answers_en):
        raise BadInput(
            f"Template {template.name}: as many answers in Chinese as in English.",
            f"模板 {template.name}：中英文答复数量须一致。",
        )
