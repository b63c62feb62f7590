"""What the image does, done here: its steps run in a clean environment, and its commands are ones that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.test_tidy import ROOT

DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text("utf-8")


def instructions(name: str) -> list[str]:
    """Of the image itself; the pages are built in a stage before it."""
    joined = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :].replace("\\\n", " ")
    return [line.removeprefix(name).strip() for line in joined.splitlines() if line.startswith(f"{name} ")]


def sources(copied: str) -> list[str]:
    """What a COPY takes from the repository, and not from another stage."""
    return [] if copied.startswith("--from=") else copied.split()[:-1]


def copy_as_git_has_it(file: str, to: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z", file], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, to / name)


def test_everything_that_is_copied_is_in_the_repository() -> None:
    for copied in instructions("COPY"):
        for source in sources(copied):
            assert (ROOT / source).exists(), source
    assert "COPY fusioncmd/web /web\n" in DOCKERFILE and "--from=pages /web/dist /src/fusioncmd/web/dist" in DOCKERFILE


def test_it_runs_as_nobody_special_and_asks_for_its_health() -> None:
    assert instructions("USER") == ["fusioncmd"]
    (health,) = instructions("HEALTHCHECK")
    assert json.loads(health[health.index("CMD") + 3 :]) == ["fusioncmd", "health"]


def test_the_package_installs_as_the_image_installs_it_and_its_command_runs(tmp_path: Path) -> None:
    """Not editable, without the source beside it: what is missing from the package is missed here."""
    (run,) = instructions("RUN")
    assert re.search(r"pip install --no-cache-dir --no-deps --no-build-isolation /src", run)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    target, source = tmp_path / "site", tmp_path / "src"
    for copied in instructions("COPY"):
        for file in sources(copied):
            copy_as_git_has_it(file, source)
    page = source / "fusioncmd" / "web" / "dist" / "responder"
    (page / "assets").mkdir(parents=True)
    (page / "responder.html").write_text("as the stage before built it", "utf-8")
    (page / "assets" / "responder-abc.js").touch()
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--target", target, source], check=True, cwd=tmp_path)
    code = "import fusioncmd, gateways.responder.engine, tiers.node, loadtest.swarm; " \
           "from fusioncmd import divisions; print(fusioncmd.__file__, len(divisions.guangdong()))"  # fmt: skip
    said = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(target)}, cwd=tmp_path, capture_output=True, text=True
    )
    assert said.returncode == 0, said.stderr
    carried = target / "fusioncmd" / "web" / "dist" / "responder"
    assert (carried / "responder.html").is_file() and (carried / "assets" / "responder-abc.js").is_file()
    file, places = said.stdout.split()
    assert file.startswith(str(target)) and int(places) == 28_745
    command = subprocess.run(
        [sys.executable, "-m", "fusioncmd.cli", "up", "--help"],
        env={"PYTHONPATH": str(target)}, cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert command.returncode == 0 and "--host" in command.stdout
