"""What PROTOCOL.md says of alarms is so: its files are read, and what its lines of shell post is taken."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from fusioncmd.alarm import playbook as playbooks
from gateways.alarm import hooks, sources
from tests.test_tidy import ROOT

PAGE = (ROOT / "PROTOCOL.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(?:toml|sh) (\w+)\n(.*?)```", PAGE, re.DOTALL))


def test_the_files_of_the_page_are_read_and_mean_what_it_says() -> None:
    found = sources.read(BLOCKS["sources"].encode())
    assert [each.name for kind in (found.cap, found.hook, found.sensor) for each in kind] == [
        "weather", "towers", "tank-17",
    ]  # fmt: skip
    assert found.sensor[0].series["gas"].limits[0].above == 20 and found.sensor[0].series["gas"].silent_s == 60
    waits, at_once = playbooks.read(BLOCKS["playbooks"].encode())
    assert not waits.at_once and at_once.at_once and (at_once.cameras, at_once.experts[0].count) == (1, 2)


def test_what_the_pages_shell_posts_is_an_alarm_of_its_hook() -> None:
    if shutil.which("curl") is None or shutil.which("openssl") is None:
        pytest.skip("curl and openssl are not installed")
    came: list[tuple[str, str, bytes]] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            came.append((self.path, self.headers["fusion-signature"], body))
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook = sources.read(BLOCKS["sources"].encode()).hook[0]
    env = os.environ | {"KEY": hook.key, "URL": f"http://127.0.0.1:{server.server_port}", "no_proxy": "*"}
    try:
        subprocess.run(["sh", "-ec", BLOCKS["hook"]], env=env, check=True, timeout=20, capture_output=True)
    finally:
        server.shutdown()
        server.server_close()
    ((path, signed, body),) = came
    hooks.Signatures().check(signed, body, hook.key, time.time())
    alarm = hooks.alarm_of(body, hook, int(time.time() * 1000), lambda _: b"a" * 16, lambda *_: "")
    assert (path, alarm.source, alarm.event, alarm.nodes) == (
        "/alarms/hook/towers", "hook.towers", "smoke", ("440106001",),
    )  # fmt: skip
