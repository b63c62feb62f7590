"""The tree of places of one province, from a CSV of `code,name`. Pure but for `load` and `guangdong`.

A parent that the file leaves out is implied: a city without counties has one county token, `00`, that carries the
city's name (Dongguan, Zhongshan and their like elsewhere). A functional zone that stands where a county or a town
does needs nothing special: it is a code like any other.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from functools import cached_property, lru_cache
from importlib.resources import files
from pathlib import Path as FilePath

from fusioncmd import codes
from fusioncmd.codes import Path, Tier
from fusioncmd.errors import BadCode, BadInput, NotFound


class Divisions:
    """All places of a province: `names` by code, in code order."""

    def __init__(self, names: dict[str, str]) -> None:
        complete = dict(names)
        for code in names:
            while (code := codes.above(code)) and code not in complete:
                complete[code] = _implied_name(code, names)
        self.names = dict(sorted(complete.items()))
        roots = [c for c in self.names if len(c) == 2]
        if len(roots) != 1:
            raise BadInput(
                f"The divisions file holds {len(roots)} provinces; it must hold exactly one.",
                f"区划文件包含 {len(roots)} 个省级代码，应当只有一个。",
            )
        self.root = Path(roots[0])

    @cached_property
    def _children(self) -> dict[str, list[Path]]:
        children: dict[str, list[Path]] = {}
        for code in self.names:
            path = Path(code)
            if path.parent is not None:
                children.setdefault(path.parent.code, []).append(path)
        return children

    @cached_property
    def towns(self) -> list[Path]:
        """All towns in code order."""
        return [Path(c) for c in self.names if len(c) == 9]

    def __contains__(self, path: Path) -> bool:
        return path.code in self.names

    def __len__(self) -> int:
        return len(self.names)

    def children(self, path: Path) -> list[Path]:
        return self._children.get(path.code, [])

    def towns_under(self, path: Path) -> list[Path]:
        """The towns that `path` covers, in code order; a village's own town for a village."""
        if path.tier is Tier.VILLAGE:
            return [path.at(Tier.TOWN)]
        start = bisect_left(self.towns, path)
        end = bisect_left(self.towns, Path(path.code + ":"))  # ':' sorts after every digit
        return self.towns[start:end]

    def name(self, path: Path) -> str:
        return self.names.get(path.code, path.code)

    def full_name(self, path: Path) -> str:
        """Names from the city down, a repeated one (Dongguan's county row) said once."""
        said: list[str] = []
        for step in (*path.ancestors(), path):
            name = self.name(step)
            if (step.tier > Tier.PROVINCE or path.tier is Tier.PROVINCE) and name not in said[-1:]:
                said.append(name)
        return "".join(said)

    def find(self, text: str) -> Path:
        """The place that a person meant: a code in any spelling, or a name that only one place bears."""
        try:
            path = codes.parse(text)
        except BadCode:
            if any(c.isdigit() for c in text) or not text.strip():
                raise
            return self._by_name(text.strip())
        if path in self:
            return path
        for padded, length in (("0000", 2), ("00", 4)):
            if len(path.code) == 6 and path.code.endswith(padded) and Path(path.code[:length]) in self:
                return Path(path.code[:length])
        raise NotFound(f"There is no place with the code {path.code}.", f"没有代码为 {path.code} 的地点。")

    def _by_name(self, name: str) -> Path:
        found = [Path(c) for c, n in self.names.items() if n == name]
        if found:
            top = min(found, key=lambda p: (p.tier, p))
            if all(top.covers(p) for p in found):
                return top
            shown = "、".join(f"{p.code} {self.full_name(p)}" for p in found[:5])
            raise BadCode(
                f"{len(found)} places are called {name}: {shown}.",
                f"有 {len(found)} 个地点名为{name}：{shown}。",
            )
        raise NotFound(f"There is no place called {name}.", f"没有名为“{name}”的地点。")


def parse_csv(text: str, source: str) -> Divisions:
    """`Divisions` from CSV text with the columns `code,name`; `source` names the file in errors."""
    names: dict[str, str] = {}
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    for line, row in enumerate(reader, start=1):
        if not row or (line == 1 and row[0].strip().lower() == "code"):
            continue
        try:
            code, name = codes.digits_of(row[0]), row[1].strip()
        except (BadCode, IndexError):
            raise BadInput(
                f"{source}, line {line}: expected code,name and found {','.join(row)[:60]!r}.",
                f"{source} 第 {line} 行：应为 code,name，实为“{','.join(row)[:60]}”。",
            ) from None
        if code in names and names[code] != name:
            raise BadInput(
                f"{source}, line {line}: code {code} is given twice.",
                f"{source} 第 {line} 行：代码 {code} 重复。",
            )
        names[code] = name
    return Divisions(names)


@lru_cache(maxsize=1)
def guangdong() -> Divisions:
    """Guangdong, which ships with the package (see geo/README.md for source and licence)."""
    return parse_csv((files("fusioncmd") / "geo" / "guangdong.csv").read_text("utf-8"), "guangdong.csv")


def load(file: FilePath | None) -> Divisions:
    """Another province's divisions from a CSV file (UTF-8, with or without BOM, or GB 18030); Guangdong without one."""
    if file is None:
        return guangdong()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise NotFound(f"{file} cannot be read: {error.strerror}.", f"无法读取 {file}：{error.strerror}。") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return parse_csv(data.decode(encoding), file.name)
        except UnicodeDecodeError:
            continue
    raise BadInput(f"{file} is neither UTF-8 nor GB 18030.", f"{file} 既非 UTF-8 也非 GB 18030 编码。")


def _implied_name(code: str, names: dict[str, str]) -> str:
    return names.get(code[:-2], code) if len(code) == 6 and code.endswith("00") else code
