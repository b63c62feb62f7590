"""An administrator makes an account for Guangzhou; its commander logs in by password and code, and has that alone."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fusioncmd.accounts import passwords
from fusioncmd.cli.__main__ import app
from tests.tier_process import COMMAND_S_MAX, PROGRAM, Ran, TierProcess, environment, until

PASSWORD = "correct horse battery"
SILENT = ("--role", "flood", "--exercise", "--text", "Report.", "--answer", "here")


class Desk:
    """A person at a machine of their own: a home without keys, and what they typed before."""

    def __init__(self, tier: TierProcess, home: Path) -> None:
        self.tier, self.home = tier, home
        home.mkdir()

    def run(self, *arguments: object, said: str = "", **env: str) -> Ran:
        done = subprocess.run(
            [PROGRAM, *map(str, arguments)], input=said.encode(), capture_output=True, timeout=COMMAND_S_MAX,
            env=environment(**(self.tier.far | {"HOME": str(self.home)} | env)),
        )  # fmt: skip
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())

    def here(self, *arguments: object, **env: str) -> Ran:
        """As `run`, in this process, which is quicker where many are asked."""
        more = self.tier.far | {"HOME": str(self.home)} | env
        done = CliRunner().invoke(app, [*map(str, arguments)], env=more)
        return Ran(done.exit_code, done.stdout, done.stderr)

    def ask(self, *arguments: object, **env: str) -> Any:
        ran = self.here(*arguments, "--json", **env)
        assert (ran.code, ran.err) == (0, ""), ran
        return ran.json

    def refused(self, *arguments: object, **env: str) -> str:
        ran = self.here(*arguments, **env)
        assert (ran.code, ran.out) == (1, ""), ran
        return " ".join(ran.err.split())


@pytest.fixture
def own(tmp_path: Path) -> Iterator[TierProcess]:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 600, "--seed", 3, "--out", tmp_path / "people.csv")
        assert tier.ask("roster", "import", tmp_path / "people.csv")["added"] == 600
        yield tier


def test_a_commander_of_guangzhou_logs_in_and_has_guangzhou_alone(own: TierProcess, tmp_path: Path) -> None:
    admin, chen = Desk(own, tmp_path / "admin"), Desk(own, tmp_path / "chen")
    keys = {"FUSIONCMD_KEYS": str(own.data / "keys")}
    assert "Nobody is logged in" in chen.refused("orders")
    made = admin.ask("accounts", "add", "chen", "--place", "4401", "--totp", FUSIONCMD_PASSWORD=PASSWORD, **keys)
    secret = base64.b32decode(made["totp_secret"])
    assert made["totp_uri"].startswith("otpauth://totp/") and made["account"]["path"] == "4401"

    assert "is wrong" in chen.refused("login", "chen", "--code", "000000", FUSIONCMD_PASSWORD=PASSWORD)
    until(lambda: login(chen, secret).code == 0)
    who = chen.ask("whoami")
    assert (who["name"], who["path"], who["by"]) == ("chen", "4401", "account")
    (session,) = (chen.home / ".fusioncmd" / "sessions").iterdir()
    assert session.stat().st_mode & 0o777 == 0o600

    whole = admin.ask("call", "--to", "44", *SILENT, **keys)
    called = chen.ask("call", "--to", "440106", *SILENT, **keys)  # the session is whose; the key only signs
    assert called["order"]["node"] == "4401" and 0 < called["targeted"] < 600
    assert "lies beyond 4401" in chen.refused("call", "--to", "4402", *SILENT, **keys)
    assert "lies beyond 4401" in chen.refused("call", "--to", "44", *SILENT, "--dry-run")
    assert "lies beyond 4401" in chen.refused("roster", "find", "", "--node", "4402")
    assert "is for: administrator" in chen.refused("accounts", "list")

    seen = chen.ask("watch", whole["id"], "--once")
    assert seen["total"]["code"] == "4401" and 0 < seen["line"]["targeted"] < whole["targeted"]
    people = chen.ask("who", whole["id"], "--all")
    assert people["total"] == seen["total"]["targeted"] and all(p["place"][:4] == "4401" for p in people["people"])
    assert chen.ask("health")["people"] < admin.ask("health", **keys)["people"] == 600

    node = own.child("-m tiers")
    kill(node)
    until(lambda: own.child("-m tiers") != node)
    assert chen.ask("whoami")["name"] == "chen"  # a restart logs nobody out

    admin.ask("accounts", "disable", "chen", **keys)
    assert "was ended" in chen.refused("orders")
    assert chen.ask("logout") == {"name": ""}
    assert admin.ask("accounts", "list", **keys)["accounts"][0]["disabled"]


def test_a_machine_with_the_offices_keys_needs_no_password_and_a_person_sees_a_qr_code(
    own: TierProcess, tmp_path: Path
) -> None:
    admin = Desk(own, tmp_path / "admin")
    here = {"FUSIONCMD_DATA": str(own.data)}
    who = admin.ask("whoami", **here)
    assert (who["by"], who["path"], sorted(who["roles"])) == ("key", "44", ["administrator", "commander"])
    shown = admin.run("accounts", "add", "li", "--place", "广州市", "--totp", said=f"{PASSWORD}\n", **here)
    assert shown.code == 0 and shown.out.count("█") > 100 and "shown this once" in shown.out
    assert "first to be tried" in admin.refused("accounts", "password", "li", FUSIONCMD_PASSWORD="password1234", **here)
    assert admin.ask("login", **here)["by"] == "key" and admin.ask("orders") == {"orders": []}
    assert admin.ask("logout") == {"name": "广东省"}
    assert "Nobody is logged in" in admin.refused("orders")
    assert admin.ask("health")["people"] is None  # that it runs is no secret


def login(desk: Desk, secret: bytes) -> Ran:
    """With the code of this moment; False while a failure before it has its delay."""
    return desk.run("login", "chen", "--code", passwords.code_now(secret, time.time()), said=f"{PASSWORD}\n")


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
