"""Real SIP clients for tests: baresip, which speaks and hears, and sipp, which plays a scenario.

Where they are missing, tests are skipped; in continuous integration, which says FUSIONCMD_SIP=required, they fail.
"""

from __future__ import annotations

import array
import contextlib
import itertools
import json
import os
import shutil
import socket
import subprocess
import time
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.nats_server import free_port
from tests.tier_process import until

MODULES = Path("/usr/lib/baresip/modules")
SCENARIOS = Path(__file__).parent / "sipp"
TONE_HZ = 440
SCENARIO_S_MAX = 20


def need_programs() -> None:
    missing = [name for name in ("baresip", "sipp") if shutil.which(name) is None]
    if missing or not MODULES.is_dir():
        said = f"{' and '.join(missing) or 'modules of baresip'} not installed here"
        pytest.fail(said) if os.environ.get("FUSIONCMD_SIP") == "required" else pytest.skip(said)


class Baresip:
    """A phone with a tone for a microphone, that takes every call and keeps what it hears. Ready inside the context."""

    def __init__(self, folder: Path, account: str, secret: str, proxy: str, *more: str) -> None:
        self.folder, self.account, self._control = folder, account, free_port()
        folder.mkdir()
        (folder / "contacts").touch()
        (folder / "accounts").write_text(
            f"<sip:{account}@{proxy}>;auth_user={account};auth_pass={secret};regint=600;answermode=auto"
            + "".join(f";{one}" for one in more)
            + "\n"
        )
        names = ("account", "ausine", "aubridge", "sndfile", "g711", "opus", "srtp", "menu", "ctrl_tcp")
        lines = (
            f"module_path {MODULES}", "sip_listen 127.0.0.1:0", "net_interface 127.0.0.1", f"snd_path {folder}",
            f"audio_source ausine,{TONE_HZ}", "audio_player aubridge,nowhere", "rtp_ports 20000-40000",
            *(f"module {name}.so" for name in names), f"ctrl_tcp_listen 127.0.0.1:{self._control}",
        )  # fmt: skip
        (folder / "config").write_text("\n".join(lines) + "\n")

    def __enter__(self) -> Baresip:
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["baresip", "-f", self.folder, "-s"], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self._socket = until(self._connected)
        self._socket.settimeout(0.05)
        self._held, self.events = b"", list[dict[str, Any]]()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(5.0)

    def _connected(self) -> socket.socket | None:
        try:
            return socket.create_connection(("127.0.0.1", self._control), 1.0)
        except OSError:
            return None

    def do(self, command: str, parameters: str = "") -> None:
        said = json.dumps({"command": command, "params": parameters}).encode()
        self._socket.sendall(b"%d:%s," % (len(said), said))

    def heard_of(self, kind: str) -> dict[str, Any] | None:
        """The first event of that kind that was not asked for yet."""
        with contextlib.suppress(TimeoutError):
            self._held += self._socket.recv(65_536)
        while (colon := self._held.find(b":")) >= 0:
            end = colon + 1 + int(self._held[:colon])
            if len(self._held) <= end:
                break
            self.events.append(json.loads(self._held[colon + 1 : end]))
            self._held = self._held[end + 1 :]
        found = next((one for one in self.events if one.get("type") == kind), None)
        if found is not None:
            self.events.remove(found)
        return found

    def wait(self, kind: str) -> dict[str, Any]:
        try:
            return until(lambda: self.heard_of(kind), 10.0)
        except AssertionError:
            raise AssertionError(f"no {kind}; {self.said()[-1_500:]}") from None

    def dial(self, uri: str) -> None:
        self.do("dial", uri)
        self.wait("CALL_ESTABLISHED")

    def hang_up(self) -> None:
        self.do("hangup")
        self.wait("CALL_CLOSED")

    def said(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def heard_s(self) -> float:
        """For how long the tone was heard, in all calls that are over: seconds in which it is what crosses zero."""
        return sum(map(tone_s, self.folder.glob("*-dec.wav")))


def tone_s(file: Path) -> float:
    """Seconds of `file`, in steps of 100 ms, whose loudest tone is ours."""
    with wave.open(str(file)) as opened:
        channels, rate = opened.getnchannels(), opened.getframerate()
        samples = array.array("h", opened.readframes(opened.getnframes()))[::channels]
    step, found = rate // 10, 0
    for start in range(0, len(samples) - step, step):
        part = samples[start : start + step]
        crossings = sum(a < 0 <= b for a, b in itertools.pairwise(part))
        found += max(part) > 2_000 and abs(crossings * 10 - TONE_HZ) <= 20
    return found / 10


def sipp(folder: Path, scenario: str, at: str, account: str, secret: str, dialled: str, transport: str) -> None:
    """Play `scenario` to its end five times; what sipp complains of is the failure."""
    users = folder / f"{scenario}-{transport}.csv"
    said = f"[authentication username={account} password={secret}]"
    users.write_text(f"SEQUENTIAL\n{account};{said};{dialled}\n")
    errors = folder / f"{scenario}-{transport}.errors"
    done = subprocess.run(
        ["sipp", at, "-sf", SCENARIOS / f"{scenario}.xml", "-inf", users, "-m", "5", "-l", "1", "-r", "20",
         "-i", "127.0.0.1", "-p", str(free_port()), "-t", transport, "-nostdin", "-trace_err", "-error_file", errors,
         "-timeout", str(SCENARIO_S_MAX)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=SCENARIO_S_MAX + 10, cwd=folder,
    )  # fmt: skip
    complaint = errors.read_text("utf-8", "replace") if errors.exists() else ""
    assert done.returncode == 0, f"{scenario} by {transport}: {complaint[:1_500]}"


def rest(seconds: float) -> None:
    """So that sound goes by."""
    time.sleep(seconds)
