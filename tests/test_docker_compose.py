"""The five tiers of docker/compose.yml: the file says what it means, and how its tiers join each other is done here.

Sealed as containers are: a user with no rights and no home, a read-only root, and two folders to write to.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from msgspec import Meta, Struct
from typer.testing import CliRunner

from fusioncmd.cli.__main__ import app
from fusioncmd.keys import OTHERS
from fusioncmd.limits import CLUSTER_SERVERS
from tests.nats_server import free_port
from tests.smoke.tree import CHAIN
from tests.test_docker import instructions
from tests.test_docker_nobody import SEALED, UID, can_seal
from tests.test_tidy import ROOT
from tests.tier_process import PROGRAM, environment, until
from tiers.nats_cluster import CONFIG

JOIN = ROOT / "docker" / "join.sh"
# The folder of all tiers, the names that Docker would resolve, and /tmp; the rest as SEALED does it, around the volume.
APART = """
set -e
mount --make-rprivate /
mount --bind "$1/join" "$1/join"
mount --bind "$1/hosts" /etc/hosts
sealed=$2; repository=$3; shift 3
case "$repository" in /tmp/*) mkdir -p /run/kept; mount --bind "$repository" /run/kept; esac
mount -t tmpfs none /tmp
case "$repository" in /tmp/*) mkdir -p "$repository"; mount --move /run/kept "$repository"; esac
exec sh -c "$sealed" sealed "$@"
"""
Duration = Annotated[str, Meta(pattern=r"^([0-9]+(ms|s|m|h))+$")]


class Build(Struct, forbid_unknown_fields=True):
    context: str
    dockerfile: str


class Health(Struct, forbid_unknown_fields=True):
    test: list[str]
    interval: Duration
    timeout: Duration
    start_period: Duration


class Network(Struct, forbid_unknown_fields=True):
    internal: bool = False


class Volume(Struct, forbid_unknown_fields=True):
    pass


class Service(Struct, forbid_unknown_fields=True):
    """What the file uses of the Compose Specification (05-services); no other name may stand in it."""

    image: str
    build: Build
    entrypoint: list[str]
    command: list[str]
    user: str
    read_only: Literal[True]
    tmpfs: list[str]
    cap_drop: list[Literal["ALL"]]
    security_opt: list[Literal["no-new-privileges:true"]]
    restart: Literal["unless-stopped"]
    stop_grace_period: Duration
    healthcheck: Health
    environment: dict[str, str]
    volumes: list[Annotated[str, Meta(pattern=r"^[a-z]+:/[a-z]+$")]]
    networks: list[str]
    ports: list[Annotated[str, Meta(pattern=r"^127\.0\.0\.1:\d+:8701$")]] = []


class Compose(Struct, forbid_unknown_fields=True):
    name: str
    services: dict[str, Service]
    networks: dict[str, Network]
    volumes: dict[str, Volume]


def composed() -> Compose:
    said = yaml.safe_load((ROOT / "docker" / "compose.yml").read_text("utf-8"))
    return msgspec.convert({key: said[key] for key in said if not key.startswith("x-")}, Compose)


def test_five_tiers_each_below_the_one_before() -> None:
    services = composed().services
    assert tuple(each.environment["TIER_NODE"] for each in services.values()) == CHAIN
    names = list(services)
    for i, (name, tier) in enumerate(services.items()):
        env = tier.environment
        assert env["TIER_NAME"] == name
        assert env.get("TIER_BELOW") == (CHAIN[i + 1] if name != names[-1] else None)
        assert env.get("TIER_ABOVE") == (CHAIN[i - 1] if i else None)
        assert env.get("TIER_PARENT") == (f"{names[i - 1]}:7422" if i else None)


def test_what_it_names_is_there_and_no_link_passes_a_tier_by() -> None:
    file = composed()
    names = list(file.services)
    assert set(file.volumes) == {*names, "join"}
    users: dict[str, set[str]] = {name: set() for name in file.networks}
    for name, tier in file.services.items():
        assert tier.volumes == [f"{name}:/data", "join:/join"] and tier.tmpfs == ["/tmp"]
        assert (ROOT / "docker" / tier.build.context / tier.build.dockerfile).samefile(ROOT / "docker" / "Dockerfile")
        for network in tier.networks:
            users[network].add(name)
        assert bool(tier.ports) == ("terminals" in tier.networks)
        assert tier.healthcheck.test == ["CMD", "fusioncmd", "health"]
    links = {name: both for name, both in users.items() if file.networks[name].internal}
    assert links == {f"{a}-{b}": {a, b} for a, b in itertools.pairwise(names)}
    ports = [port for tier in file.services.values() for port in tier.ports]
    assert len(ports) == len(set(ports)) == len(users["terminals"])


def test_the_image_has_what_it_names() -> None:
    (tier, *_) = composed().services.values()
    assert f"docker/join.sh /usr/local/bin/{tier.entrypoint[0]}" in instructions("COPY")
    assert os.access(JOIN, os.X_OK) and [tier.user] == instructions("USER")
    assert any("-o fusioncmd -m 0700 /data /join" in run for run in instructions("RUN"))  # a new volume takes its owner


class Sealed:
    """A tier as its container would have it. All share this machine's loopback, so each has ports of its own."""

    def __init__(self, base: Path, code: str, name: str, **tier: str) -> None:
        self.data, nats = base / code, free_port()
        self.data.mkdir()
        os.chown(self.data, UID, UID)
        self.env = environment(
            FUSIONCMD_DATA=str(self.data), FUSIONCMD_NATS=f"tls://127.0.0.1:{nats}", HOME="/nonexistent",
            PATH=f"{PROGRAM.parent}:{os.environ['PATH']}", TIER_JOIN=str(base / "join"), TIER_NODE=code, TIER_NAME=name,
            **tier,
        )  # fmt: skip
        self.sealed = ["unshare", "--mount", "sh", "-c", APART, "apart", str(base), SEALED, str(ROOT), str(self.data)]
        self.sealed += [sys.base_prefix, str(ROOT)]
        ports = {"--nats-port": nats, "--port": free_port(), "--console-port": 0, "--gateways": 1}
        self.options = [str(word) for pair in ports.items() for word in pair]

    def start(self) -> None:
        self.process = subprocess.Popen(
            [*self.sealed, str(JOIN), *self.options], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def stop(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=20)[0].decode()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*self.sealed, *arguments], env=self.env, capture_output=True, text=True)

    def link(self, peer: str) -> Any:
        """How the link to `peer` is; `None` before the node answers."""
        if (ended := self.process.poll()) is not None:
            raise AssertionError((ended, self.stop()))
        said = CliRunner().invoke(app, ["health", "--json"], env=self.env).stdout  # sealed, it would cost a second
        links = json.loads(said).get("links", []) if said else []
        return next((link["state"] for link in links if link["peer"] == peer), None)


@pytest.fixture
def base() -> Iterator[Path]:
    folder = Path("/mnt") / f"fusioncmd-tiers-{os.getpid()}"  # where others may enter, as pytest's own folders forbid
    (folder / "join").mkdir(parents=True)
    (folder / "hosts").write_text("127.0.0.1 localhost province city\n", "ascii")
    os.chown(folder / "join", UID, UID)
    try:
        yield folder
    finally:
        subprocess.run(["rm", "-rf", "--", str(folder)], check=True)


@pytest.mark.skipif(not can_seal(), reason="to seal a file system takes root")
def test_two_tiers_join_without_hand_work_and_are_linked_in_tls(base: Path) -> None:
    port = free_port()
    province = Sealed(base, "44", "province", TIER_BELOW="4401", TIER_LINKS=f"127.0.0.1:{port}")
    city = Sealed(base, "4401", "city", TIER_ABOVE="44", TIER_PARENT=f"province:{port}")
    province.start()
    try:
        city.start()
        try:
            until(lambda: province.link("4401") == "up" == city.link("44"), 60.0)
            assert f'url: "tls://province:{port}"' in (city.data / "nats" / "nats-server.conf").read_text()
            for tier in (province, city):
                asked = tier.run("fusioncmd", "health")  # as the container is asked
                assert asked.returncode == 0, asked
            shared = {file.name: file.read_text() for file in (base / "join").iterdir()}
            assert set(shared) == {"44.ca.pem", "4401.ca.pem", "4401.join.json", "4401.joined.json"}
            assert not any("PRIVATE" in text for text in shared.values())
            outside = city.run("touch", f"{base}/44/x")  # of the other tier
            assert outside.returncode != 0
            city.stop(), province.stop()
            (base / "join" / "4401.join.json").unlink()  # what was given once is not asked for again
            (province.data / "keys" / "root.key").unlink()  # in a safe, as `keys init` says
            province.start(), city.start()
            until(lambda: province.link("4401") == "up" == city.link("44"), 60.0)
        finally:
            said = city.stop()
        assert city.process.returncode == 0, said
    finally:
        said = province.stop()
    assert province.process.returncode == 0, said


@pytest.mark.skipif(not can_seal(), reason="to seal a file system takes root")
def test_a_tier_that_nobody_lets_in_says_what_it_waited_for(base: Path) -> None:
    city = Sealed(base, "4401", "city", TIER_ABOVE="44", TIER_PARENT="province:7422", TIER_WAIT_S_MAX="1")
    city.start()
    began_s = time.monotonic()
    said = city.process.communicate(timeout=30)[0].decode()
    assert city.process.returncode == 1 and "4401.joined.json" in said and "该级是否在运行" in said, said
    assert time.monotonic() - began_s < 30 and not (city.data / "above").exists()


def test_the_commands_for_a_cluster_make_three_configurations(tmp_path: Path) -> None:
    """That such servers run, and lose one, is in test_nats_cluster."""
    (block,) = re.findall(r"```sh\n(.*?)```", (ROOT / "docker" / "cluster" / "README.md").read_text("utf-8"), re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line, comments=True)
        program = [sys.executable] if words[0] == "python" else [str(PROGRAM)]
        env = environment(PYTHONPATH=str(ROOT))
        done = subprocess.run([*program, *words[1:]], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done
    assert (tmp_path / "data" / "tls" / "ca.pem").exists() and (tmp_path / "data" / "bus" / "node.nk").exists()
    for number in range(1, CLUSTER_SERVERS + 1):
        file = tmp_path / "cluster" / str(number) / CONFIG
        assert file.stat().st_mode & OTHERS == 0 and f'server_name: "fc-44-{number}"' in file.read_text("utf-8")
