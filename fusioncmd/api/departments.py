"""Questions about departments: on one page, subject by subject, what leaves to each and what enters from it. Pure."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fusioncmd.api.question import Question, Verbs
from fusioncmd.departments.department import By


class Departments(Question["DepartmentsReply"], frozen=True):
    """`departments`: all of the node's."""


class ShareLine(Struct, frozen=True):
    """One thing that passes. `subject`: as the department knows it; by HTTP, the way of the URL. `count`: how often it
    did since the node began; `refused`: how often it was not taken."""

    way: Literal["leaves", "enters"]
    subject: str
    en: str
    zh: str
    count: int = 0
    refused: int = 0


class DepartmentLine(Struct, frozen=True):
    """`here`: it answered lately; None: nothing was said to it yet. `waiting`: how much it was not told yet; `problem`:
    why. `desk`: as orders name its duty desk, with the place and the name there; empty where it has none."""

    name: str
    title: str
    by: By
    at: tuple[str, ...]
    shares: tuple[ShareLine, ...]
    here: bool | None = None
    waiting: int = 0
    problem_en: str = ""
    problem_zh: str = ""
    url: str = ""
    desk: str = ""
    desk_place: str = ""
    desk_name: str = ""


class DepartmentsReply(Struct, frozen=True):
    """`gateway`: the gateway of alarms is there, without which nothing enters; `problem`: of the department files."""

    lines: tuple[DepartmentLine, ...]
    gateway: bool = False
    problem_en: str = ""
    problem_zh: str = ""


VERBS: Verbs = {Departments: ("departments", DepartmentsReply)}
