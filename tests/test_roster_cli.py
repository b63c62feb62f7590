"""`roster import`, `sample` and `find` as a person or a program runs them, over a bus in memory."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fusioncmd import api, envelope, limits, subjects
from fusioncmd.bus.memory import MemoryBus
from fusioncmd.cli import shell
from fusioncmd.cli.roster import app
from fusioncmd.client import Commander

VILLAGE = "440106001101"
GOOD = f"id,name,phone,village,roles\np1,陈伟,13800138000,{VILLAGE},flood\n"
BAD = GOOD + "p2,李[red]芳,,nowhere,\n"


class Desk:
    """One bus, and what was asked of the node on it."""

    def __init__(self, folder: Path) -> None:
        self.bus = MemoryBus()
        self.asked: list[api.Find] = []
        self.folder = folder
        self.divisions = folder / "places.csv"
        self.divisions.write_text(f"code,name\n44,广东省\n440106001,沙河街道\n{VILLAGE},甲村\n", "utf-8")

    def run(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments), "--divisions", str(self.divisions)])

    def file(self, text: str) -> Path:
        path = self.folder / "people.csv"
        path.write_text(text, "utf-8")
        return path

    async def find(self, data: bytes) -> bytes:
        self.asked.append(envelope.decode_question(api.Find, data)[0])
        person = api.Person(7, "p1", "陈\x1b[2J伟", "138", VILLAGE, "[bold]甲村", ("flood",), True)
        return envelope.encode_reply(api.People((person,), 3, None))


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = Desk(tmp_path)

    @asynccontextmanager
    async def connect(_: str) -> AsyncIterator[MemoryBus]:
        await desk.bus.serve(subjects.api("find"), desk.find)
        yield desk.bus

    @asynccontextmanager
    async def commanding(nats: str) -> AsyncIterator[Commander]:
        async with connect(nats) as bus:
            yield Commander(bus, b"a session")

    monkeypatch.setattr(shell, "connect", connect)
    monkeypatch.setattr(shell, "commanding", commanding)
    return desk


def test_an_import_says_what_it_did_and_the_same_again_nothing_new(desk: Desk) -> None:
    result = desk.run("import", desk.file(GOOD))
    assert result.exit_code == 0 and "1 people added" in result.output and "1 towns written" in result.output
    again = json.loads(desk.run("import", desk.file(GOOD), "--json").stdout)
    assert (again["unchanged"], again["added"], again["towns_written"], again["bad"]) == (1, 0, 0, [])
    assert again["seconds"] >= 0


def test_bad_rows_are_a_table_of_line_and_reason_and_nothing_is_imported(desk: Desk) -> None:
    result = desk.run("import", desk.file(BAD))
    assert result.exit_code == 1 and result.stdout == ""
    assert "line" in result.stderr and "reason" in result.stderr and "--skip-bad" in result.stderr
    assert any(line.split()[0] == "3" and "'nowhere'" in line for line in result.stderr.splitlines())
    assert json.loads(desk.run("import", desk.file(GOOD), "--json").stdout)["added"] == 1


def test_a_program_is_told_of_bad_rows_in_json(desk: Desk) -> None:
    result = desk.run("import", desk.file(BAD), "--json")
    said = json.loads(result.stdout)
    assert result.exit_code == 1 and result.stderr == ""
    assert said["error"]["code"] == "BadRoster" and said["bad_rows"] == 1
    assert said["bad"] == [{"line": 3, "reason": "'nowhere' is not a village code"}]


def test_skip_bad_imports_the_others_and_still_shows_the_bad(desk: Desk) -> None:
    result = desk.run("import", desk.file(BAD), "--skip-bad")
    assert result.exit_code == 0 and "nowhere" in result.stderr and "1 people added" in result.stdout


def test_more_bad_rows_than_are_shown_are_counted(desk: Desk) -> None:
    result = desk.run("import", desk.file("x\n" * (limits.ROSTER_PROBLEMS_SHOWN_MAX + 1_234)))
    assert "1,234 more" in result.stderr


def test_prune_reports_who_left(desk: Desk) -> None:
    desk.run("import", desk.file(GOOD + f"p2,李芳,,{VILLAGE},\n"))
    assert json.loads(desk.run("import", desk.file(GOOD), "--prune", "--json").stdout)["left"] == 1


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_one_sentence(desk: Desk, name: str) -> None:
    result = desk.run("import", desk.folder / name)
    assert result.exit_code == 1 and "cannot be read" in result.stderr and "Traceback" not in result.stderr


def test_a_file_beyond_the_bound_is_one_sentence(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROSTER_FILE_BYTES_MAX", 8)
    result = desk.run("import", desk.file(GOOD), "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["error"]["code"] == "BadRoster"


def test_a_sample_goes_to_a_file_or_to_standard_output_alike(desk: Desk) -> None:
    out = desk.folder / "sample.csv"
    assert desk.run("sample", "--people", "50", "--seed", "3", "--out", out).exit_code == 0
    text = out.read_text("utf-8")
    assert text.count("\n") == 51
    assert desk.run("sample", "--people", "50", "--seed", "3", "--out", "-").stdout == text
    assert desk.run("sample", "--people", "50", "--seed", "3").stdout == text
    assert not (desk.folder / "-").exists()
    assert "50 people added" in desk.run("import", out).output


def test_find_asks_the_node_and_shows_people_as_text(desk: Desk) -> None:
    result = desk.run("find", "陈", "--node", "沙河街道", "--role", "flood", "--limit", "5")
    assert desk.asked == [api.Find("陈", "440106001", "flood", 5)]
    assert result.exit_code == 0 and "[bold]甲村" in result.stdout and "\x1b[2J" not in result.stdout
    assert "1 of 3" in result.stdout


def test_find_for_a_program_is_json(desk: Desk) -> None:
    said = json.loads(desk.run("find", "陈", "--node", "44", "--json").stdout)
    assert (said["total"], said["people"][0]["id"], desk.asked[0].node) == (3, "p1", "44")


def test_find_without_a_place_asks_for_the_whole_tree_of_the_node(desk: Desk) -> None:
    assert json.loads(desk.run("find", "陈", "--json").stdout)["total"] == 3
