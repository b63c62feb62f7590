"""SECURITY.md is true where a program can tell: what it names is there, and its commands are commands."""

from __future__ import annotations

import re
from typing import Any

from fusioncmd.cli.__main__ import COMMANDS, load_command
from loadtest.__main__ import SCENARIOS
from tests.test_tidy import ROOT

PAGE = (ROOT / "SECURITY.md").read_text("utf-8")
LINES_MAX = 200
ROW = re.compile(r"^\| (\d+) \| .*? \| .*? \| (.*?) \| .*? \|$", re.MULTILINE)


def test_each_threat_names_a_test_that_is_there() -> None:
    rows = ROW.findall(PAGE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1)) and len(rows) > 15
    without = []
    for number, shown in rows:
        names = re.findall(r"`([a-z_]+)`", shown)
        for name in names:
            assert any((ROOT / "tests" / folder / f"test_{name}.py").exists() for folder in ("", "smoke")), name
        if not names:
            without.append(number)
    assert without == ["11"]  # which is not stopped, and says so


def test_every_file_that_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:fusioncmd|tiers|gateways|tests)/[\w./]+)`", PAGE))
    assert len(named) > 6
    assert not {name for name in named if not (ROOT / name).exists()}


def test_every_command_that_it_names_is_one_with_those_options() -> None:
    asked = re.findall(r"`fusioncmd ([a-z][^`]*)`", PAGE)
    assert len(asked) > 12
    for words in (text.split() for text in asked):
        assert words[0] in COMMANDS
        command: Any = load_command(words.pop(0))
        if (inner := getattr(command, "commands", None)) is not None:
            command = inner[words.pop(0)]
        options = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, words


def test_every_scenario_that_it_names_is_one() -> None:
    assert set(re.findall(r"python -m loadtest (\w+)", PAGE)) <= set(SCENARIOS)


def test_it_is_short_and_linked_from_where_people_begin() -> None:
    assert len(PAGE.splitlines()) <= LINES_MAX
    assert all("(SECURITY.md)" in (ROOT / page).read_text("utf-8") for page in ("README.md", "README.zh-CN.md"))
