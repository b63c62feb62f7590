"""`fusioncmd up`: it keeps its processes alive, and takes all of them with it, however it ends."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.smoke.handset import Handset
from tests.tier_process import PROGRAM, TierProcess, alive, children_of, command_line, environment, free_port, until


def descendants(pid: int) -> dict[int, str]:
    found = {child: command_line(child) for child in children_of(pid)}
    return found | {below: line for child in list(found) for below, line in descendants(child).items()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_tier_that_is_ended_leaves_no_process_and_no_port(tmp_path: Path, number: signal.Signals) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        pids = descendants(tier.process.pid)
        assert {part for line in pids.values() for part in ("nats-server", "tiers", "responder-1") if part in line} == {
            "nats-server", "tiers", "responder-1",
        }  # fmt: skip
        assert tier.stop(number) == 0
        assert not [line for pid, line in pids.items() if alive(pid)]
        for port in (tier.port, int(tier.nats.rpartition(":")[2])):
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 1.0)


def test_children_that_are_killed_are_started_again_and_nothing_that_was_stored_is_lost(tmp_path: Path) -> None:
    with TierProcess(tmp_path, "--gateways", 1) as tier:
        tier.ask("roster", "sample", "--people", 1, "--out", tmp_path / "people.csv")
        assert tier.ask("roster", "import", tmp_path / "people.csv")["added"] == 1
        ticket = base64.urlsafe_b64decode(tier.ask("ticket", "--id", "4400000001")["ticket"] + "==")
        issued = tier.ask("call", "--to", "44", "--text", "Remember.", "--answer", "yes", "--exercise")
        with Handset(tier.terminals, ticket) as device:
            device.answer(device.order("Remember."), "yes")
        before = set(tier.children())
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(set(tier.children()) - before) == len(before) == 3)
        until(lambda: tier.here("health").code == 0, 20)
        total = tier.ask("watch", issued["id"], "--once")["total"]
        assert (total["targeted"], total["by_answer"]) == (1, [1])
        said = "".join(tier.said)
        for name in ("responder-1", "node", "nats"):
            assert f"{name} ended (SIGKILL) and is started again; its log: {tier.data}/logs/{name}.log" in said
        pids = descendants(tier.process.pid)
        assert tier.stop(signal.SIGKILL) == -signal.SIGKILL
        assert pids
        until(lambda: not any(map(alive, pids)))  # the kernel tells one after the other
    with TierProcess(tmp_path, "--gateways", 1) as tier, Handset(tier.terminals, ticket) as device:
        assert device.order("Remember.").status == "exercise"
        assert tier.ask("watch", issued["id"], "--once")["total"]["by_answer"] == [1]


def test_up_joins_a_server_that_runs_and_leaves_it_running(tmp_path: Path) -> None:
    port = free_port()
    store = tmp_path / "store"
    server = subprocess.Popen(
        [PROGRAM.parent / "nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", store],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        url = f"nats://127.0.0.1:{port}"
        with TierProcess(tmp_path, "--gateways", 1, nats=url, lang="zh") as tier:
            assert any("已就绪" in line for line in tier.said) and any(url in line for line in tier.said)
            assert not any("nats-server" in line for line in tier.children().values())
            assert tier.ask("health")["gateways"] == ["responder-1"]
        assert server.poll() is None
    finally:
        server.terminate()
        server.wait(10)


def test_up_for_a_program_is_json_and_its_data_is_for_its_owner(tmp_path: Path) -> None:
    data, port = tmp_path / "data", free_port()
    options = ("--gateways", 1, "--data", data, "--port", port, "--nats-port", free_port())
    argv = [str(PROGRAM), "up", "--json", *map(str, options)]
    process = subprocess.Popen(argv, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        assert ready["ready"] and ready["node"] == "44" and ready["terminals"] == f"ws://127.0.0.1:{port}/terminal"
        assert data.stat().st_mode & 0o777 == 0o700
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        process.stdout.close()


def test_ctrl_c_before_it_is_ready_ends_it_and_its_children(tmp_path: Path) -> None:
    options = ("--data", tmp_path / "data", "--port", free_port(), "--nats-port", free_port())
    argv = [str(PROGRAM), "up", *map(str, options)]
    process = subprocess.Popen(argv, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    pids = until(lambda: descendants(process.pid))
    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert not [pid for pid in pids if alive(pid)]
