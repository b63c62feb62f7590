"""Where the modules of fusioncmd/web run in tests: Chromium without a window, and Node.js. Nothing is installed here.

Where they are missing, tests are skipped; in continuous integration, which says FUSIONCMD_BROWSER=required, they fail.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fusioncmd.supervisor import die_with_parent
from tests.test_tidy import ROOT

WEB = ROOT / "fusioncmd" / "web"
CHROMIUM_MIN, NODE_MIN = 137, 18  # the first with Ed25519 in WebCrypto
ANSWER_S_MAX = 110.0
PROGRAM = """
import { verify, Untrusted } from "TRUST";
const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16));
const hex = (data) => data && Array.from(data, (byte) => byte.toString(16).padStart(2, "0")).join("");
const judged = async ({ sealed, now_ms, revocations }, roots) => {
  try {
    const { order, ...who } = await verify(bytes(sealed), roots.map(bytes), now_ms, revocations.map(bytes));
    return { order: { ...order, id: hex(order.id), refs: hex(order.refs), root: hex(order.root) }, ...who };
  } catch (error) {
    return error instanceof Untrusted ? { reason: error.reason } : { failed: String(error), stack: error.stack };
  }
};
export const run = async ({ cases, roots }) => {
  const found = [];
  for (const one of cases) found.push(await judged(one, roots));
  return found;
};
"""
IN_NODE = """
import { readFileSync } from "node:fs";
import { run } from "./program.mjs";
run(JSON.parse(readFileSync("input.json", "utf8"))).then((found) => console.log(JSON.stringify(found)));
"""
IN_PAGE = """<!doctype html><meta charset="utf-8"><script type="module">
const post = (found) => fetch("/found", { method: "POST", body: JSON.stringify(found) });
try {
  const { run } = await import("/program.mjs");
  await post(await run(await (await fetch("/input.json")).json()));
} catch (error) {
  await post([{ failed: String(error) }]);
}
</script>"""

Run = Callable[[dict[str, object], Path], list[dict[str, Any]]]


def by_node(given: dict[str, object], folder: Path) -> list[dict[str, Any]]:
    node = program("node", NODE_MIN, "nodejs")
    (folder / "program.mjs").write_text(PROGRAM.replace("TRUST", (WEB / "trust.js").as_uri()), "utf-8")
    (folder / "node.mjs").write_text(IN_NODE, "utf-8")
    (folder / "input.json").write_text(json.dumps(given), "utf-8")
    argv = [node, "--no-warnings", "node.mjs"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=ANSWER_S_MAX, check=False)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


class _Handler(http.server.SimpleHTTPRequestHandler):
    """The page, the modules and the cases; what the page found comes back as a POST."""

    def __init__(
        self, *arguments: Any, served: dict[str, tuple[str, bytes]], found: list[bytes], done: threading.Event
    ):
        self._served, self._found, self._done = served, found, done
        super().__init__(*arguments)

    def do_GET(self) -> None:
        kind, data = self._served.get(self.path, ("", b""))
        self.send_response(200 if kind else 404)
        self.send_header("Content-Type", kind or "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        self._found.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()
        self._done.set()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: a test's output is its own."""


def by_chromium(given: dict[str, object], folder: Path) -> list[dict[str, Any]]:
    """127.0.0.1 is a secure context, without which there is no WebCrypto (W3C Secure Contexts, 3.1)."""
    browser = program("chromium", CHROMIUM_MIN, "chromium")
    script = "text/javascript"
    served = {
        "/": ("text/html", IN_PAGE.encode()),
        "/program.mjs": (script, PROGRAM.replace("TRUST", "/web/trust.js").encode()),
        "/input.json": ("application/json", json.dumps(given).encode()),
        **{f"/web/{file.name}": (script, file.read_bytes()) for file in WEB.glob("*.js")},
    }
    found: list[bytes] = []
    done = threading.Event()
    handler = functools.partial(_Handler, served=served, found=found, done=done)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        argv = [
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", f"--user-data-dir={folder / 'profile'}",
            f"http://127.0.0.1:{server.server_port}/",
        ]  # fmt: skip
        log = (folder / "chromium.log").open("wb")
        process = subprocess.Popen(argv, stdout=log, stderr=log, start_new_session=True, preexec_fn=die_with_parent)
        try:
            answered = done.wait(ANSWER_S_MAX)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the browser and the processes that it started
            process.wait()
            log.close()
            server.shutdown()
            serving.join()
    assert answered, (folder / "chromium.log").read_text("utf-8", "replace")[-2_000:]
    return list(json.loads(found[0]))


ENGINES: dict[str, Run] = {"node": by_node, "chromium": by_chromium}


def program(name: str, version_min: int, package: str) -> str:
    """Its path; the test is skipped, or fails where a browser is required, when it is not there or too old."""
    path = shutil.which(name)
    said = f"{name} {version_min} or later is not here: apt-get install {package}"
    if path is not None:
        shown = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False).stdout
        version = re.search(r"\d+", shown)
        if version is not None and int(version.group()) >= version_min:
            return path
        said = f"{name} is older than {version_min}: {shown.strip()}"
    required = os.environ.get("FUSIONCMD_BROWSER") == "required" and name == "chromium"
    pytest.fail(said) if required else pytest.skip(said)
