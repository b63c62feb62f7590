"""Tab in a shell: orders, places and roles complete, as bash asks for them; and without a node nothing breaks."""

from __future__ import annotations

import subprocess

import pytest
import typer

from fusioncmd.cli.__main__ import load_command
from fusioncmd.cli.completion import complete_order
from tests.tier_process import PROGRAM, TierProcess, environment, free_port, speak


def offered(tier: TierProcess, line: str, **env: str) -> list[str]:
    """What Typer offers bash for the last word of `line`."""
    words = line.split(" ")
    asked = {"_FUSIONCMD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [PROGRAM], env=environment(**tier.env) | asked | env, capture_output=True, timeout=20, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.fixture(scope="module")
def order(tier: TierProcess) -> str:
    issued = tier.ask("call", "--to", "4401", "--text", "Complete me.", "--exercise")
    name: str = issued["id"]
    return name


def test_orders_complete_by_id_in_either_case_and_last_comes_first(tier: TierProcess, order: str) -> None:
    assert offered(tier, "fusioncmd watch ")[:2] == ["last", order]
    assert offered(tier, f"fusioncmd cancel {order[:24]}") == [order]
    assert offered(tier, f"fusioncmd who {order[:24].lower()}") == [order[:24].lower() + order[24:]]


def test_places_complete_one_tier_at_a_time_in_the_spelling_that_was_begun(tier: TierProcess) -> None:
    assert offered(tier, "fusioncmd call --to 44.0")[:2] == ["44.01", "44.02"]
    assert "440106" in offered(tier, "fusioncmd watch last --node 44010")
    assert offered(tier, "fusioncmd call --to 广州") == ["广州市", "广州军区三水农场"]
    assert "44" in offered(tier, "fusioncmd up --node ")


def test_roles_and_commands_and_options_complete(tier: TierProcess) -> None:
    assert offered(tier, "fusioncmd call --role f") == ["flood", "forest-fire"]
    assert offered(tier, "fusioncmd w") == ["watch", "who", "withdraw", "whoami"]
    assert offered(tier, "fusioncmd roster i") == ["import"]
    assert offered(tier, "fusioncmd call --answer-") == ["--answer-within"]


def test_without_a_node_nothing_is_offered_and_nothing_breaks(tier: TierProcess) -> None:
    assert offered(tier, "fusioncmd watch ", FUSIONCMD_NATS=f"nats://127.0.0.1:{free_port()}") == []


def test_bash_itself_completes(tier: TierProcess, order: str) -> None:
    script = f"""
        source <(_FUSIONCMD_COMPLETE=source_bash {PROGRAM})
        COMP_WORDS=(fusioncmd watch "{order[:20]}"); COMP_CWORD=2
        _fusioncmd_completion {PROGRAM}; echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "--norc", "-c", script], env=environment(**tier.env), capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == (order, 0), done.stderr


def test_an_order_that_is_offered_says_its_mode(tier: TierProcess, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    speak(monkeypatch, "zh")
    for name, value in tier.env.items():
        monkeypatch.setenv(name, value)
    assert (order, "演练 Complete me.") in complete_order(typer.Context(load_command("watch")), order)
