"""The one table of bounds: each says what happens to who goes beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd import limits

OUTCOME = re.compile(r"\b(reject|shed|disconnect|wait)\b")  # as the head of `limits` says what they are
BOUND = re.compile(r"_MAX$")


def sections() -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """Each section's title, the rest of its header, and its constants with what is said beside them."""
    text = Path(limits.__file__).read_text("utf-8").split("\nassert ", 1)[0]
    for part in re.split(r"\n\n(?=# )", text)[1:]:
        header = re.match(r"(?:# .*\n)+", part)
        assert header is not None, part
        title, _, said = header.group().removeprefix("# ").partition(".")
        found: list[tuple[str, str]] = []
        for line in part[header.end() :].splitlines():
            if (named := re.match(r"([A-Z][A-Z0-9_]*) = (.*)", line)) is not None:
                found.append((named.group(1), named.group(2).partition("#")[2]))
            else:
                found[-1] = found[-1][0], f"{found[-1][1]} {line.partition('#')[2]}"
        yield re.split("[:;(]", title)[0], said, found


SECTIONS = list(sections())


def test_every_constant_stands_in_a_section() -> None:
    names = [name for _, _, constants in SECTIONS for name, _ in constants]
    assert sorted(names) == sorted(name for name in vars(limits) if name.isupper())


@pytest.mark.parametrize(("said", "constants"), [section[1:] for section in SECTIONS], ids=[s[0] for s in SECTIONS])
def test_each_bound_names_its_outcome(said: str, constants: list[tuple[str, str]]) -> None:
    silent = [name for name, comment in constants if BOUND.search(name) and not OUTCOME.search(f"{said} {comment}")]
    assert not silent
