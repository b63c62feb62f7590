"""The node's counter for departments: the page of what leaves to each and what enters from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Any

from fusioncmd.access import Actor
from fusioncmd.api import departments as asked
from fusioncmd.bus.users import folder_of
from fusioncmd.departments.department import Department, desk_of
from fusioncmd.departments.folder import DepartmentFolder
from fusioncmd.departments.page import Counted, shares
from tiers.problems import Said
from tiers.serving import Answer


class DepartmentDesk:
    def __init__(self, data: FilePath) -> None:
        self._folder = DepartmentFolder(folder_of(data))
        self._counted: dict[str, dict[str, Counted]] = {}

    def answers(self) -> dict[type[Any], Answer]:
        return {asked.Departments: self.departments}

    def problems(self) -> Iterator[Said]:
        if self._folder.problem is not None:
            yield self._folder.problem

    async def departments(self, request: asked.Departments, who: Actor) -> asked.DepartmentsReply:
        lines = tuple(map(self._line, self._folder.current()))
        en, zh = self._folder.problem or ("", "")
        return asked.DepartmentsReply(lines, problem_en=en, problem_zh=zh)

    def _line(self, one: Department) -> asked.DepartmentLine:
        return asked.DepartmentLine(
            one.name, one.title, one.by, one.at, shares(one, self._counted.get(one.name, {})), url=one.url,
            desk=desk_of(one.node, one.name) if one.desk else "", desk_place=one.desk,
        )  # fmt: skip
