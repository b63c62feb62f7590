"""A program at the command line: every command has --json, which it can read, and ends with 0 where all is well."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fusioncmd import ids
from fusioncmd.cli.__main__ import COMMANDS, load_command
from tests.smoke.conftest import SAMPLE
from tests.tier_process import PROGRAM, TierProcess, environment, run


@pytest.fixture(scope="module")
def order(tier: TierProcess) -> str:
    issued = tier.ask("call", "--to", "4401", "--text", "For programs.", "--answer", "ok", "--exercise")
    name: str = issued["id"]
    return name


def test_every_command_of_the_program_has_json() -> None:
    for name in COMMANDS:
        for one in leaves(load_command(name)):
            assert any("--json" in parameter.opts for parameter in one.params), f"{name} … {one.name}"


def leaves(command: Any) -> Iterator[Any]:
    """The commands that do something, of a group and the groups in it."""
    for one in getattr(command, "commands", {"": None}).values():
        yield from [command] if one is None else leaves(one)


def questions(order: str, tmp_path: Path) -> dict[tuple[object, ...], str]:
    """Each command, and a name that its answer has."""
    sample = tmp_path / "sample.csv"
    return {
        ("version",): "version",
        ("plan", "--people", 5_000): "gateways",
        ("health",): "caught_up",
        ("orders", "--open"): "orders",
        ("watch", order, "--once"): "total",
        ("watch", order, "--until-settled", "0.1"): "total",
        ("who", order): "people",
        ("report", order): "tally",
        ("report", order, "--csv", "--out", tmp_path / "out.csv"): "rows",
        ("reports", order): "lines",
        ("ticket", "--id", "4400000001"): "ticket",
        ("ticket", "--all", "--node", "4401", "--limit", 3, "--out", tmp_path / "t.bin"): "tickets",
        ("roster", "sample", *SAMPLE, "--out", sample): "people",
        ("roster", "import", sample): "rows",
        ("roster", "find", "陈", "--node", "44.01"): "people",
        ("update", order, "--text", "Better."): "order",
        ("cancel", "last"): "id",
        ("keys", "list"): "keys",
        ("accounts", "list"): "accounts",
        ("login",): "expires_s",
        ("whoami",): "roles",
        ("logout",): "name",
        ("audit", "list"): "entries",
        ("audit", "verify"): "audits",
        ("audit", "head"): "digest",
        ("proposals",): "proposals",
        ("devices", "code", "--id", "4400000001"): "code",
        ("devices", "list", "--id", "4400000001"): "devices",
        ("bus", "list"): "users",
        ("nodes", "list"): "approved",
        ("ladder", order): "steps",
        ("radios", "list"): "radios",
        ("cameras", "list"): "cameras",
        ("tracks", "list"): "tracks",
        ("tracks", "put", "kit-9", "--lat", 23.1, "--lon", 113.3, "--kind", "kit"): "address",
        ("tracks", "watch", "--once", "--kind", "kit"): "unit",
        ("tracks", "end", "44.kit-9"): "address",
        ("alarms", "list"): "lines",
        ("alarms", "dry"): "looked_at",
        ("departments", "list"): "lines",
        ("experts", "find"): "lines",
        ("places", "find"): "lines",
        ("experts", "draws"): "lines",
        ("satellite", "status"): "links",
        ("satellite", "budget"): "room_bits",
        ("voice", "find"): "bursts",
        ("video", "list"): "sources",
        ("video", "rolls"): "rolls",
        ("video", "find"): "lines",
        ("video", "keep"): "chosen",
        ("video", "pin", "440106", "--from", "2026-07-01T08:30", "--to", "2026-07-01T09:00"): "pins",
        ("bus", "grant", "commander-9", "--kind", "commander"): "key",
        ("tls", "init", "--data", tmp_path / "tls"): "certificate",
    }


def test_every_command_speaks_json_and_ends_well(tier: TierProcess, order: str, tmp_path: Path) -> None:
    said = questions(order, tmp_path)
    for typed, key in said.items():
        assert key in tier.ask(*typed), typed
    assert {typed[0] for typed in said} == set(COMMANDS) - {
        "up",
        "kit",
        "call",
        "approve",
        "withdraw",
        "answer",
    }  # these made the tier and the order, or have a story


def test_ids_are_text_and_bytes_are_not(tier: TierProcess, order: str) -> None:
    found = next(line["order"] for line in tier.ask("orders")["orders"] if line["order"]["id"] == order)
    assert len(ids.from_text(found["id"])) == 16 and found["audience"]["nodes"] == ["4401"] and found["refs"] is None


def test_watching_as_a_program_gives_a_line_whenever_something_changed(tier: TierProcess) -> None:
    said = tier.cli("call", "--to", "4403", "--text", "Go.", "--exercise", "--json")
    lines = tier.cli("watch", said.json["id"], "--until-settled", "0.2", "--json").lines
    assert len(lines) == 1 and json.loads(lines[0])["line"]["order"]["text"] == "Go."


def test_the_tickets_of_a_place_are_for_their_owner_alone(tier: TierProcess, tmp_path: Path) -> None:
    file = tmp_path / "tickets.bin"
    tier.ask("ticket", "--all", "--node", "4401", "--limit", 2, "--out", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert (tier.data / "keys" / "ticket.key").stat().st_mode & 0o777 == 0o600
    assert tier.data.stat().st_mode & 0o777 == 0o700


def test_help_is_there_for_every_command_in_either_language() -> None:
    whole = {lang: run("--help", lang=lang).out for lang in ("en", "zh")}
    for name, (_, en, zh) in COMMANDS.items():
        assert f"  {name}" in whole["en"] and en in whole["en"] and zh in whole["zh"]
    for name in ("call", "roster", "watch"):
        assert run(name, "--help").code == 0


def test_a_reader_that_has_seen_enough_is_no_failure(tier: TierProcess, order: str) -> None:
    shown = subprocess.Popen(
        [PROGRAM, "report", order, "--csv"], env=environment(**tier.env), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert shown.stdout is not None and shown.stderr is not None
    shown.stdout.close()
    assert shown.wait(20) == 0 and shown.stderr.read() == b""
    shown.stderr.close()
