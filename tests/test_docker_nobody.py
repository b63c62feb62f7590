"""What the image runs, as the image runs it: as a user with no rights and no home, on a root file system that is
read-only, and with nothing to write to but the volume."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.nats_server import free_port
from tests.test_docker import instructions
from tests.test_tidy import ROOT
from tests.tier_process import PROGRAM, environment

UID = 10001
READY_S_MAX = 40.0
# A mount namespace of its own, in which everything is read-only but the volume; /run is a tmpfs as `--tmpfs /run` is.
# Where Python lies in root's home, which nobody else may enter, that home is replaced by one with Python alone.
SEALED = f"""
set -e
volume=$1; base=$2; repository=$3; shift 3
mount --make-rprivate /
mount --bind "$volume" "$volume"
mount -t tmpfs none /run
kept=0
for folder in "$base" "$repository"; do
  case "$folder" in /root/*) kept=$((kept + 1)); mkdir /run/$kept; mount --bind "$folder" /run/$kept; esac
done
if [ $kept -gt 0 ]; then
  mount -t tmpfs -o mode=0755 none /root
  kept=0
  for folder in "$base" "$repository"; do
    case "$folder" in /root/*) kept=$((kept + 1)); mkdir -p "$folder"; mount --move /run/$kept "$folder"; esac
  done
fi
mount -o remount,bind,ro /
exec setpriv --reuid {UID} --regid {UID} --clear-groups --no-new-privs "$@"
"""


def can_seal() -> bool:
    if os.geteuid() != 0:
        return False
    tried = subprocess.run(["unshare", "--mount", "sh", "-c", "mount -o remount,bind,ro /"], capture_output=True)
    return tried.returncode == 0


@pytest.mark.skipif(not can_seal(), reason="to seal a file system takes root")
def test_up_and_health_need_nothing_but_the_volume() -> None:
    assert any(f"--uid {UID} " in run for run in instructions("RUN"))
    volume = Path("/mnt") / f"fusioncmd-{os.getpid()}"  # where others may enter, as pytest's own folders forbid
    volume.mkdir()
    try:
        os.chown(volume, UID, UID)
        port = free_port()
        env = environment(FUSIONCMD_DATA=str(volume), HOME="/nonexistent", FUSIONCMD_NATS=f"nats://127.0.0.1:{port}")
        sealed = [
            "unshare",
            "--mount",
            "sh",
            "-c",
            SEALED,
            "sealed",
            str(volume),
            sys.base_prefix,
            str(ROOT),
            str(PROGRAM),
        ]
        options = ["--port", str(free_port()), "--nats-port", str(port), "--gateways", "1"]
        up = subprocess.Popen([*sealed, "up", *options], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            give_up = time.monotonic() + READY_S_MAX
            while (asked := subprocess.run([*sealed, "health"], env=env, capture_output=True, text=True)).returncode:
                assert up.poll() is None and time.monotonic() < give_up, (asked.stdout, asked.stderr)
                time.sleep(0.2)
            assert {path.stat().st_uid for path in volume.rglob("*")} == {UID}
            outside = [*sealed[:-1], "touch", f"/var/tmp/{volume.name}"]  # where anybody else may write
            assert subprocess.run(outside, capture_output=True).returncode != 0
        finally:
            up.terminate()
            up.communicate(timeout=20)
        assert up.returncode == 0
    finally:
        subprocess.run(["rm", "-rf", "--", str(volume)], check=True)
