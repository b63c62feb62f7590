"""How a scenario tells what it found: a table for people or one JSON object for programs, and an exit status.

The status is 0 only when the scenario's own checks hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fusioncmd.words import say
from loadtest.checker import Verdict

out = Console(markup=False, emoji=False, highlight=False)
err = Console(stderr=True, markup=False, emoji=False, highlight=False)


@dataclass(slots=True)
class Figure:
    name: str
    value: float | int | str
    unit: str = ""


@dataclass(slots=True)
class Result:
    """`failures` are sentences: what should have held and did not; `remarks` are what else a reader has to know.

    Where there is a `grid`, people see that instead of the list of figures.
    """

    scenario: str
    conditions: dict[str, object]
    figures: list[Figure] = field(default_factory=list)
    verdict: Verdict | None = None
    failures: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    grid: Table | None = None

    @property
    def good(self) -> bool:
        return not self.failures and (self.verdict is None or self.verdict.clean)

    def add(self, name: str, value: float | int | str, unit: str = "") -> None:
        self.figures.append(Figure(name, value, unit))


def show(result: Result, as_json: bool | str) -> int:
    """Print it; the exit status. With the name of a file, the JSON goes there and the table is printed all the same."""
    packed = msgspec.json.encode(_plain(result)) if as_json else b""
    if isinstance(as_json, str):
        Path(as_json).write_bytes(packed + b"\n")
    if as_json is True:
        print(packed.decode(), flush=True)
    else:
        _table(result)
    return 0 if result.good else 1


def note(text: str) -> None:
    """Progress, on standard error, so that standard output holds the result alone."""
    err.print(text, style="dim", soft_wrap=True)


def _plain(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    return {
        "scenario": result.scenario,
        "good": result.good,
        "conditions": result.conditions,
        "figures": {f"{f.name} [{f.unit}]" if f.unit else f.name: f.value for f in result.figures},
        "violations": {} if verdict is None else verdict.counts,
        "examples": [] if verdict is None else verdict.examples,
        "failures": result.failures,
        "remarks": result.remarks,
    }


def _table(result: Result) -> None:
    out.print(_figures(result) if result.grid is None else result.grid)
    for remark in result.remarks:
        out.print(remark, style="dim", soft_wrap=True)
    out.print("  ".join(f"{name} {value}" for name, value in result.conditions.items()), style="dim")
    if result.verdict is not None:
        out.print(verdict_text(result.verdict))
        _lines(result.verdict.examples)
    _lines(result.failures)
    word = say("PASS", "通过") if result.good else say("FAIL", "未通过")
    out.print(Text(f" {word} ", "bold white on green" if result.good else "bold white on red"))


def _figures(result: Result) -> Table:
    grid = Table(title=result.scenario, title_style="bold", title_justify="left", box=None, pad_edge=False)
    grid.add_column("")
    grid.add_column("", justify="right")
    grid.add_column("")
    for figure in result.figures:
        grid.add_row(figure.name, number(figure.value), figure.unit)
    return grid


def verdict_text(verdict: Verdict) -> Text:
    """Every kind of violation with its count: nought is what one wants to read."""
    text = Text()
    for kind, times in verdict.counts.items():
        text.append(f"{kind} {times}   ", "bold red" if times else "green")
    return text


def number(value: float | int | str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.3f}" if value < 10 else f"{value:,.1f}"


def _lines(sentences: Iterable[str]) -> None:
    for sentence in sentences:
        out.print(sentence, style="red", soft_wrap=True)
