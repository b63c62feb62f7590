"""The README is true: a newcomer who types what stands in it, in its order, gets no error."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from fusioncmd.cli.issue import PROPOSED
from loadtest.__main__ import SCENARIOS
from loadtest.deputies import make_deputy
from tests.test_tidy import ROOT
from tests.tier_process import TierProcess

PAGES = ("README.md", "README.zh-CN.md")
SMALL = {"840000": "3000", "4400000001": "4400000007"}  # a smaller roster; the rest as it is written

MORE = {"watch": ("--once",), "approve": ("--yes",)}  # nobody sits here


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TierProcess]:
    with TierProcess(tmp_path_factory.mktemp("readme")) as tier:
        yield tier


def commands(page: str) -> list[list[str]]:
    """What follows `.venv/bin/fusioncmd` in the fenced blocks, but for `up`."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith(".venv/bin/fusioncmd ")]
    found = [[SMALL.get(word, word) for word in shlex.split(line, comments=True)[1:]] for line in lines]
    assert found[0] == ["up"]
    return [command for command in found if command[0] != "up"]


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_the_readme_runs(
    page: str, fresh: TierProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_deputy(fresh.data / "keys", tmp_path / "their-keys")
    assert len(commands(page)) >= 7
    for command in commands(page):
        more = ("--data", tmp_path) if command[0] == "tls" else MORE.get(command[0], ())  # made once a folder
        ran = fresh.here(*command, *more)  # test_story_programs starts each as a process
        waits = command[:3] == ["call", "--to", "44"]
        assert ran.code == (PROPOSED if waits else 0), f"{command}: {ran.err}"
    assert (tmp_path / "people-of-the-order.csv").stat().st_size > 100


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_and_scenario_of_the_readme_is_there(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"^make (\w+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    for scenario in re.findall(r"python -m loadtest (\w+)", text):
        assert scenario in SCENARIOS
