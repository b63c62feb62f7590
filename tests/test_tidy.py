"""The house rules, as a test: layers, cycles, sizes, purity, and what the repository does not say."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.house import ONE_FILE_PER_LIBRARY, PURE

ROOT = Path(__file__).parent.parent
PACKAGES = ("fusioncmd", "tiers", "gateways", "loadtest")
LINES_MAX = 250
FUNCTION_LINES_MAX = 60
MAY_IMPORT = {
    "fusioncmd": {"fusioncmd"},
    "tiers": {"fusioncmd", "tiers"},
    "gateways": {"fusioncmd", "gateways"},
    "loadtest": {"fusioncmd", "tiers", "gateways", "loadtest"},
}
IMPURE = {"asyncio", "random", "secrets", "select", "socket", "subprocess", "threading", "time"}
RUN_LOOPS = {"tiers/folding.py", "tiers/serving.py"}  # the only places that may catch Exception

SOURCES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def module_of(path: Path) -> str:
    return relative(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


MODULES = {module_of(path) for path in SOURCES}


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules that a file imports when it is loaded, in full."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= inner & MODULES or {node.module}
    return frozenset(found)


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=relative)
def test_a_file_has_a_promise_a_size_and_no_unfinished_business(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    assert len(lines) <= LINES_MAX, f"{len(lines)} lines"
    if lines:
        assert ast.get_docstring(tree(path)), "no module docstring"
    marks = "TO" + "DO|FIX" + "ME|X" + "XX"
    assert not re.search(marks, text)
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= FUNCTION_LINES_MAX, f"{node.name} has {size} lines"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_imports_only_what_its_layer_may(path: Path) -> None:
    layer = relative(path).split("/")[0]
    ours = {name.split(".")[0] for name in imports(path)} & {*PACKAGES, "tests"}
    assert ours <= MAY_IMPORT[layer]
    for library, files in ONE_FILE_PER_LIBRARY.items():
        if any(name.split(".")[0] == library for name in imports(path)) and layer != "loadtest":
            assert relative(path) in files, f"{library} belongs in {files}"


def test_there_is_no_import_cycle() -> None:
    graph = {module_of(p): imports(p) for p in SOURCES}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"cycle: {' → '.join((*trail[trail.index(module) :], module))}"
        if module not in done:
            for imported in graph.get(module, set()) & graph.keys():
                visit(imported, (*trail, module))
            done.add(module)

    for module in graph:
        visit(module, ())


@pytest.mark.parametrize("name", PURE)
def test_a_pure_module_knows_no_socket_clock_or_chance(name: str) -> None:
    assert not {i.split(".")[0] for i in imports(ROOT / name)} & IMPURE


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_nothing_is_swallowed(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = "everything" if node.type is None else ast.unparse(node.type)
            reraises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if caught in ("everything", "Exception", "BaseException") and not reraises:
                assert relative(path) in RUN_LOOPS, f"line {node.lineno} catches {caught}"


def test_the_repository_speaks_of_the_project_alone() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    forbidden = re.compile(r"(?<![\w.])/(work|root|farm|opt)/\w|/tmp/\w|pypi\.org|registry\.npmjs|files\.pythonhosted")
    for name in listed.decode().split("\0"):
        path = ROOT / name
        if (
            name
            and path.is_file()
            and path.suffix in (".py", ".md", ".toml", ".lock", ".in", "", ".yml")
            and path != Path(__file__)
        ):
            found = forbidden.search(path.read_text("utf-8", "ignore"))
            assert found is None, f"{name}: {found and found.group()}"
