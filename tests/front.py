"""HAProxy and nginx in front of a tier, each with the configuration of `docker/front`, and a throw-away authority.

Nothing is installed here. Where the programs are missing, tests are skipped; in continuous integration, which says
FUSIONCMD_FRONT=required, they fail instead.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from fusioncmd.supervisor import die_with_parent
from tests.test_tidy import ROOT
from tests.tier_process import free_port, until

CONFIGURATIONS = ROOT / "docker" / "front"
STREAM = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
START_S_MAX = 10.0


def need_programs() -> None:
    missing = [name for name in ("haproxy", "nginx", "openssl") if shutil.which(name, path=PATH) is None]
    missing += [] if "nginx" in missing or STREAM.exists() else ["libnginx-mod-stream"]
    if missing:
        said = f"TLS in front is not tested: apt-get install {' '.join(missing)}"
        pytest.fail(said) if os.environ.get("FUSIONCMD_FRONT") == "required" else pytest.skip(said)


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Authority:
    """Its certificate is `ca.pem`; `tls.pem` is the front's: certificate and key in one file."""

    def __init__(self, folder: Path) -> None:
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        self.ca, self.server = folder / "ca.pem", folder / "tls.pem"
        openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=tests", folder=folder)
        request = (
            "-subj",
            "/CN=front",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=CA:FALSE",
        )
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key")
        openssl("req", "-x509", *key, *signed, "-keyout", "key.pem", "-out", "cert.pem", *request, folder=folder)
        self.server.write_bytes((folder / "cert.pem").read_bytes() + (folder / "key.pem").read_bytes())

    def trusting(self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
        """What a terminal that trusts this authority speaks: that version and no other."""
        context = ssl.create_default_context(cafile=str(self.ca))
        context.minimum_version = context.maximum_version = version
        return context


class Front:
    """The program with its configuration of docker/front, changed where paths and ports of this run have to stand."""

    def __init__(self, program: str, folder: Path, authority: Authority, gateway_port: int) -> None:
        self.program, self.port, self.health_port = program, free_port(), free_port()
        self.folder = folder / program
        self.folder.mkdir()
        self.socket = self.folder / "admin.sock"
        changes = {"/etc/fusioncmd/tls.pem": str(authority.server), "127.0.0.1:8701": f"127.0.0.1:{gateway_port}"}
        if program == "haproxy":
            changes |= {"bind :443 ": f"bind 127.0.0.1:{self.port} ", "/run/haproxy/admin.sock": str(self.socket)}
            changes |= {"maxconn 100000": "maxconn 500"}  # machines for tests allow fewer descriptors
            changes |= {"user haproxy": "", "group haproxy": ""}  # whoever changes its user outlives its parent
        else:
            changes |= {"listen 443 ": f"listen 127.0.0.1:{self.port} "}
            changes |= {"127.0.0.1:8702": f"127.0.0.1:{self.health_port}"}
            changes |= {"/run/nginx.pid": f"{self.folder}/pid", "/var/log/nginx/error.log": f"{self.folder}/error.log"}
            changes |= {"connections 100000": "connections 500", "worker_rlimit_nofile 210000;": ""}
            changes |= {"user www-data;": ""}
        text = next(CONFIGURATIONS.glob(f"{program}.*")).read_text("utf-8")
        for old, new in changes.items():
            assert old in text, old
            text = text.replace(old, new)
        self.file = self.folder / "front.conf"
        self.file.write_text(text)

    def argv(self) -> list[str]:
        path = shutil.which(self.program, path=PATH)
        assert path is not None
        if self.program == "haproxy":
            return [path, "-db", "-f", str(self.file)]
        # One process, so that nothing is left of it even if the tests are killed.
        one = "daemon off; master_process off;"
        return [path, "-e", str(self.folder / "start.log"), "-c", str(self.file), "-g", one]

    def judged(self) -> str:
        """What the program says of its configuration."""
        check = "-c" if self.program == "haproxy" else "-t"
        done = subprocess.run(
            [*self.argv(), check], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def __enter__(self) -> Front:
        with (self.folder / "said.log").open("wb") as out:
            self.process = subprocess.Popen(
                self.argv(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                preexec_fn=die_with_parent,
            )  # fmt: skip
        try:
            until(lambda: self.process.poll() is not None or self.listens(), START_S_MAX)
            assert self.process.poll() is None, self.said()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def said(self) -> str:
        return "".join(file.read_text("utf-8", "replace") for file in self.folder.glob("*.log"))

    def connect(self, context: ssl.SSLContext, source: str = "127.0.0.1") -> ssl.SSLSocket:
        """A TLS connection from the address `source`."""
        plain = socket.create_connection(("127.0.0.1", self.port), 10.0, source_address=(source, 0))
        return context.wrap_socket(plain, server_hostname="127.0.0.1")
